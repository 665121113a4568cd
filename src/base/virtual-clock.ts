import type { Clock } from "./clock.ts";
import type { Dispose } from "./events.ts";

/** A clock that moves only when told to: tests of timing run in no time and the same way every time. */
export class VirtualClock implements Clock {
  #now: number;
  #sequence = 0;
  readonly #timers = new Map<number, { atMs: number; fire: () => void }>();

  constructor(startMs = 0) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  at(atMs: number, fire: () => void): Dispose {
    const id = this.#sequence++;
    this.#timers.set(id, { atMs, fire });
    return () => {
      this.#timers.delete(id);
    };
  }

  /** Moves to `atMs`, firing what falls due in order of time, then of arming. */
  advanceTo(atMs: number): void {
    for (;;) {
      let next: [id: number, atMs: number, fire: () => void] | undefined;
      for (const [id, timer] of this.#timers) {
        if (timer.atMs <= atMs && (next === undefined || timer.atMs < next[1])) next = [id, timer.atMs, timer.fire];
      }
      if (next === undefined) break;
      this.#timers.delete(next[0]);
      this.#now = Math.max(this.#now, next[1]);
      next[2]();
    }
    this.#now = Math.max(this.#now, atMs);
  }

  advance(ms: number): void {
    this.advanceTo(this.#now + ms);
  }

  /** How many timers are armed: for asserting that nothing was left behind. */
  get pending(): number {
    return this.#timers.size;
  }
}
