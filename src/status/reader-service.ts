import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { StatusSources } from "./port.ts";
import type { Part, StatusParts } from "./types.ts";

/**
 * How often each part is read though nobody says that it changed, ms. The guard is asked less often: seven processes are
 * started to read the kernel's counters, which was half of what an idle supervisor did.
 */
const EVERY_MS: { readonly [P in Part]: number } = {
  gateway: 5_000,
  lines: 10_000,
  calls: 10_000,
  trunks: 5_000,
  guard: 10_000,
  nat: 30_000,
  system: 10_000,
  inputs: 30_000,
  alerts: 5_000,
  credentials: 10_000,
};

/** Every part of the status. */
export const parts = Object.keys(EVERY_MS) as readonly Part[];

/** Parts that wait for further changes, because reading them costs something, or they follow from others; ms. */
const GATHER_MS: { readonly [P in Part]?: number } = {
  guard: 50,
  nat: 50,
  system: 50,
  alerts: 20,
  trunks: 5,
  gateway: 5,
};
/** Least time between two readings that begin, ms, for parts that many changes in a row would keep us reading. */
const LEAST_MS: { readonly [P in Part]?: number } = { guard: 1_000 };
const TICK_MS = 5_000;
/** A source that has not answered for so long is at fault, ms. */
const SLOW_MS = 20_000;

/** A part with its value. */
export type ReadPart = { [P in Part]: { readonly part: P; readonly value: StatusParts[P] } }[Part];

interface Options {
  readonly sources: StatusSources;
  readonly clock: Clock;
  readonly take: (read: ReadPart) => void;
  /** The part could not be read, or what was read not taken. */
  readonly failed: (part: Part, why: string) => void;
  /** Called every 5 s. */
  readonly tick: () => void;
}

interface Reading {
  /** Since when it is being read, monotonic; null: it is not. */
  sinceMs: number | null;
  again: boolean;
  waiting: boolean;
  /** When it was last begun to be read, monotonic. */
  begunMs: number | null;
  dueMs: number;
}

/**
 * Reads the parts of the status: soon after they may have changed, and now and then. A part is read once at a time, so
 * that an earlier answer never comes after a later one; a source that never answers holds up its own part only.
 */
export class PartReader {
  readonly #options: Options;
  readonly #readings = new Map<Part, Reading>();
  readonly #timers = new Set<Dispose>();
  #running = false;

  constructor(options: Options) {
    this.#options = options;
    for (const part of parts)
      this.#readings.set(part, { sinceMs: null, again: false, waiting: false, begunMs: null, dueMs: 0 });
  }

  start(): void {
    this.#running = true;
    for (const reading of this.#readings.values()) {
      reading.waiting = false;
      reading.dueMs = 0;
    }
    this.#tick();
  }

  stop(): void {
    this.#running = false;
    for (const dispose of this.#timers) dispose();
    this.#timers.clear();
  }

  /** The part may be another one now. Cheap: it is read once for many calls. */
  changed(part: Part): void {
    const reading = this.#of(part);
    if (!this.#running || reading.waiting) return;
    reading.waiting = true;
    const gatherMs = this.#gatherMs(part, reading);
    if (gatherMs === undefined) setImmediate(() => void this.#read(part));
    else this.#after(gatherMs, () => void this.#read(part));
  }

  /** How long to wait for further changes; undefined: not at all. */
  #gatherMs(part: Part, { begunMs }: Reading): number | undefined {
    const least = LEAST_MS[part];
    const gatherMs = GATHER_MS[part];
    if (least === undefined || begunMs === null) return gatherMs;
    return Math.max(gatherMs ?? 0, begunMs + least - this.#options.clock.now());
  }

  #tick(): void {
    const { clock, failed, tick } = this.#options;
    const now = clock.now();
    for (const part of parts) {
      const { sinceMs, dueMs } = this.#of(part);
      if (sinceMs !== null && now - sinceMs >= SLOW_MS) failed(part, "its source does not answer");
      // Half a tick early rather than a whole one late.
      if (now >= dueMs - TICK_MS / 2) this.changed(part);
    }
    tick();
    this.#after(TICK_MS, () => this.#tick());
  }

  async #read<P extends Part>(part: P): Promise<void> {
    const { sources, clock, take, failed } = this.#options;
    const reading = this.#of(part);
    reading.waiting = false;
    if (!this.#running) return;
    if (reading.sinceMs !== null) {
      reading.again = true;
      return;
    }
    reading.sinceMs = clock.now();
    reading.begunMs = reading.sinceMs;
    reading.dueMs = reading.sinceMs + EVERY_MS[part];
    try {
      const value = await sources.read(part);
      if (this.#running) take({ part, value } as ReadPart);
    } catch (error) {
      if (this.#running) failed(part, describeError(error));
    } finally {
      reading.sinceMs = null;
      if (reading.again) this.changed(part);
      reading.again = false;
    }
  }

  #after(ms: number, fire: () => void): void {
    const { clock } = this.#options;
    const dispose = clock.at(clock.now() + ms, () => {
      this.#timers.delete(dispose);
      fire();
    });
    this.#timers.add(dispose);
  }

  #of(part: Part): Reading {
    const reading = this.#readings.get(part);
    if (reading === undefined) throw new Error(`impossible part ${part}`);
    return reading;
  }
}
