import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type CommandOptions, eventually, run } from "./command.ts";
import { addresses, type Outside } from "./outside.ts";

/**
 * Commands inside the machine, as root, through its own sshd with a key made for this run: nothing is put into the image
 * for the test. The machine's host key is kept from the first time on, so that one that changes is noticed.
 */
export class Ssh {
  readonly #outside: Outside;
  readonly #key: string;
  readonly #knownHosts: string;
  #session = 0;

  private constructor(outside: Outside, key: string) {
    this.#outside = outside;
    this.#key = key;
    this.#knownHosts = join(outside.directory, "known-hosts");
  }

  static async create(outside: Outside): Promise<Ssh> {
    const key = join(outside.directory, "id");
    if (!existsSync(key)) await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "image-test", "-f", key]);
    return new Ssh(outside, key);
  }

  publicKey(): Promise<string> {
    return readFile(`${this.#key}.pub`, "utf8");
  }

  /** Resolves once somebody can log in, in a session of its own for this boot. */
  async connect(limitMs: number): Promise<void> {
    await this.forget();
    this.#session++;
    await eventually("ssh", limitMs, () => this.run("true", { timeoutMs: 60_000 }));
  }

  /** Ends the shared connection, as the machine behind it has gone. */
  async forget(): Promise<void> {
    const control = this.#control;
    if (!existsSync(control)) return;
    await run(["ssh", "-F", "/dev/null", "-O", "exit", "-o", `ControlPath=${control}`, "x"]).catch(() => undefined);
    await rm(control, { force: true });
  }

  /** Runs a shell's command line. Its output; throws when it fails. */
  run(command: string, options: CommandOptions = {}): Promise<string> {
    return this.#outside.run([...this.#words, command], { timeoutMs: 120_000, ...options });
  }

  /** Starts a command line that goes on. */
  spawn(command: string): ChildProcess {
    return this.#outside.spawn([...this.#words, command]);
  }

  /** Tries to log in otherwise; what ssh said, and whether it worked. */
  async tryLogin(options: readonly string[]): Promise<{ readonly ok: boolean; readonly said: string }> {
    const base = ["ssh", "-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"];
    const words = [...base, "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", ...options, "true"];
    return this.#outside.run(words).then(
      (said) => ({ ok: true, said }),
      (error: unknown) => ({ ok: false, said: String(error) }),
    );
  }

  get #control(): string {
    return join(this.#outside.directory, `ssh-${this.#session}`);
  }

  get #words(): readonly string[] {
    const options = [
      `ControlPath=${this.#control}`,
      "ControlMaster=auto",
      "ControlPersist=yes",
      `UserKnownHostsFile=${this.#knownHosts}`,
      ...["StrictHostKeyChecking=accept-new", "BatchMode=yes", "ConnectTimeout=30", "ServerAliveInterval=20"],
      ...["IdentitiesOnly=yes", "LogLevel=ERROR"],
    ];
    const words = options.flatMap((option) => ["-o", option]);
    return ["ssh", "-F", "/dev/null", "-i", this.#key, ...words, `root@${addresses.machine}`];
  }
}
