import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { dirname, join } from "node:path";
import { describeError, GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import { within } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { ProcessPort } from "../sip/port.ts";
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

/** Time for a TERM before the KILL, and for the KILL. Together less than a service may take to stop. */
const TERM_LIMIT_MS = 1_500;
const KILL_LIMIT_MS = 500;
/** How often a process that is not our child is looked at. */
const WATCH_MS = 250;
/** Enough for any process id. */
const PID_FILE_BYTES = 64;

/**
 * Asterisk in the foreground, in a session of its own: neither Ctrl-C nor our death reaches it. A supervisor that
 * comes back finds it by the note that the first one made, or by Asterisk's own pid file. Neither is believed without
 * a look at the process itself: ids are used again, and the pid file says whatever Asterisk's user wants.
 */
export class AsteriskProcess implements ProcessPort {
  readonly #options: AsteriskProcessOptions;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<{ exit: [how: string] }>();
  #running: ProcessIdentity | null = null;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: AsteriskProcessOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  get running(): boolean {
    return this.#running !== null;
  }

  /** Process id, for status and tests. */
  get pid(): number | null {
    return this.#running?.pid ?? null;
  }

  async udpPorts(): Promise<ReadonlySet<number>> {
    return this.pid === null ? new Set() : openUdpPorts(this.pid);
  }

  tcpListeners(): Promise<ReadonlyMap<number, PortHolder>> {
    return tcpListeners(this.pid);
  }

  /** Who listens at a TCP port of 127.0.0.1: this Asterisk, another program, or nobody (undefined). */
  async holderOf(port: number): Promise<PortHolder | undefined> {
    return (await this.tcpListeners()).get(port);
  }

  onExit(listener: (how: string) => void): Dispose {
    return this.#emitter.on("exit", listener);
  }

  /** Takes over the Asterisk that an earlier supervisor left on this configuration; whether there is one. */
  attach(): boolean {
    if (this.#running !== null) return true;
    const found = this.#find();
    if (found === null) return false;
    this.#running = found;
    this.#watch = setInterval(() => {
      if (!isAlive(found)) this.#ended(found.pid, "it ended");
    }, WATCH_MS);
    this.#log.info("attached to a running Asterisk", { pid: found.pid });
    return true;
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
      this.#ended(pid, signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`);
    };
    // A child that has ended keeps its number until we have heard of it: this is the one.
    this.#running = identify(pid) ?? { pid, startTime: "" };
    child.once("exit", ended);
    this.#log.info("started Asterisk", { pid });
    await this.#note(pid);
    return "started";
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    const gone = new Promise<void>((resolve) => {
      const dispose = this.onExit(() => {
        dispose();
        resolve();
      });
    });
    try {
      this.#signal(running, "SIGTERM");
      await within(TERM_LIMIT_MS, gone, "Asterisk did not stop");
    } catch {
      this.#signal(running, "SIGKILL");
      await within(KILL_LIMIT_MS, gone, "Asterisk could not be killed");
    }
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
      this.#log.warn("Asterisk's process id could not be noted", { error: describeError(error) }),
    );
  }

  #find(): ProcessIdentity | null {
    const { program, configFile, runDirectory, user } = this.#options;
    const ourUid = process.getuid?.() ?? 0;
    const notes = [
      readOrdinary(this.#own("pid"), PID_FILE_BYTES, ourUid),
      readOrdinary(join(runDirectory, "asterisk.pid"), PID_FILE_BYTES),
    ];
    for (const text of notes) {
      if (text === null || !/^[1-9][0-9]{0,9}\n?$/.test(text)) continue;
      // Identified first: if the number changes hands while we look, it is found dead afterwards.
      const found = identify(Number(text));
      if (found === null || found.pid === process.pid) continue;
      if (runs(found.pid, program, user?.uid ?? ourUid, configFile) && isAlive(found)) return found;
    }
    return null;
  }

  #signal(to: ProcessIdentity, signal: "SIGTERM" | "SIGKILL"): void {
    if (!isAlive(to)) return;
    try {
      process.kill(to.pid, signal);
    } catch {
      // It is gone already; its exit is on its way.
    }
  }

  #ended(pid: number, how: string): void {
    if (this.#running?.pid !== pid) return;
    this.#running = null;
    clearInterval(this.#watch);
    this.#emitter.emit("exit", how);
  }
}

/** The user is taken on after the mounts, which only root may make. */
function withNames(
  words: readonly string[],
  names: { readonly hosts: string; readonly services: string },
  user: Owner,
): readonly string[] {
  const { uid, gid } = user ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const as = ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--"];
  const shell = ["/bin/sh", "-c", WITH_OWN_NAMES, "names", names.hosts, names.services];
  return ["unshare", "--mount", "--", ...shell, ...as, ...words];
}
