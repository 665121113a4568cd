/** Days that are remembered: the clock may be wrong for a while, and come back. */
const MOST_DAYS = 3;
/** Keys of one day, and for ever: lines and inputs of any configuration, and those of earlier ones. */
const MOST_KEYS = 512;

type Tally = Map<string, number>;

/** What is kept over restarts. */
export interface KeptCounts {
  readonly version: 1;
  /** The day used last comes last. */
  readonly days: readonly { readonly day: string; readonly counts: Readonly<Record<string, number>> }[];
  readonly ever: Readonly<Record<string, number>>;
}

/**
 * Counts of today and for ever, by key. Counts belong to a day, so that nothing has to happen at midnight and a clock
 * that jumps to another day and back finds the counts of both. While the clock is not set (day `null`) counts go on
 * with the last day that was known, and belong to the day on which it is set.
 */
export class DayCounts {
  readonly #day: () => string | null;
  readonly #changed: () => void;
  /** In order of use. */
  readonly #days = new Map<string, Tally>();
  readonly #ever: Tally = new Map();
  #unset: Tally = new Map();

  /** `day`: the local day, in any form that names one day only; null while the clock is not set. */
  constructor(day: () => string | null, changed: () => void = () => undefined) {
    this.#day = day;
    this.#changed = changed;
  }

  /** Counts one of it. */
  count(key: string): void {
    const day = this.#settle();
    add(day === null ? this.#unset : this.#of(day), key, 1);
    add(this.#ever, key, 1);
    this.#changed();
  }

  today(key: string): number {
    const day = this.#settle();
    if (day !== null) return this.#days.get(day)?.get(key) ?? 0;
    return ([...this.#days.values()].at(-1)?.get(key) ?? 0) + (this.#unset.get(key) ?? 0);
  }

  ever(key: string): number {
    return this.#ever.get(key) ?? 0;
  }

  kept(): KeptCounts {
    this.#settle();
    const days = [...this.#days].map(([day, counts]) => ({ day, counts: Object.fromEntries(counts) }));
    return { version: 1, days, ever: Object.fromEntries(this.#ever) };
  }

  /**
   * Adds what was kept before a restart to what has been counted since. False, and nothing is added: it is not what
   * `kept` gives.
   */
  restore(data: unknown): boolean {
    const kept = readKept(data);
    if (kept === null) return false;
    const since = [...this.#days];
    this.#days.clear();
    for (const { day, counts } of kept.days) addAll(this.#of(day), Object.entries(counts));
    for (const [day, counts] of since) addAll(this.#of(day), counts);
    addAll(this.#ever, Object.entries(kept.ever));
    return true;
  }

  /** Today; what was counted before the clock was set is today's. */
  #settle(): string | null {
    const day = this.#day();
    if (day !== null && this.#unset.size > 0) {
      addAll(this.#of(day), this.#unset);
      this.#unset = new Map();
    }
    return day;
  }

  /** The counts of a day, which is the one used last from now on. */
  #of(day: string): Tally {
    const counts = this.#days.get(day) ?? new Map<string, number>();
    this.#days.delete(day);
    this.#days.set(day, counts);
    const [oldest] = this.#days.keys();
    if (this.#days.size > MOST_DAYS && oldest !== undefined) this.#days.delete(oldest);
    return counts;
  }
}

function add(tally: Tally, key: string, by: number): void {
  if (tally.has(key) || tally.size < MOST_KEYS) {
    tally.set(key, Math.min(Number.MAX_SAFE_INTEGER, (tally.get(key) ?? 0) + by));
  }
}

function addAll(tally: Tally, counts: Iterable<readonly [string, number]>): void {
  for (const [key, by] of counts) add(tally, key, by);
}

/** Null for anything that is no `KeptCounts`. */
function readKept(data: unknown): KeptCounts | null {
  if (!isRecord(data) || data["version"] !== 1 || !Array.isArray(data["days"]) || !isTally(data["ever"])) return null;
  const days: { day: string; counts: Record<string, number> }[] = [];
  for (const one of data["days"].slice(-MOST_DAYS) as unknown[]) {
    if (!isRecord(one) || !isTally(one["counts"])) return null;
    const { day, counts } = one;
    if (typeof day !== "string" || day.length > 32) return null;
    days.push({ day, counts });
  }
  return { version: 1, days, ever: data["ever"] };
}

function isTally(value: unknown): value is Record<string, number> {
  return (
    isRecord(value) &&
    Object.keys(value).length <= MOST_KEYS &&
    Object.values(value).every((count) => Number.isSafeInteger(count) && (count as number) >= 0)
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
