import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import { type LineOutput, type LinePort, type PatternStep, REFRESH_MS } from "./port.ts";

/** One line's outputs. Keeps the dead-man from falling while any of them is energised, and only then. */
export class Outputs {
  readonly #port: LinePort;
  readonly #clock: Clock;
  readonly #energised = new Set<LineOutput>();
  #stopRefresh: Dispose | null = null;

  constructor(port: LinePort, clock: Clock) {
    this.#port = port;
    this.#clock = clock;
  }

  set(output: LineOutput, active: boolean): void {
    const was = this.#energised.has(output);
    if (active) this.#energised.add(output);
    else this.#energised.delete(output);
    // What is energised already is set again all the same: setting the loop also ends a running pattern.
    if (was || active) this.#port.set(output, active);
    this.#keep();
  }

  play(steps: readonly PatternStep[]): void {
    this.#energised.add("loop");
    this.#port.playPattern(steps);
    this.#keep();
  }

  /** The interface has gone, or is being closed: its outputs fall by themselves. */
  forget(): void {
    this.#energised.clear();
    this.#keep();
  }

  #keep(): void {
    if (this.#energised.size === 0) {
      this.#stopRefresh?.();
      this.#stopRefresh = null;
      return;
    }
    this.#stopRefresh ??= this.#clock.at(this.#clock.now() + REFRESH_MS, () => {
      this.#stopRefresh = null;
      this.#port.refresh();
      this.#keep();
    });
  }
}
