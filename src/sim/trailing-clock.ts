import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";

interface Entry {
  readonly atMs: number;
  readonly fire: () => void;
}

/**
 * The simulation's clock. Inside it everything happens at its ideal time, in order; `catchUp` drags it along behind
 * the machine's clock. So a timestamp is right to the microsecond although a JavaScript timer delivered it late.
 */
export class TrailingClock implements Clock {
  readonly #machine: Clock;
  readonly #queue: Entry[] = [];
  #now: number;
  #cancelWake: Dispose = () => undefined;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #running = false;

  constructor(machine: Clock) {
    this.#machine = machine;
    this.#now = machine.now();
  }

  now(): number {
    return this.#now;
  }

  /** How far the simulation is behind the machine's clock, ms. */
  lagMs(): number {
    return this.#machine.now() - this.#now;
  }

  at(atMs: number, fire: () => void): Dispose {
    const entry = { atMs, fire };
    let index = this.#queue.length;
    while (index > 0 && (this.#queue[index - 1] as Entry).atMs > atMs) index--;
    this.#queue.splice(index, 0, entry);
    this.#arm();
    return () => {
      const found = this.#queue.indexOf(entry);
      if (found >= 0) this.#queue.splice(found, 1);
    };
  }

  /** Does everything that is due. Called before anything from outside is let in, so that it finds the present. */
  catchUp(): void {
    if (this.#running) return;
    this.#running = true;
    const untilMs = this.#machine.now();
    try {
      for (let next = this.#queue[0]; next !== undefined && next.atMs <= untilMs; next = this.#queue[0]) {
        this.#queue.shift();
        this.#now = Math.max(this.#now, next.atMs);
        next.fire();
      }
      this.#now = Math.max(this.#now, untilMs);
    } finally {
      this.#running = false;
      this.#arm();
    }
  }

  /** Forgets everything that was to come. */
  stop(): void {
    this.#queue.length = 0;
    this.#cancelWake();
  }

  #arm(): void {
    if (this.#running) return;
    const next = this.#queue[0];
    if (next === undefined || next.atMs >= this.#wakeAtMs) return;
    this.#cancelWake();
    this.#wakeAtMs = next.atMs;
    this.#cancelWake = this.#machine.at(next.atMs, () => {
      this.#wakeAtMs = Number.POSITIVE_INFINITY;
      this.catchUp();
    });
  }
}
