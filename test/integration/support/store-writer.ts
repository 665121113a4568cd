import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { build } from "esbuild";
import { StateFileAdapter } from "../../../src/drivers/state-file.ts";
import { Repository } from "../../../src/store/repository.ts";

/** What a reset made: how many there were, and the page's password. */
export interface Acknowledged {
  readonly count: number;
  readonly password: string;
}

/** A process of its own that writes the stored state as fast as it can and says what is safe. */
export class StoreWriter {
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  readonly #ended: Promise<unknown>;
  readonly lines: string[] = [];

  /** Makes the program; its path is what `start` wants. */
  static async build(directory: string): Promise<string> {
    const program = join(directory, "store-writer.mjs");
    await build({
      entryPoints: [join(import.meta.dirname, "store-writer-program.ts")],
      outfile: program,
      bundle: true,
      platform: "node",
      format: "esm",
      logLevel: "error",
    });
    return program;
  }

  constructor(program: string, directory: string, how: "synced" | "unsynced" = "synced") {
    this.#child = spawn(process.execPath, [program, directory, how], { stdio: ["ignore", "pipe", "ignore"] });
    // When the disk is gone it ends by itself.
    this.#ended = once(this.#child, "close");
    let rest = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      this.lines.push(...lines);
      for (const look of [...this.#waiting]) look();
    });
  }

  /** The last reset that was said to be safe. */
  get acknowledged(): Acknowledged | null {
    const last = this.lines.filter((line) => /^\d/.test(line)).at(-1);
    if (last === undefined) return null;
    const [count, password = ""] = last.split(" ");
    return { count: Number(count), password };
  }

  /** Resolves when so many lines have come, or it has ended. */
  async said(lines: number): Promise<void> {
    const enough = new Promise<void>((resolve) => {
      const look = () => {
        if (this.lines.length < lines) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
    await Promise.race([enough, this.#ended]);
  }

  /** Kills it, whatever it is doing; what it had said is complete then. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}

/** The state as the next start finds it, and what people are told of it. */
export async function storedAt(directory: string): Promise<Acknowledged & { readonly alerts: readonly string[] }> {
  const alerts: string[] = [];
  const file = new StateFileAdapter(join(directory, "state.json"), (alert) => alerts.push(alert.type));
  let made = 0;
  const source = {
    secret: () => `Anew${String(made++).padStart(20, "0")}`,
    account: (name: string) => ({ username: `${name}-anew`, secret: `Anew${String(made++).padStart(20, "0")}` }),
  };
  const repository = new Repository(file, source, (alert) => alerts.push(alert.type));
  await repository.open();
  return { count: repository.reset.count, password: repository.issued.dashboard, alerts };
}
