import { readFileSync } from "node:fs";
import { systemClock } from "../../base/clock.ts";

const SAMPLE_MS = 5;
/** Timers fire up to this much late on a machine that is at leisure, ms. */
const TIMER_SLACK_MS = 1.5;

interface Sample {
  readonly atMs: number;
  /** Time that the process has waited for a processor since it began, ms. */
  readonly waitedMs: number;
  /** Time that this process's own timer has been late since it began, ms. */
  readonly lateMs: number;
}

/**
 * Tells a process's own slowness from a machine that was busy with others: notes how long the process was ready to run
 * and did not get a processor, and how long this process itself was kept from running.
 */
export class Contention {
  readonly #path: string;
  readonly #samples: Sample[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(pid: number) {
    this.#path = `/proc/${pid}/schedstat`;
  }

  start(): void {
    this.#sample();
    this.#timer = setTimeout(() => this.start(), SAMPLE_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#sample();
  }

  /** Time between these two that others are to blame for, ms. */
  between(fromMs: number, toMs: number): number {
    const before = this.#samples.findLast(({ atMs }) => atMs <= fromMs) ?? this.#samples[0];
    const after = this.#samples.find(({ atMs }) => atMs >= toMs) ?? this.#samples.at(-1);
    if (before === undefined || after === undefined) return 0;
    return after.waitedMs - before.waitedMs + (after.lateMs - before.lateMs);
  }

  #sample(): void {
    const atMs = systemClock.now();
    const last = this.#samples.at(-1);
    const late = last === undefined ? 0 : Math.max(0, atMs - last.atMs - SAMPLE_MS - TIMER_SLACK_MS);
    const waitedMs = Number(readFileSync(this.#path, "utf8").split(" ")[1] ?? 0) / 1e6;
    this.#samples.push({ atMs, waitedMs, lateMs: (last?.lateMs ?? 0) + late });
  }
}
