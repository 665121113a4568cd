import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import { within } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { ProcessPort } from "../sip/port.ts";
import { openUdpPorts } from "./process-sockets.ts";

export interface AsteriskProcessOptions {
  readonly program: string;
  /** Our own asterisk.conf. */
  readonly configFile: string;
  readonly runDirectory: string;
  readonly logDirectory: string;
  /** User to run as, when we are root. */
  readonly user: { readonly uid: number; readonly gid: number } | null;
}

/** Time for a TERM before the KILL, and for the KILL. Together less than a service may take to stop. */
const TERM_LIMIT_MS = 1_500;
const KILL_LIMIT_MS = 500;
/** How often a process that is not our child is looked at. */
const WATCH_MS = 250;

/**
 * Asterisk in the foreground, in a session of its own: neither Ctrl-C nor our death reaches it. A supervisor that
 * comes back finds it by its pid file and, because pids are used again, by its command line.
 */
export class AsteriskProcess implements ProcessPort {
  readonly #options: AsteriskProcessOptions;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<{ exit: [how: string] }>();
  #pid: number | null = null;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: AsteriskProcessOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  get running(): boolean {
    return this.#pid !== null;
  }

  /** Process id, for status and tests. */
  get pid(): number | null {
    return this.#pid;
  }

  async udpPorts(): Promise<ReadonlySet<number>> {
    return this.#pid === null ? new Set() : openUdpPorts(this.#pid);
  }

  onExit(listener: (how: string) => void): Dispose {
    return this.#emitter.on("exit", listener);
  }

  async start(): Promise<"started" | "attached"> {
    if (this.#pid !== null) return "attached";
    const found = this.#find();
    if (found !== null) {
      this.#pid = found;
      this.#watch = setInterval(() => {
        if (!this.#isOurs(found)) this.#ended(found, "it ended");
      }, WATCH_MS);
      this.#log.info("attached to a running Asterisk", { pid: found });
      return "attached";
    }
    const child = this.#spawn();
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (cause) => reject(new GatewayError("asterisk-start", "Asterisk did not start", { cause })));
    });
    const pid = child.pid ?? 0;
    this.#pid = pid;
    child.once("exit", (code, signal) => this.#ended(pid, signal === null ? `exit code ${code}` : `signal ${signal}`));
    this.#log.info("started Asterisk", { pid });
    return "started";
  }

  async stop(): Promise<void> {
    const pid = this.#pid;
    if (pid === null) return;
    const gone = new Promise<void>((resolve) => {
      const dispose = this.onExit(() => {
        dispose();
        resolve();
      });
    });
    try {
      this.#signal(pid, "SIGTERM");
      await within(TERM_LIMIT_MS, gone, "Asterisk did not stop");
    } catch {
      this.#signal(pid, "SIGKILL");
      await within(KILL_LIMIT_MS, gone, "Asterisk could not be killed");
    }
  }

  #spawn(): ChildProcess {
    const { program, configFile, logDirectory, user } = this.#options;
    // Its console goes to a file: a pipe would break when we die. Truncated at every start, so it stays small.
    const console = openSync(join(logDirectory, "console"), "w", 0o600);
    try {
      return spawn(program, ["-f", "-C", configFile], {
        cwd: "/",
        detached: true,
        stdio: ["ignore", console, console],
        // chan_sip resolves trunks' names while it starts, and would wait half a minute for resolvers that are not there.
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C.UTF-8", RES_OPTIONS: "timeout:1 attempts:1" },
        ...(user ?? {}),
      });
    } finally {
      closeSync(console);
    }
  }

  #find(): number | null {
    try {
      const pid = Number(readFileSync(join(this.#options.runDirectory, "asterisk.pid"), "utf8").trim());
      return Number.isInteger(pid) && pid > 1 && this.#isOurs(pid) ? pid : null;
    } catch {
      return null;
    }
  }

  /** Whether the process with this id is an Asterisk on our configuration, and not a zombie. */
  #isOurs(pid: number): boolean {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(this.#options.configFile);
    } catch {
      return false;
    }
  }

  #signal(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
    try {
      process.kill(pid, signal);
    } catch {
      // It is gone already; its exit is on its way.
    }
  }

  #ended(pid: number, how: string): void {
    if (this.#pid !== pid) return;
    this.#pid = null;
    clearInterval(this.#watch);
    this.#emitter.emit("exit", how);
  }
}
