/** A timer for a moment of the calendar, which survives the clock being set. */
export interface Wake {
  /** Fires once, not before this Unix time, ms. Replaces what was set before. */
  at(atMs: number): void;
  clear(): void;
}

/** The clock may be set while we wait (no battery, time from the network), so it is looked at now and then. */
const LOOK_MS = 60_000;

export class WakeTimer implements Wake {
  readonly #unixMs: () => number;
  readonly #fire: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(unixMs: () => number, fire: () => void) {
    this.#unixMs = unixMs;
    this.#fire = fire;
  }

  at(atMs: number): void {
    this.clear();
    const setMs = this.#unixMs();
    const left = atMs - setMs;
    this.#timer = setTimeout(
      () => {
        // Earlier than it was: the clock was set back, and whoever waits may want to know.
        const now = this.#unixMs();
        if (now >= atMs || now < setMs) this.#fire();
        else this.at(atMs);
      },
      Math.min(LOOK_MS, Math.max(0, Math.ceil(left))),
    );
    this.#timer.unref();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
