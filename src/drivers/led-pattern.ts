import { accessSync, closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import { DEAD_MAN_MS, type PatternStep } from "../line/port.ts";
import { HOLD_TEXT, OPEN_TEXT, type PatternChunk, planPattern } from "./led-pattern-text.ts";

/**
 * One output as an LED-class device, whose `pattern` trigger keeps the time in the kernel.
 *
 * Invariants, each from a fault that was seen on a real kernel:
 * - `brightness` is only ever read: writing it during a digit corrupts the digit.
 * - `trigger` is written once, on an LED that is off: on an active one it opened the line for 14 ms.
 * - `hr_pattern` is written before `repeat`. The other way round a pattern left over would be played again.
 * - A refresh is one write of `hr_pattern` alone. The kernel restarts the hold with it, but when the dead-man has
 *   struck, the one repetition is used up and the write has no effect: a late refresh never closes the loop again.
 * - A pattern on an output that holds is one write of `hr_pattern` alone, for the same reason; and because a delay
 *   between two writes would begin the impulses twice, which are impulses that nobody dialled.
 * - Nothing is written while a pattern plays, except to abort it or to go on with the rest of it.
 */

/** Where the kernel shows its LEDs. */
export const LED_ROOT = "/sys/class/leds";
/** What is allowed to the kernel beyond the computed end: a fixed part and a part per edge, ms (seen: 3.5 ms in 20 edges). */
const SETTLE_MS = 20;
const SETTLE_PER_STEP_MS = 1;
const SETTLE_MAX_MS = 250;
/** How long udev may take to hand the trigger's attributes to our group, ms (seen: over 2 s in a start), and how often we look. */
const UDEV_LIMIT_MS = 10_000;
const UDEV_LOOK_MS = 50;

/** Writes an attribute of sysfs; a seam for tests, which put a model of the kernel behind it. */
export type WriteAttribute = (path: string, text: string) => void;

/** One write to a file that is there: never creates one, as sysfs would refuse that with a misleading error. */
export const writeAttribute: WriteAttribute = (path, text) => {
  const file = openSync(path, constants.O_WRONLY | constants.O_TRUNC);
  try {
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
};

export interface LedOutputOptions {
  readonly clock: Clock;
  /**
   * The output fell off without being told to: the dead-man struck (`line-dropped`), or the device is gone
   * (`line-unavailable`). After the former it may be set again at once, even within this call.
   */
  readonly dropped: (error: GatewayError) => void;
  readonly root?: string;
  readonly write?: WriteAttribute;
}

export class LedOutput {
  readonly #name: string;
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #dropped: (error: GatewayError) => void;
  readonly #write: WriteAttribute;
  #active = false;
  /** Until then a pattern plays, as far as we can know: the kernel does not tell its end. */
  #playingUntil = Number.NEGATIVE_INFINITY;
  #rest: Dispose | null = null;

  constructor(name: string, options: LedOutputOptions) {
    this.#name = name;
    this.#directory = join(options.root ?? LED_ROOT, name);
    this.#clock = options.clock;
    this.#dropped = options.dropped;
    this.#write = options.write ?? writeAttribute;
  }

  /** Energised as far as we know. */
  get active(): boolean {
    return this.#active;
  }

  /** @throws GatewayError `line-unavailable`: with what is missing and how to get it */
  async open(): Promise<void> {
    this.#forget();
    let trigger: string;
    try {
      trigger = this.#read("trigger");
    } catch (cause) {
      throw this.#unavailable("there is no such LED: is the overlay with the line's outputs loaded?", cause);
    }
    const triggers = trigger.split(/\s+/);
    try {
      if (!triggers.includes("[pattern]")) {
        if (!triggers.includes("pattern")) {
          throw this.#unavailable("the kernel's pattern trigger is not loaded: load ledtrig-pattern (modules-load.d)");
        }
        this.#write(join(this.#directory, "trigger"), "pattern\n");
      }
      await this.#attributes();
      this.#start(OPEN_TEXT);
    } catch (cause) {
      if (cause instanceof GatewayError) throw cause;
      throw this.#unavailable("it cannot be written: do the udev rules give the gateway its attributes?", cause);
    }
  }

  /** De-energises the output and lets go. */
  close(): void {
    this.#forget();
    try {
      this.#start(OPEN_TEXT);
    } catch {
      // The device is gone, or was never ours: then the dead-man has done it, or there is nothing to do.
    }
  }

  /** Once the dead-man has struck an energised output, only `set(false)` and `set(true)` after it energise it again. */
  set(active: boolean): void {
    if (active && this.#active) {
      this.#endChunks();
      this.#attempt(() => {
        if (this.#goOn(HOLD_TEXT)) this.#playingUntil = Number.NEGATIVE_INFINITY;
      });
      return;
    }
    this.#forget();
    this.#active = active;
    this.#attempt(() => this.#start(active ? HOLD_TEXT : OPEN_TEXT));
  }

  /**
   * Plays at once, unless the output was energised and the dead-man has struck: the exchange has released the call
   * then, and the impulses would go to a new one.
   *
   * @throws GatewayError `pattern-too-long`, before anything has been written
   */
  play(steps: readonly PatternStep[]): void {
    const [first, ...rest] = planPattern(steps);
    this.#endChunks();
    if (first !== undefined) this.#playChunk(first, rest);
  }

  /** Restarts the dead-man, unless a pattern plays, which has it built in. */
  refresh(): void {
    if (!this.#active || this.#rest !== null || this.#clock.now() < this.#playingUntil) return;
    this.#attempt(() => this.#goOn(HOLD_TEXT));
  }

  #playChunk(chunk: PatternChunk, rest: readonly PatternChunk[]): void {
    this.#rest = null;
    this.#attempt(() => {
      if (!this.#active) this.#start(chunk.text);
      else if (!this.#goOn(chunk.text)) return;
      this.#active = true;
      const end = this.#clock.now() + chunk.ms;
      this.#playingUntil = end + Math.min(SETTLE_MS + SETTLE_PER_STEP_MS * chunk.steps, SETTLE_MAX_MS);
      const [next, ...later] = rest;
      if (next !== undefined) this.#rest = this.#clock.at(end, () => this.#playChunk(next, later));
    });
  }

  /** Loads a pattern and starts it, whether one was running or not. */
  #start(text: string): void {
    this.#write(join(this.#directory, "hr_pattern"), text);
    this.#write(join(this.#directory, "repeat"), "1\n");
  }

  /** Gives an energised output its next pattern; false when it has dropped. The kernel takes none once it has. */
  #goOn(text: string): boolean {
    if (this.#clock.now() >= this.#playingUntil && this.#read("brightness").trim() === "0") {
      this.#lost(new GatewayError("line-dropped", `${this.#name}: not refreshed for ${DEAD_MAN_MS} ms, has dropped`));
      return false;
    }
    this.#write(join(this.#directory, "hr_pattern"), text);
    return true;
  }

  /** Waits until the trigger's attributes may be written: udev hands them over only after they have appeared. */
  async #attributes(): Promise<void> {
    const until = this.#clock.now() + UDEV_LIMIT_MS;
    for (;;) {
      try {
        for (const name of ["hr_pattern", "repeat"]) accessSync(join(this.#directory, name), constants.W_OK);
        return;
      } catch (cause) {
        const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
        if (missing) {
          throw this.#unavailable("this kernel's pattern trigger has no hr_pattern: use Linux 6.12 or later", cause);
        }
        if (this.#clock.now() >= until) throw cause;
      }
      await new Promise<void>((resolve) => {
        this.#clock.at(this.#clock.now() + UDEV_LOOK_MS, resolve);
      });
    }
  }

  #read(attribute: string): string {
    return readFileSync(join(this.#directory, attribute), "utf8");
  }

  #endChunks(): void {
    this.#rest?.();
    this.#rest = null;
  }

  #forget(): void {
    this.#endChunks();
    this.#active = false;
    this.#playingUntil = Number.NEGATIVE_INFINITY;
  }

  #attempt(action: () => void): void {
    try {
      action();
    } catch (cause) {
      this.#lost(this.#unavailable("the output is gone", cause));
    }
  }

  #lost(error: GatewayError): void {
    this.#forget();
    this.#dropped(error);
  }

  #unavailable(what: string, cause?: unknown): GatewayError {
    return new GatewayError("line-unavailable", `LED ${this.#name}: ${what}`, { cause });
  }
}
