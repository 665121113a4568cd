import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { StateFile } from "./port.ts";

/** At most one write in this time, ms: 24 h of calls are 288 writes at most, for a card that counts them. */
export const COUNTS_INTERVAL_MS = 300_000;

/**
 * Counts that may lose their last minutes but must not wear out the card: writes are gathered, the last one counts
 * (`CountStore` of the status). Invariants: at most one write to the file per interval, besides `flush`; a write that
 * failed is tried again with the next interval; what is damaged is begun anew, with an alert.
 */
export class Counts {
  readonly #file: StateFile;
  readonly #clock: Clock;
  readonly #alert: (reason: string) => void;
  #waiting: { readonly data: unknown } | null = null;
  #timer: Dispose | null = null;
  #writtenMs = Number.NEGATIVE_INFINITY;
  #writing: Promise<void> = Promise.resolve();
  #failing = false;

  /** `alert`: told in words when counts were lost or cannot be kept; once, until a write succeeds again. */
  constructor(file: StateFile, clock: Clock, alert: (reason: string) => void) {
    this.#file = file;
    this.#clock = clock;
    this.#alert = alert;
  }

  /** What was last kept; null when nothing was, or it is lost. */
  async read(): Promise<unknown> {
    if (this.#waiting !== null) return this.#waiting.data;
    try {
      return await this.#file.read();
    } catch (error) {
      this.#alert(`the counts are begun anew: ${describeError(error)}`);
      await this.#file.setAside().catch(() => undefined);
      return null;
    }
  }

  /** Resolves once it is noted; it is on disk within `COUNTS_INTERVAL_MS`, and after `flush`. */
  async write(data: unknown): Promise<void> {
    this.#waiting = { data };
    this.#timer ??= this.#clock.at(Math.max(this.#clock.now(), this.#writtenMs + COUNTS_INTERVAL_MS), () => {
      this.#timer = null;
      void this.#write();
    });
  }

  /** What is noted is on disk once this resolves, or could not be written, which is told. For the stop. */
  async flush(): Promise<void> {
    this.#disarm();
    await this.#write();
    // A write that failed has armed it again.
    this.#disarm();
  }

  #disarm(): void {
    this.#timer?.();
    this.#timer = null;
  }

  #write(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#writeOnce());
    return this.#writing;
  }

  async #writeOnce(): Promise<void> {
    const waiting = this.#waiting;
    if (waiting === null) return;
    this.#writtenMs = this.#clock.now();
    try {
      await this.#file.write(waiting.data);
      this.#failing = false;
      if (this.#waiting === waiting) this.#waiting = null;
    } catch (error) {
      if (!this.#failing) this.#alert(`the counts cannot be kept: ${describeError(error)}`);
      this.#failing = true;
      if (this.#waiting !== null) await this.write(this.#waiting.data);
    }
  }
}
