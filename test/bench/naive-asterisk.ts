import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { within } from "../../src/base/lifecycle.ts";
import { findAsterisk } from "../../src/drivers/asterisk-files.ts";
import type { LabHost } from "../integration/support/lab.ts";

const modules = [
  "res_sorcery_config res_pjproject res_rtp_multicast res_rtp_asterisk res_timing_timerfd res_security_log",
  "chan_sip pbx_config app_dial codec_ulaw codec_alaw",
].flatMap((line) => line.split(" "));

/** Files that Asterisk complains about when they are not there. */
const empty = ["acl", "ccss", "cdr", "cel", "codecs", "dnsmgr", "features", "http", "indications", "manager"]
  .concat(["pjproject", "rtp", "sorcery", "stasis", "udptl", "extensions"])
  .map((name) => `${name}.conf`);

/**
 * An Asterisk such as a careful operator has without us: no guests, the same answer whether a user is there or not, a
 * long secret, Debian's log with the security events that fail2ban's filter wants; and nothing in front of it.
 */
export class NaiveAsterisk {
  readonly #process: ChildProcess;
  readonly #directory: string;

  private constructor(process: ChildProcess, directory: string) {
    this.#process = process;
    this.#directory = directory;
  }

  static async start(host: LabHost, directory: string, sipPort: number): Promise<NaiveAsterisk> {
    const { program, modules: folder } = findAsterisk();
    const etc = join(directory, "etc");
    for (const name of ["etc", "lib", "keys", "spool", "run", "log"]) await mkdir(join(directory, name));
    const files: Record<string, string> = {
      ...Object.fromEntries(empty.map((name) => [name, ""])),
      "asterisk.conf": conf("directories", [
        `astetcdir => ${etc}`,
        `astmoddir => ${folder}`,
        "astvarlibdir => /usr/share/asterisk",
        "astdatadir => /usr/share/asterisk",
        `astdbdir => ${directory}/lib`,
        `astkeydir => ${directory}/keys`,
        `astspooldir => ${directory}/spool`,
        `astrundir => ${directory}/run`,
        `astlogdir => ${directory}/log`,
      ]),
      "modules.conf": conf("modules", ["autoload=no", ...modules.map((name) => `load=${name}.so`)]),
      // Debian's own line, and security events as the filter's notes ask for.
      "logger.conf": conf("logfiles", ["messages => notice,warning,error,security"]),
      "sip.conf":
        conf("general", [
          "context=nowhere",
          "allowguest=no",
          "alwaysauthreject=yes",
          "allowoverlap=no",
          "allowsubscribe=no",
          `udpbindaddr=${host.address4}:${sipPort}`,
        ]) +
        conf("1000", ["type=friend", `secret=${randomBytes(24).toString("hex")}`, "host=dynamic", "context=nowhere"]),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(etc, name), text);
    const child = host.spawn([program, "-f", "-C", join(etc, "asterisk.conf")]);
    for (const stream of [child.stdout, child.stderr]) stream?.resume();
    const asterisk = new NaiveAsterisk(child, directory);
    await within(20_000, asterisk.#listens(host, sipPort), "the Asterisk behind fail2ban did not listen");
    return asterisk;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get logDirectory(): string {
    return join(this.#directory, "log");
  }

  /** What fail2ban reads. */
  get log(): string {
    return join(this.logDirectory, "messages");
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    await within(10_000, gone, "Asterisk did not end").catch(() => this.#process.kill("SIGKILL"));
    await gone;
  }

  /** There is no event to wait for: nothing is asked of it but SIP, and that would be in its log. */
  async #listens(host: LabHost, port: number): Promise<void> {
    for (;;) {
      if (this.#process.exitCode !== null) throw new Error("the Asterisk behind fail2ban has ended");
      const sockets = await host.run(["ss", "-Hlun", `sport = :${port}`]);
      if (sockets.trim() !== "" && existsSync(this.log)) return;
      await delay(50);
    }
  }
}

function conf(section: string, lines: readonly string[]): string {
  return `[${section}]\n${lines.join("\n")}\n`;
}
