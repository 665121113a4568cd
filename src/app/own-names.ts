import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { Log } from "../base/log.ts";
import { AsteriskNames } from "../drivers/asterisk-names.ts";
import type { GuardService } from "../firewall/service.ts";

/** A guarded Asterisk asks no name server: what it may know of names is given to it, and whatever changes of them. */
export class OwnNames {
  #names: AsteriskNames;
  readonly #unit: boolean;
  readonly #directory: string;
  readonly #changed: () => Promise<void>;
  readonly #log: Log;
  #given = false;
  #dispose: Dispose = () => undefined;

  /**
   * `changed`: makes a running Asterisk look its names up again. `unit`: Asterisk's unit puts the two files into the
   * place of the machine's, so that they have to be there whenever it starts.
   */
  constructor(runtime: string, unit: boolean, changed: () => Promise<void>, log: Log) {
    this.#unit = unit;
    this.#directory = join(runtime, "names");
    this.#names = new AsteriskNames(this.#directory);
    this.#changed = changed;
    this.#log = log;
  }

  /** For the next start of Asterisk as our child; null: it uses the machine's resolver. */
  get files(): { readonly hosts: string; readonly services: string } | null {
    return this.#given ? this.#names : null;
  }

  /** To be called once the guard, if there is one, has looked its names up, before Asterisk starts. */
  async start(guard: GuardService | null): Promise<void> {
    if (guard === null) {
      // Nobody looks names up for it then.
      this.#names = new AsteriskNames(this.#directory, "dns");
      if (this.#unit) await this.#write(new Map());
      return;
    }
    if (!this.#unit && !(await this.#names.possible())) {
      const remedy = "running as root with CAP_SYS_ADMIN prevents it";
      this.#log.warn("Asterisk asks name servers itself: names in forged packets can hold all calls up", { remedy });
      return;
    }
    await this.#write(guard.names);
    this.#given = true;
    this.#dispose = guard.on("names", () => {
      this.#give(guard).catch((error: unknown) => {
        this.#log.error("Asterisk was not told of a name's other addresses", { error: describeError(error) });
      });
    });
  }

  stop(): void {
    this.#dispose();
  }

  async #write(names: GuardService["names"]): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o755 });
    // Whatever our umask is, another user has to read them.
    await chmod(this.#directory, 0o755);
    await this.#names.write(names);
    for (const file of [this.#names.hosts, this.#names.services]) await chmod(file, 0o644);
  }

  async #give(guard: GuardService): Promise<void> {
    if (await this.#names.write(guard.names)) await this.#changed();
  }
}
