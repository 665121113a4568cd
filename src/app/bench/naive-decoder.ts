/** Shortest and longest break that counts, and the quiet time that ends a digit, ms: fixed, as in DAHDI (15-200). */
const BREAK_MIN_MS = 15;
const BREAK_MAX_MS = 200;
const DIGIT_END_MS = 200;

/**
 * The yardstick: what is usually written. It counts every break between two fixed limits, whatever the rest of the
 * train looks like, and ends a digit by a timer that runs from when it saw the last edge.
 */
export class NaiveDecoder {
  /** When the timer fires next, or Infinity. */
  dueMs = Number.POSITIVE_INFINITY;
  #brokenAt = Number.NaN;
  #pulses = 0;

  /** An edge of `atMs`, seen at `seenMs`. */
  edge(closed: boolean, atMs: number, seenMs: number): void {
    if (!closed) {
      this.#brokenAt = atMs;
      return;
    }
    const length = atMs - this.#brokenAt;
    if (length >= BREAK_MIN_MS && length <= BREAK_MAX_MS) this.#pulses++;
    if (this.#pulses > 0) this.dueMs = seenMs + DIGIT_END_MS;
  }

  /** The timer has fired. Answers the digit, or null for a number of pulses that is none. */
  fire(): number | null {
    const pulses = this.#pulses;
    this.#pulses = 0;
    this.dueMs = Number.POSITIVE_INFINITY;
    return pulses > 10 ? null : pulses % 10;
  }
}
