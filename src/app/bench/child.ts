import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { GatewayError } from "../../base/errors.ts";
import { type Dispose, TypedEmitter } from "../../base/events.ts";
import { within } from "../../base/lifecycle.ts";

const END_LIMIT_MS = 15_000;
/** Lines kept to say why a process ended. */
const KEPT_LINES = 20;

/** A Node process whose output is read line by line. */
export class Child {
  readonly #child: ChildProcess;
  readonly #lines = new TypedEmitter<{ line: [line: string] }>();
  readonly #last: string[] = [];
  readonly #gone: Promise<unknown>;

  constructor(args: readonly string[]) {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.#gone = once(child, "exit");
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on("line", (line) => {
        this.#last.push(line);
        if (this.#last.length > KEPT_LINES) this.#last.shift();
        this.#lines.emit("line", line);
      });
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The next line that holds `text`. @throws GatewayError `process-ended` or `timeout` */
  async line(text: string, limitMs: number): Promise<void> {
    let dispose: Dispose = () => undefined;
    const said = new Promise<void>((resolve) => {
      dispose = this.#lines.on("line", (line) => {
        if (line.includes(text)) resolve();
      });
    });
    const ended = this.#gone.then(() => {
      throw new GatewayError("process-ended", `a process ended before it said "${text}":\n${this.#last.join("\n")}`);
    });
    try {
      await within(limitMs, Promise.race([said, ended]), `no "${text}" was said`);
    } finally {
      dispose();
    }
  }

  /** Ends it, by force when it does not end by itself. */
  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (!this.running) return;
    this.#child.kill(signal);
    await within(END_LIMIT_MS, this.#gone, "a process did not end").catch(() => this.#child.kill("SIGKILL"));
    await this.#gone;
  }
}
