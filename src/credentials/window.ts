import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";

/** How far the wall clock may wander before the end that is shown follows it, ms. */
const WANDER_MS = 2_000;

/**
 * The time in which new credentials can be collected. Invariants: its end is counted by the monotonic clock, so that
 * whoever can set the time cannot lengthen it; only the first who claims it is given anything; it is kept nowhere, so
 * a restart ends it.
 */
export class HandoutWindow {
  readonly #clock: Clock;
  readonly #ended: () => void;
  #endMs: number | null = null;
  #timer: Dispose | null = null;
  #claim: string | null = null;
  #collectedBy: string | null = null;
  #shownMs: number | null = null;

  /** `ended`: told when its time is over, not when it is closed. */
  constructor(clock: Clock, ended: () => void) {
    this.#clock = clock;
    this.#ended = ended;
  }

  /** Opens it anew, whoever had claimed the one before. */
  open(ms: number): void {
    this.close();
    this.#endMs = this.#clock.now() + ms;
    this.#timer = this.#clock.at(this.#endMs, () => {
      this.close();
      this.#ended();
    });
  }

  close(): void {
    this.#timer?.();
    this.#timer = this.#endMs = this.#claim = this.#collectedBy = this.#shownMs = null;
  }

  get isOpen(): boolean {
    // The timer may be late: the clock decides.
    return this.#endMs !== null && this.#clock.now() < this.#endMs;
  }

  /** Where whoever claimed it was; null: nobody has. */
  get collectedBy(): string | null {
    return this.isOpen ? this.#collectedBy : null;
  }

  /** Its end by the wall clock, for people: it stays the same unless that clock is set. Null when it is closed. */
  untilMs(wallMs: number): number | null {
    if (this.#endMs === null || !this.isOpen) return null;
    const until = Math.round(wallMs + this.#endMs - this.#clock.now());
    if (this.#shownMs === null || Math.abs(until - this.#shownMs) > WANDER_MS) this.#shownMs = until;
    return this.#shownMs;
  }

  /** `claimed`: this was the first claim; `again`: it is the same one; `refused`: another's, or closed. */
  collect(claim: string, address: string): "claimed" | "again" | "refused" {
    if (!this.isOpen || claim === "") return "refused";
    if (this.#claim !== null) return equal(claim, this.#claim) ? "again" : "refused";
    this.#claim = claim;
    this.#collectedBy = address;
    return "claimed";
  }
}

/** In a time that depends on the lengths alone. */
function equal(one: string, other: string): boolean {
  let different = one.length ^ other.length;
  for (let at = 0; at < one.length; at++) different |= one.charCodeAt(at) ^ (other.charCodeAt(at) || 0);
  return different === 0;
}
