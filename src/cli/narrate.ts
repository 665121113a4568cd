import type { Narrate } from "../app/rehearsal/stage.ts";
import { print } from "./command.ts";

/** One thing that somebody did or noticed. */
export interface Step {
  /** Since the beginning, ms. */
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
}

const WHO_WIDTH = 11;

/** Keeps what is told, with its time, and prints it as it happens unless it is to be silent. */
export function narrator(options: { readonly silent: boolean; readonly label?: string }): {
  readonly narrate: Narrate;
  readonly steps: readonly Step[];
} {
  const steps: Step[] = [];
  const begun = performance.now();
  const narrate: Narrate = (who, what) => {
    const atMs = Math.round(performance.now() - begun);
    steps.push({ atMs, who, what });
    if (options.silent) return;
    print(`  ${(atMs / 1000).toFixed(3).padStart(7)} s  ${who.padEnd(WHO_WIDTH)} ${what}`);
  };
  return { narrate, steps };
}
