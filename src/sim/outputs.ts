import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import { DEAD_MAN_MS, type LineOutput, lineOutputs, type PatternStep } from "../line/port.ts";
import { playSteps } from "./sequence.ts";

/**
 * The outputs of one line's interface, as the kernel's LED patterns drive them: a pattern keeps its own time from its
 * receipt whatever becomes of the sender, and an energised output falls off a dead-man's time after the last refresh.
 * After a pattern the loop stays closed, and the dead-man runs from the pattern's end. A loop that has fallen off takes
 * no pattern before it has been set again: late impulses would reach another telephone.
 */
export class Outputs {
  readonly #clock: Clock;
  readonly #changed: (output: LineOutput, active: boolean) => void;
  readonly #active = new Set<LineOutput>();
  readonly #deadMan = new Map<LineOutput, Dispose>();
  #stopPattern: Dispose | null = null;
  /** The loop has fallen off and has not been set since. */
  #loopDropped = false;

  constructor(clock: Clock, changed: (output: LineOutput, active: boolean) => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  get active(): readonly LineOutput[] {
    return [...this.#active];
  }

  set(output: LineOutput, active: boolean): void {
    if (output === "loop") {
      this.#endPattern();
      this.#loopDropped = false;
    }
    this.#put(output, active);
    this.#arm(output);
  }

  playPattern(steps: readonly PatternStep[]): void {
    if (this.#loopDropped) return;
    this.#endPattern();
    this.#disarm("loop");
    let playing = true;
    const ended = () => {
      playing = false;
      this.#stopPattern = null;
      this.#put("loop", true);
      this.#arm("loop");
    };
    const stop = playSteps(this.#clock, steps, (closed) => this.#put("loop", closed), ended);
    if (playing) this.#stopPattern = stop;
  }

  refresh(): void {
    for (const output of this.#active) {
      if (output !== "loop" || this.#stopPattern === null) this.#arm(output);
    }
  }

  /** De-energises everything at once. */
  reset(): void {
    for (const output of lineOutputs) this.set(output, false);
  }

  #put(output: LineOutput, active: boolean): void {
    if (this.#active.has(output) === active) return;
    if (active) this.#active.add(output);
    else this.#active.delete(output);
    this.#changed(output, active);
  }

  #arm(output: LineOutput): void {
    this.#disarm(output);
    if (!this.#active.has(output)) return;
    this.#deadMan.set(
      output,
      this.#clock.at(this.#clock.now() + DEAD_MAN_MS, () => {
        if (output === "loop") this.#loopDropped = true;
        this.#put(output, false);
      }),
    );
  }

  #disarm(output: LineOutput): void {
    this.#deadMan.get(output)?.();
    this.#deadMan.delete(output);
  }

  #endPattern(): void {
    this.#stopPattern?.();
    this.#stopPattern = null;
  }
}
