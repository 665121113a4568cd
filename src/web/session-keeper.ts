import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { SessionStore } from "./port.ts";
import type { Sessions } from "./sessions.ts";

/** A clock that is so far from where it was has been set, ms. */
const SET_MS = 60_000;
/** What is left of the sessions is written at least so often, so that a clock that is always wrong prolongs none, ms. */
const WRITE_MS = 24 * 3_600_000;

/** Keeps the sessions over restarts: written when somebody logs in or out, and not at each request. */
export class SessionKeeper {
  readonly #sessions: Sessions;
  readonly #store: SessionStore | null;
  readonly #clock: Clock;
  readonly #wall: () => number;
  readonly #log: Log;
  #writing: Promise<void> | null = null;
  #again = false;
  #wroteMs = 0;
  /** Unix time less monotonic time, when it was last written. */
  #offsetMs = 0;
  #said = "";

  /** `wall`: Unix time, ms. */
  constructor(sessions: Sessions, store: SessionStore | null, clock: Clock, wall: () => number, log: Log) {
    this.#sessions = sessions;
    this.#store = store;
    this.#clock = clock;
    this.#wall = wall;
    this.#log = log;
  }

  /** Never rejects: without what was kept, people log in again. */
  async load(): Promise<void> {
    this.#note();
    if (this.#store === null) return;
    try {
      this.#sessions.resume(await this.#store.load(), this.#clock.now(), this.#wall());
    } catch (error) {
      this.#log.warn("the sessions of before are lost", { error: describeError(error) });
    }
  }

  /** Writes them as they are. Resolves when that is done, or has failed: a session counts all the same. */
  keep(): Promise<void> {
    if (this.#store === null) return Promise.resolve();
    // Whoever comes while one is being written is served by one more, however many there are.
    this.#again = true;
    this.#writing ??= this.#write(this.#store);
    return this.#writing;
  }

  /** To be called now and then: ends those whose time has come. */
  look(): void {
    const nowMs = this.#clock.now();
    this.#sessions.sweep(nowMs);
    const set = Math.abs(this.#wall() - nowMs - this.#offsetMs) > SET_MS;
    if (set || nowMs - this.#wroteMs > WRITE_MS) void this.keep();
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  #note(): void {
    this.#wroteMs = this.#clock.now();
    this.#offsetMs = this.#wall() - this.#wroteMs;
  }

  async #write(store: SessionStore): Promise<void> {
    while (this.#again) {
      this.#again = false;
      this.#note();
      try {
        await store.save(this.#sessions.kept(this.#clock.now(), this.#wall()));
        this.#said = "";
      } catch (error) {
        const words = describeError(error);
        if (words !== this.#said) this.#log.warn("sessions will not outlive a restart", { error: words });
        this.#said = words;
      }
    }
    this.#writing = null;
  }
}
