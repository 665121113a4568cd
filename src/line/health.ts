import type { DialHealth } from "./types.ts";

/** Health of the dials that a line hears, over the last digits, and how often they were not understood. */
export interface LineHealth {
  /** Digits understood since the start. */
  readonly digits: number;
  /** Digits that were damaged. */
  readonly errors: number;
  /** False impulses and hits that were ignored. */
  readonly falseBreaks: number;
  /** Rolling speed, impulses per second; NaN before there is a digit of two pulses or more. */
  readonly ips: number;
  /** Rolling share of the break, percent; NaN before there is a digit of two pulses or more. */
  readonly breakPercent: number;
  /** Outside 9-11 ips or 60-72 %: some dial wants adjusting (`line-signalling`). */
  readonly warn: boolean;
}

/** Digits that the rolling figures are taken over (EJ). */
const WINDOW = 16;

/** Gathers the health of one line's digits. */
export class HealthMeter {
  readonly #recent: DialHealth[] = [];
  #digits = 0;
  #errors = 0;
  #falseBreaks = 0;

  digit(health: DialHealth): void {
    this.#digits++;
    if (Number.isNaN(health.ips)) return;
    this.#recent.push(health);
    if (this.#recent.length > WINDOW) this.#recent.shift();
  }

  error(): void {
    this.#errors++;
  }

  falseBreak(): void {
    this.#falseBreaks++;
  }

  get value(): LineHealth {
    const mean = (of: (health: DialHealth) => number) =>
      this.#recent.reduce((sum, health) => sum + of(health), 0) / this.#recent.length;
    const ips = mean((health) => health.ips);
    const breakPercent = mean((health) => health.breakPercent);
    const warn = ips < 9 || ips > 11 || breakPercent < 60 || breakPercent > 72;
    const { length } = this.#recent;
    const counts = { digits: this.#digits, errors: this.#errors, falseBreaks: this.#falseBreaks };
    return length === 0
      ? { ...counts, ips: Number.NaN, breakPercent: Number.NaN, warn: false }
      : { ...counts, ips, breakPercent, warn };
  }
}
