import type { Dispose } from "./events.ts";

/**
 * Time as the rooms see it. `now()` is CLOCK_MONOTONIC in milliseconds with a fraction, the same clock as the
 * kernel's edge timestamps, so the two can be compared.
 */
export interface Clock {
  now(): number;
  /** Calls `fire` once, not before `now()` reaches `atMs`. */
  at(atMs: number, fire: () => void): Dispose;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Number(process.hrtime.bigint()) / 1e6,
  at(atMs, fire) {
    let timer: NodeJS.Timeout;
    const arm = () => {
      const wait = atMs - systemClock.now();
      // Node rounds down to whole milliseconds and may fire early by a fraction: arm again rather than fire early.
      timer = setTimeout(() => (systemClock.now() < atMs ? arm() : fire()), Math.max(0, Math.ceil(wait)));
    };
    arm();
    return () => clearTimeout(timer);
  },
};
