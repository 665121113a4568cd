import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import type { Random } from "./random.ts";

/** A contact that bounces for a while whenever it is moved. Tells every change, at its ideal time. */
export class Contact {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #bounceMs: () => number;
  readonly #changed: (closed: boolean) => void;
  #bounces: Dispose[] = [];
  #closed = false;

  constructor(clock: Clock, random: Random, bounceMs: () => number, changed: (closed: boolean) => void) {
    this.#clock = clock;
    this.#random = random;
    this.#bounceMs = bounceMs;
    this.#changed = changed;
  }

  move(closed: boolean): void {
    for (const cancel of this.#bounces) cancel();
    this.#bounces = [];
    if (closed === this.#closed) return;
    this.#put(closed);
    const lastsMs = this.#random.between(0, this.#bounceMs());
    // Zero to three rebounds; each comes back, so that the last change is to where the contact was moved.
    const times = Array.from({ length: 2 * Math.floor(this.#random.between(0, 4)) }, () => this.#random.next());
    for (const [index, part] of times.sort((a, b) => a - b).entries()) {
      const put = () => this.#put(index % 2 === 0 ? !closed : closed);
      if (lastsMs > 0) this.#bounces.push(this.#clock.at(this.#clock.now() + part * lastsMs, put));
    }
  }

  #put(closed: boolean): void {
    this.#closed = closed;
    this.#changed(closed);
  }
}
