import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** What one run of nft took: time, and memory at most in MB (10^6 bytes). */
export interface NftRun {
  readonly ms: number;
  readonly mostMb: number;
  readonly words: string;
}

/** Notes what every nft takes that is started by programs with this path. */
export class MeasuredNft {
  readonly #directory = mkdtempSync(join(tmpdir(), "paxgate-nft-"));

  /** Errors: what the compiler said. */
  constructor() {
    const source = join(import.meta.dirname, "measured-nft.c");
    execFileSync("cc", ["-O2", "-std=gnu11", "-Wall", "-Wextra", source, "-o", join(this.#directory, "nft")]);
  }

  /** For the environment of a program. */
  path(before: string): string {
    return `${this.#directory}${delimiter}${before}`;
  }

  runs(): NftRun[] {
    let text = "";
    try {
      text = readFileSync(join(this.#directory, "usage"), "utf8");
    } catch {
      // None has run yet.
    }
    return [...text.matchAll(/^([\d.]+) (\d+) (.*)$/gm)].map(([, ms, kib, words = ""]) => ({
      ms: Number(ms),
      mostMb: (Number(kib) * 1_024) / 1e6,
      words,
    }));
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
