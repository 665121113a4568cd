import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { dirname, join } from "node:path";
import { describeError, GatewayError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { FoundAsterisk } from "./asterisk-process-found.ts";
import { type Owner, openEmptied, readOrdinary, replaceFile } from "./guarded-files.ts";
import { identify, isAlive, type ProcessIdentity, runs } from "./process-identity.ts";
import { openUdpPorts, type PortHolder, tcpListeners } from "./process-sockets.ts";

export interface AsteriskProcessOptions {
  readonly program: string;
  /** Our own asterisk.conf. Its directory is ours; Asterisk can write nothing there. */
  readonly configFile: string;
  readonly runDirectory: string;
  /** User to run as, when we are root. */
  readonly user: Owner;
  /**
   * Files that it is to see in the place of the machine's table of hosts and choice of name services (`AsteriskNames`);
   * null: the machine's. Asked at each start.
   */
  readonly names?: () => { readonly hosts: string; readonly services: string } | null;
}

/** Puts two files into the place of the machine's, for what follows only, and becomes that. nscd would answer too. */
const WITH_OWN_NAMES = `mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/nsswitch.conf || exit 1
if [ -d /run/nscd ]; then mount -t tmpfs none /run/nscd || exit 1; fi
shift 2
exec "$@"`;

/** Enough for any process id. */
const PID_FILE_BYTES = 64;

/**
 * Asterisk in the foreground, in a session of its own: neither Ctrl-C nor our death reaches it. A supervisor that
 * comes back finds it by the note that the first one made, or by Asterisk's own pid file. Neither is believed without
 * a look at the process itself: ids are used again, and the pid file says whatever Asterisk's user wants.
 */
export class AsteriskProcess extends FoundAsterisk {
  readonly #options: AsteriskProcessOptions;

  constructor(options: AsteriskProcessOptions, log: Log) {
    super(log);
    this.#options = options;
  }

  async udpPorts(): Promise<ReadonlySet<number>> {
    return this.pid === null ? new Set() : openUdpPorts({ pid: this.pid });
  }

  tcpListeners(): Promise<ReadonlyMap<number, PortHolder>> {
    return tcpListeners(this.pid === null ? null : { pid: this.pid });
  }

  async start(): Promise<"started" | "attached"> {
    if (this.attach()) return "attached";
    const child = this.#spawn();
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (cause) => reject(new GatewayError("asterisk-start", "Asterisk did not start", { cause })));
    });
    const pid = child.pid ?? 0;
    const ended = () => {
      const { exitCode, signalCode } = child;
      this.ended(pid, signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`);
    };
    // A child that has ended keeps its number until we have heard of it: this is the one.
    this.took(identify(pid) ?? { pid, startTime: "" });
    child.once("exit", ended);
    this.log.info("started Asterisk", { pid });
    await this.#note(pid);
    return "started";
  }

  protected find(): ProcessIdentity | null {
    const { program, configFile, runDirectory, user } = this.#options;
    const notes = [
      readOrdinary(this.#own("pid"), PID_FILE_BYTES, ourUid()),
      readOrdinary(join(runDirectory, "asterisk.pid"), PID_FILE_BYTES),
    ];
    for (const text of notes) {
      if (text === null || !/^[1-9][0-9]{0,9}\n?$/.test(text)) continue;
      // Identified first: if the number changes hands while we look, it is found dead afterwards.
      const found = identify(Number(text));
      if (found === null || found.pid === process.pid) continue;
      if (runs(found.pid, program, user?.uid ?? ourUid(), configFile) && isAlive(found)) return found;
    }
    return null;
  }

  protected isAlive(found: ProcessIdentity): boolean {
    return isAlive(found);
  }

  #spawn(): ChildProcess {
    const { program, configFile, user } = this.#options;
    // Its console goes to a file: a pipe would break when we die. Truncated at every start, so it stays small.
    const console = openEmptied(this.#own("console"));
    try {
      const names = this.#options.names?.() ?? null;
      const words = [program, "-f", "-C", configFile];
      const [command = program, ...args] = names === null ? words : withNames(words, names, user);
      return spawn(command, args, {
        cwd: "/",
        detached: true,
        stdio: ["ignore", console, console],
        // chan_sip resolves trunks' names while it starts, and would wait half a minute for resolvers that are not there.
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C.UTF-8", RES_OPTIONS: "timeout:1 attempts:1" },
        ...(names === null ? (user ?? {}) : {}),
      });
    } finally {
      closeSync(console);
    }
  }

  /** A file of the supervisor's own. */
  #own(name: string): string {
    return join(dirname(this.#options.configFile), name);
  }

  /** For a successor. Without it there still is Asterisk's own pid file. */
  async #note(pid: number): Promise<void> {
    await replaceFile(this.#own("pid"), `${pid}\n`, 0o600, null).catch((error: unknown) =>
      this.log.warn("Asterisk's process id could not be noted", { error: describeError(error) }),
    );
  }
}

const ourUid = (): number => process.getuid?.() ?? 0;

/** The user is taken on after the mounts, which only root may make. */
function withNames(
  words: readonly string[],
  names: { readonly hosts: string; readonly services: string },
  user: Owner,
): readonly string[] {
  const { uid, gid } = user ?? { uid: ourUid(), gid: process.getgid?.() ?? 0 };
  const as = ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--"];
  const shell = ["/bin/sh", "-c", WITH_OWN_NAMES, "names", names.hosts, names.services];
  return ["unshare", "--mount", "--", ...shell, ...as, ...words];
}
