import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { within } from "../../src/base/lifecycle.ts";
import type { LabHost } from "../integration/support/lab.ts";

/**
 * fail2ban with its stock jail for Asterisk and its fastest way of reading a log. Its configuration, socket, database and
 * log are in a directory of its own, its rules in the host's network namespace: the machine's own is not touched.
 */
export class Fail2ban {
  readonly #host: LabHost;
  readonly #process: ChildProcess;
  readonly #directory: string;

  private constructor(host: LabHost, process: ChildProcess, directory: string) {
    this.#host = host;
    this.#process = process;
    this.#directory = directory;
  }

  /** `asteriskLog`: the file that the stock jail would find at /var/log/asterisk/messages. */
  static async start(host: LabHost, directory: string, asteriskLog: string): Promise<Fail2ban> {
    const config = join(directory, "etc");
    await mkdir(directory, { recursive: true });
    await cp("/etc/fail2ban", config, { recursive: true });
    // What this machine has switched on for itself.
    await rm(join(config, "jail.d"), { recursive: true, force: true });
    await rm(join(config, "jail.local"), { force: true });
    const jail = [
      ...["[asterisk]", "enabled = true", "backend = pyinotify", `logpath = ${asteriskLog}`],
      // To spare itself it asks for the machine's own name, and would wait for seconds where there is no name server.
      "ignoreself = false",
    ];
    await writeFile(join(config, "jail.local"), `${jail.join("\n")}\n`);
    const server = [
      `logtarget = ${join(directory, "fail2ban.log")}`,
      `dbfile = ${join(directory, "fail2ban.sqlite3")}`,
    ];
    await writeFile(join(config, "fail2ban.local"), ["[Definition]", ...server, ""].join("\n"));
    const child = host.spawn(["fail2ban-server", ...options(directory), "-xf", "start"]);
    for (const stream of [child.stdout, child.stderr]) stream?.resume();
    const made = new Fail2ban(host, child, directory);
    await within(20_000, made.#ready(), "fail2ban did not watch the log");
    return made;
  }

  get log(): string {
    return join(this.#directory, "fail2ban.log");
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Addresses that it has banned by now. */
  async banned(): Promise<number> {
    const text = await this.#host.run(["fail2ban-client", ...options(this.#directory), "status", "asterisk"]);
    return Number(/Currently banned:\s*(\d+)/.exec(text)?.[1] ?? Number.NaN);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    await within(15_000, gone, "fail2ban did not end").catch(() => this.#process.kill("SIGKILL"));
    await gone;
  }

  /** It says so in its log only. */
  async #ready(): Promise<void> {
    for (;;) {
      const text = await readFile(this.log, "utf8").catch(() => "");
      if (/Jail 'asterisk' started/.test(text)) {
        if (!/Initiated 'pyinotify' backend/.test(text)) throw new Error("fail2ban does not use pyinotify");
        return;
      }
      if (this.#process.exitCode !== null) throw new Error(`fail2ban has ended: ${text.slice(-1_000)}`);
      await delay(50);
    }
  }
}

function options(directory: string): string[] {
  return ["-c", join(directory, "etc"), "-s", join(directory, "socket"), "-p", join(directory, "pid")];
}
