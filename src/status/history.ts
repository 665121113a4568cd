import type { HistoryView } from "./types.ts";

const MINUTE_MS = 60_000;
/** Points of one minute: 24 hours. */
export const POINTS = 1_440;
/** Digits of each line. */
export const DIGITS = 100;
/** Lines whose digits are remembered. */
const MOST_LINES = 64;

const figures = ["dropped", "calls", "cpuPercent", "temperatureC", "memoryAvailableMb"] as const;
type Figure = (typeof figures)[number];

/** What is known of the present minute; what is left out or null is not known. */
export type Sample = { readonly [F in Figure]?: number | null };

interface Digit {
  readonly atMs: number;
  readonly ips: number | null;
  readonly breakPercent: number | null;
}

/**
 * What the plots show, in memory of a fixed size: 5 rings of 1,440 figures, and 3 of 100 for each line. Points stand on
 * the monotonic clock, so that setting the wall clock neither tears nor empties a plot.
 */
export class History {
  readonly #rings = new Map<Figure, Float64Array>(
    figures.map((one) => [one, new Float64Array(POINTS).fill(Number.NaN)]),
  );
  readonly #digits = new Map<string, DigitRing>();
  #first: number | null = null;
  #last = 0;

  /** `nowMs` monotonic. Of several samples in a minute the last counts; of calls, the most at a time. */
  sample(nowMs: number, sample: Sample): void {
    const minute = Math.floor(nowMs / MINUTE_MS);
    this.#moveTo(minute);
    for (const figure of figures) {
      const value = sample[figure];
      const ring = this.#rings.get(figure);
      if (value === undefined || value === null || ring === undefined) continue;
      const before = ring[minute % POINTS] ?? Number.NaN;
      ring[minute % POINTS] = figure === "calls" && before > value ? before : value;
    }
  }

  digit(line: string, digit: Digit): void {
    let ring = this.#digits.get(line);
    if (ring === undefined) {
      if (this.#digits.size >= MOST_LINES) return;
      ring = new DigitRing();
      this.#digits.set(line, ring);
    }
    ring.push(digit);
  }

  /** `nowMs` monotonic, `wallMs` Unix time. */
  view(nowMs: number, wallMs: number): HistoryView {
    const minute = Math.floor(nowMs / MINUTE_MS);
    this.#moveTo(minute);
    const first = Math.max(this.#first ?? minute, minute - POINTS + 1);
    const points = (figure: Figure) => {
      const ring = this.#rings.get(figure);
      return Array.from({ length: minute - first + 1 }, (_, at) => known(ring?.[(first + at) % POINTS]));
    };
    return {
      // Whole minutes, so that a point has the same time at each look.
      fromMs: Math.max(0, Math.floor(wallMs / MINUTE_MS) - (minute - first)) * MINUTE_MS,
      stepMs: MINUTE_MS,
      dropped: points("dropped"),
      calls: points("calls"),
      cpuPercent: points("cpuPercent"),
      temperatureC: points("temperatureC"),
      memoryAvailableMb: points("memoryAvailableMb"),
      digits: Object.fromEntries([...this.#digits].map(([line, ring]) => [line, ring.view()])),
    };
  }

  /** Minutes that nobody told of are not known. */
  #moveTo(minute: number): void {
    if (this.#first === null) {
      this.#first = minute;
      this.#last = minute;
    }
    for (let at = Math.max(this.#last + 1, minute - POINTS + 1); at <= minute; at++) {
      for (const ring of this.#rings.values()) ring[at % POINTS] = Number.NaN;
    }
    this.#last = Math.max(this.#last, minute);
  }
}

class DigitRing {
  readonly #at = new Float64Array(DIGITS);
  readonly #ips = new Float64Array(DIGITS);
  readonly #breakPercent = new Float64Array(DIGITS);
  #count = 0;

  push({ atMs, ips, breakPercent }: Digit): void {
    const slot = this.#count % DIGITS;
    this.#at[slot] = atMs;
    this.#ips[slot] = ips ?? Number.NaN;
    this.#breakPercent[slot] = breakPercent ?? Number.NaN;
    this.#count += 1;
  }

  view(): readonly Digit[] {
    const length = Math.min(this.#count, DIGITS);
    return Array.from({ length }, (_, index) => {
      const slot = (this.#count - length + index) % DIGITS;
      return {
        atMs: this.#at[slot] ?? 0,
        ips: known(this.#ips[slot]),
        breakPercent: known(this.#breakPercent[slot]),
      };
    });
  }
}

function known(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : Math.round(value * 10) / 10;
}
