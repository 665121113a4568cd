import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { Log } from "../base/log.ts";
import { AsteriskNames } from "../drivers/asterisk-names.ts";
import type { GuardService } from "../firewall/service.ts";

/** A guarded Asterisk asks no name server: what it may know of names is given to it, and whatever changes of them. */
export class OwnNames {
  readonly #names: AsteriskNames;
  readonly #directory: string;
  readonly #changed: () => Promise<void>;
  readonly #log: Log;
  #given = false;
  #dispose: Dispose = () => undefined;

  /** `changed`: makes a running Asterisk look its names up again. */
  constructor(runtime: string, changed: () => Promise<void>, log: Log) {
    this.#directory = join(runtime, "names");
    this.#names = new AsteriskNames(this.#directory);
    this.#changed = changed;
    this.#log = log;
  }

  /** For the next start of Asterisk; null: it uses the machine's resolver. */
  get files(): { readonly hosts: string; readonly services: string } | null {
    return this.#given ? this.#names : null;
  }

  /** To be called once the guard has looked its names up, before Asterisk starts. */
  async start(guard: GuardService): Promise<void> {
    if (!(await this.#names.possible())) {
      const remedy = "running as root with CAP_SYS_ADMIN prevents it";
      this.#log.warn("Asterisk asks name servers itself: names in forged packets can hold all calls up", { remedy });
      return;
    }
    await mkdir(this.#directory, { recursive: true, mode: 0o755 });
    await this.#names.write(guard.names);
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

  async #give(guard: GuardService): Promise<void> {
    if (await this.#names.write(guard.names)) await this.#changed();
  }
}
