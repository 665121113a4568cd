import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";

/** Something that is a fault once it has lasted. */
export interface Watched {
  /** What people are told. */
  readonly fault: string;
  /** How long it may last, ms. */
  readonly afterMs: number;
  /** Whether it is so now. */
  wrong(): boolean;
}

/** What of Asterisk the guard cannot do without, while it runs. It takes a while after its start. */
export function watched(
  { asterisk, events }: { readonly asterisk: { readonly up: boolean }; readonly events: { readonly up: boolean } },
  registered: { readonly unknown: boolean },
): readonly Watched[] {
  return [
    {
      fault: "Asterisk's security events are not heard: failed logins ban nobody",
      afterMs: 15_000,
      wrong: () => asterisk.up && !events.up,
    },
    {
      fault: "Asterisk cannot be asked which phones are registered: new ones count as strangers",
      afterMs: 60_000,
      wrong: () => asterisk.up && registered.unknown,
    },
  ];
}

const LOOK_MS = 5_000;

/** Looks every five seconds at what is well again by itself as a rule, and tells what is not. */
export class Watch {
  readonly #watched: readonly Watched[];
  readonly #clock: Clock;
  readonly #changed: () => void;
  /** Since when each of them has been wrong, on the clock. */
  readonly #since = new Map<Watched, number>();
  #told = "";
  #timer: Dispose | undefined;

  constructor(watched: readonly Watched[], clock: Clock, changed: () => void) {
    this.#watched = watched;
    this.#clock = clock;
    this.#changed = changed;
  }

  get faults(): readonly string[] {
    const now = this.#clock.now();
    return this.#watched.flatMap((each) => {
      const sinceMs = this.#since.get(each);
      return sinceMs !== undefined && now - sinceMs >= each.afterMs ? [each.fault] : [];
    });
  }

  start(): void {
    this.stop();
    this.#look();
  }

  stop(): void {
    this.#timer?.();
    this.#timer = undefined;
    this.#since.clear();
  }

  #look(): void {
    const now = this.#clock.now();
    for (const each of this.#watched) {
      if (!each.wrong()) this.#since.delete(each);
      else if (!this.#since.has(each)) this.#since.set(each, now);
    }
    const faults = this.faults.join("\n");
    if (faults !== this.#told) {
      this.#told = faults;
      this.#changed();
    }
    this.#timer = this.#clock.at(now + LOOK_MS, () => this.#look());
  }
}
