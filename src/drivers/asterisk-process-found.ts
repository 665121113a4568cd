import { type Dispose, TypedEmitter } from "../base/events.ts";
import { within } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { ProcessPort } from "../sip/port.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import type { PortHolder } from "./process-sockets.ts";

/** Time for a TERM before the KILL, and for the KILL. Together less than a service may take to stop. */
const TERM_LIMIT_MS = 1_500;
const KILL_LIMIT_MS = 500;
/** How often a process that is not our child is looked at. */
const WATCH_MS = 250;
/** An Asterisk that runs, whoever started it: found, watched until it is gone, ended by signals. */
export abstract class FoundAsterisk implements ProcessPort {
  protected readonly log: Log;
  readonly #emitter = new TypedEmitter<{ exit: [how: string] }>();
  #running: ProcessIdentity | null = null;
  #watch: NodeJS.Timeout | undefined;

  constructor(log: Log) {
    this.log = log;
  }

  abstract start(): Promise<"started" | "attached">;
  abstract udpPorts(): Promise<ReadonlySet<number>>;
  abstract tcpListeners(): Promise<ReadonlyMap<number, PortHolder>>;
  /** Our Asterisk, when it runs. */
  protected abstract find(): ProcessIdentity | null;
  /** Whether it still runs, and is the same process. */
  protected abstract isAlive(found: ProcessIdentity): boolean;

  get running(): boolean {
    return this.#running !== null;
  }

  /** Process id, for status and tests. */
  get pid(): number | null {
    return this.#running?.pid ?? null;
  }

  /** Who listens at a TCP port of 127.0.0.1: this Asterisk, another program, or nobody (undefined). */
  async holderOf(port: number): Promise<PortHolder | undefined> {
    return (await this.tcpListeners()).get(port);
  }

  onExit(listener: (how: string) => void): Dispose {
    return this.#emitter.on("exit", listener);
  }

  /** Takes over the Asterisk that runs on this configuration, whoever left it; whether there is one. */
  attach(): boolean {
    if (this.#running !== null) return true;
    const found = this.find();
    if (found === null) return false;
    this.took(found);
    this.#watch = setInterval(() => {
      if (!this.isAlive(found)) this.ended(found.pid, "it ended");
    }, WATCH_MS);
    this.log.info("attached to a running Asterisk", { pid: found.pid });
    return true;
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

  protected took(process: ProcessIdentity): void {
    this.#running = process;
  }

  protected ended(pid: number, how: string): void {
    if (this.#running?.pid !== pid) return;
    this.#running = null;
    clearInterval(this.#watch);
    this.#emitter.emit("exit", how);
  }

  #signal(to: ProcessIdentity, signal: "SIGTERM" | "SIGKILL"): void {
    if (!this.isAlive(to)) return;
    try {
      process.kill(to.pid, signal);
    } catch {
      // It is gone already; its exit is on its way.
    }
  }
}
