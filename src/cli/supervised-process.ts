import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, renameSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import { within } from "../base/lifecycle.ts";

/** A log is begun anew at this size, bytes; the one before is kept beside it. */
const LARGEST_LOG = 4 * 1024 * 1024;
const KILL_LIMIT_MS = 2_000;

export interface ProcessOptions {
  readonly name: string;
  /** Script, and its arguments. */
  readonly script: string;
  readonly args: readonly string[];
  readonly logFile: string;
  /** Time between TERM and KILL, ms. */
  readonly stopLimitMs: number;
}

interface ProcessEvents extends Record<string, unknown[]> {
  /** A line on standard output. */
  said: [line: string];
  /** A line of its log. */
  logged: [line: string];
  exit: [how: string];
}

/**
 * A process of ours with its log in a bounded file. It is the leader of its own session, so that a Ctrl-C in the
 * terminal reaches us alone and we can stop everything in order.
 */
export class SupervisedProcess {
  readonly name: string;
  readonly #options: ProcessOptions;
  readonly #emitter = new TypedEmitter<ProcessEvents>();
  #child: ChildProcess | undefined;
  #log = -1;
  #written = 0;
  #killed = false;

  constructor(options: ProcessOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  on<K extends keyof ProcessEvents & string>(event: K, listener: (...args: ProcessEvents[K]) => void): Dispose {
    return this.#emitter.on(event, listener);
  }

  /** Starts it; its log is truncated by the first start. */
  start(): void {
    const { script, args, logFile } = this.#options;
    if (this.#log < 0) this.#log = openSync(logFile, "w", 0o600);
    // Without --enable-source-maps, which costs the gateway 25 to 30 MB (120 MB against 91 MB at most, measured): whoever
    // wants to debug has NODE_OPTIONS for it.
    const child = spawn(process.execPath, [script, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#child = child;
    let failure: string | null = null;
    child.once("error", (error) => {
      failure = error.message;
      if (child.pid === undefined) this.#ended(child, failure);
    });
    child.once("exit", (code, signal) => this.#ended(child, signal === null ? `exit status ${code}` : signal));
    createInterface({ input: child.stdout }).on("line", (line) => this.#emitter.emit("said", line));
    createInterface({ input: child.stderr }).on("line", (line) => {
      this.#write(line);
      this.#emitter.emit("logged", line);
    });
  }

  kill(): void {
    this.#killed = true;
    this.#child?.kill("SIGKILL");
  }

  /** Asks it to end, then ends it. Answers whether it ended by itself. */
  async stop(): Promise<boolean> {
    const child = this.#child;
    if (child === undefined) return !this.#killed;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    try {
      await within(this.#options.stopLimitMs, gone, `${this.name} did not stop`);
      return !this.#killed;
    } catch {
      child.kill("SIGKILL");
      await within(KILL_LIMIT_MS, gone, `${this.name} could not be killed`).catch(() => undefined);
      return false;
    }
  }

  close(): void {
    if (this.#log >= 0) closeSync(this.#log);
    this.#log = -1;
  }

  #ended(child: ChildProcess, how: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#emitter.emit("exit", how);
  }

  #write(line: string): void {
    if (this.#log < 0) return;
    const { logFile } = this.#options;
    if (this.#written > LARGEST_LOG) {
      closeSync(this.#log);
      renameSync(logFile, `${logFile}.old`);
      this.#log = openSync(logFile, "w", 0o600);
      this.#written = 0;
    }
    this.#written += writeSync(this.#log, `${line}\n`);
  }
}
