import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";

/** Whom a SIP port sends refusals (403) to, as seen on the wire: for tests that may load no rules into the kernel. */
export class RefusalCounter {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  #last: Promise<unknown>;

  constructor(port: number, networkInterface = "lo") {
    const program = join(import.meta.dirname, "refusals.py");
    this.#child = spawn("python3", [program, networkInterface, String(port)], { stdio: ["pipe", "pipe", "inherit"] });
    if (this.#child.stdout === null) throw new Error("no output");
    this.#lines = createInterface(this.#child.stdout);
    this.#last = once(this.#lines, "line");
  }

  /** Resolves when it sees packets. */
  ready(): Promise<unknown> {
    return this.#last;
  }

  counts(): Promise<ReadonlyMap<string, number>> {
    const counts = this.#last.then(async () => {
      const line = once(this.#lines, "line");
      this.#child.stdin?.write("\n");
      return new Map(Object.entries(JSON.parse(String((await line)[0])) as Record<string, number>));
    });
    this.#last = counts;
    return counts;
  }

  close(): void {
    this.#child.kill();
  }
}
