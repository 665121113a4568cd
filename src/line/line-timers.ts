import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import type { LineTimer } from "./machine.ts";

/** What line timers need of the line they serve. */
export interface TimerTarget {
  /** When the decoder must be given the time, or Infinity. */
  decoderDue(): number;
  /** No edge before `atMs` is still to come. */
  decoderTime(atMs: number): void;
  timer(timer: LineTimer, atMs: number): void;
}

/** One clock timer for the machine's timers and the decoder's deadline; it drains queued edges before it honours any. */
export class LineTimers {
  readonly #clock: Clock;
  readonly #target: TimerTarget;
  readonly #drain: (then: () => void) => void;
  readonly #timers = new Map<LineTimer, number>();
  #draining = false;
  #stopped = true;
  #armedAt = Number.POSITIVE_INFINITY;
  #disarm: Dispose = () => undefined;

  constructor(clock: Clock, target: TimerTarget, drain: (then: () => void) => void) {
    this.#clock = clock;
    this.#target = target;
    this.#drain = drain;
  }

  start(): void {
    this.#stopped = false;
  }

  stop(): void {
    this.#stopped = true;
    this.#timers.clear();
    this.arm();
  }

  /** Arms, re-arms or (null) drops a timer. Takes effect with the next `arm`. */
  set(timer: LineTimer, atMs: number | null): void {
    if (atMs === null) this.#timers.delete(timer);
    else this.#timers.set(timer, atMs);
  }

  clear(): void {
    this.#timers.clear();
  }

  /** Waits for what is due next. A clock timer that is armed too early is left to fire: edges come in bursts. */
  arm(): void {
    if (this.#draining) return;
    const [due] = this.#next();
    if (due >= this.#armedAt && due !== Number.POSITIVE_INFINITY) return;
    this.#disarm();
    this.#armedAt = due;
    this.#disarm = due === Number.POSITIVE_INFINITY ? () => undefined : this.#clock.at(due, () => this.#fired(due));
  }

  /** What is due next and when; null is the decoder, which goes first. */
  #next(): [dueMs: number, timer: LineTimer | null] {
    if (this.#stopped) return [Number.POSITIVE_INFINITY, null];
    let due = this.#target.decoderDue();
    let first: LineTimer | null = null;
    for (const [timer, atMs] of this.#timers) {
      if (atMs < due) {
        first = timer;
        due = atMs;
      }
    }
    return [due, first];
  }

  #fired(deadline: number): void {
    this.#armedAt = Number.POSITIVE_INFINITY;
    if (this.#next()[0] > deadline) return this.arm();
    this.#draining = true;
    this.#drain(() => {
      // Only what was due when the timer fired: the time since may still have edges to come.
      try {
        for (let [due, timer] = this.#next(); due <= deadline; [due, timer] = this.#next()) {
          if (timer === null) this.#target.decoderTime(due);
          else {
            this.#timers.delete(timer);
            this.#target.timer(timer, due);
          }
        }
      } finally {
        // Whatever went wrong, the line's other timers must still come: they release it.
        this.#draining = false;
        this.arm();
      }
    });
  }
}
