import { setTimeout as delay } from "node:timers/promises";
import type { Dispose } from "../base/events.ts";
import type { Finding } from "./drift.ts";

/** How long a repair may take to show, and how often it is looked for. */
const SETTLE_MS = 2_000;
const LOOK_MS = 100;

/** What is left after a repair. chan_sip only begins a reload when it is told to: looks until it is done, or not. */
export async function untilNone(
  verify: () => Promise<readonly Finding[]>,
  goOn: () => boolean,
): Promise<readonly Finding[]> {
  const until = performance.now() + SETTLE_MS;
  for (;;) {
    const left = await verify();
    if (left.length === 0 || !goOn() || performance.now() > until) return left;
    await delay(LOOK_MS);
  }
}

/** Calls `run` again and again, until disposed. */
export function every(ms: number, run: () => void): Dispose {
  const timer = setInterval(run, ms);
  return () => clearInterval(timer);
}

/** Runs one after the other, in the order asked for; one that fails holds up nobody. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  next<T>(run: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(run);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
