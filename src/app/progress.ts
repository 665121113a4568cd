import type { Clock } from "../base/clock.ts";

/** One thing that has to go on happening. */
export interface Watched {
  /** It has happened. */
  beat(): void;
  /** It need not happen any more. May be called twice. */
  end(): void;
}

interface Activity {
  readonly name: string;
  readonly limitMs: number;
  lastMs: number;
}

/**
 * Whether the gateway does what it is there for. That its event loop turns says little: something that waits for ever
 * leaves it turning. So each activity that has to go on beats, and one whose beat is late is told by name.
 */
export class Progress {
  readonly #clock: Pick<Clock, "now">;
  readonly #activities = new Set<Activity>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Expects the first beat, and each further one, within `limitMs` of the one before. */
  watch(name: string, limitMs: number): Watched {
    const activity: Activity = { name, limitMs, lastMs: this.#clock.now() };
    this.#activities.add(activity);
    return {
      beat: () => {
        activity.lastMs = this.#clock.now();
      },
      end: () => {
        this.#activities.delete(activity);
      },
    };
  }

  /** Names of the activities whose beat is late, each once. */
  late(): readonly string[] {
    const nowMs = this.#clock.now();
    const late = [...this.#activities].filter(({ lastMs, limitMs }) => nowMs - lastMs > limitMs);
    return [...new Set(late.map(({ name }) => name))];
  }
}
