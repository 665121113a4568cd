/** A break of the loop from this long is a real pulse on the simulated lines used here, ms: their dials are in order. */
const REAL_BREAK_MS = 30;
/** A loop that was open for longer had been released. */
const LONGEST_BREAK_MS = 200;
/** A break this long after a make begins the next digit, ms. */
const NEXT_DIGIT_MS = 200;
/** Contacts bounce for less, ms. */
const BOUNCE_MS = 6;

/** Follows the loop of one line from outside: what was dialled on it, and when the last make of the last digit was. */
export class PulseWatch {
  #digits = "";
  #pulses = 0;
  #lastMakeMs = Number.NaN;
  #brokenMs = Number.NEGATIVE_INFINITY;
  #lastEdgeMs = Number.NEGATIVE_INFINITY;

  /** All digits since the loop was closed, the last one as far as it has come. */
  get dialled(): string {
    return this.#pulses === 0 ? this.#digits : this.#digits + String(this.#pulses % 10);
  }

  /** First edge of the last real make, ms; NaN before any pulse. */
  get lastMakeMs(): number {
    return this.#lastMakeMs;
  }

  edge(closed: boolean, atMs: number): void {
    const bounce = atMs - this.#lastEdgeMs < BOUNCE_MS;
    this.#lastEdgeMs = atMs;
    if (!closed) {
      if (!bounce || Number.isNaN(this.#brokenMs)) this.#brokenMs = atMs;
      return;
    }
    const length = atMs - this.#brokenMs;
    if (length > LONGEST_BREAK_MS) {
      this.#digits = "";
      this.#pulses = 0;
      this.#lastMakeMs = Number.NaN;
    } else if (length >= REAL_BREAK_MS) {
      if (this.#brokenMs - this.#lastMakeMs > NEXT_DIGIT_MS) {
        this.#digits = this.dialled;
        this.#pulses = 0;
      }
      this.#pulses++;
      this.#lastMakeMs = atMs;
    } else return;
    this.#brokenMs = Number.NaN;
  }
}
