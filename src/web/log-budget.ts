import type { Log, LogFields } from "../base/log.ts";

const PER_MINUTE = 10;
const MINUTE_MS = 60_000;

/** Warnings that strangers can cause: at most ten a minute, and then how many there were. */
export class LogBudget {
  readonly #log: Log;
  #fromMs = Number.NEGATIVE_INFINITY;
  #written = 0;
  #left = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  warn(message: string, fields: LogFields, nowMs: number): void {
    if (nowMs - this.#fromMs >= MINUTE_MS) {
      if (this.#left > 0) this.#log.warn("more of the like were not logged", { count: this.#left });
      this.#fromMs = nowMs;
      this.#written = 0;
      this.#left = 0;
    }
    if (this.#written >= PER_MINUTE) {
      this.#left++;
      return;
    }
    this.#written++;
    this.#log.warn(message, fields);
  }
}
