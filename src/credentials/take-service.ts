import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import { within } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { IssuedStore, Taker } from "./port.ts";

/** A taker that takes longer has failed, and is asked again, ms. */
const TAKE_LIMIT_MS = 10_000;
/** Wait after the first failure, doubled with each, ms. */
const WAIT_FIRST_MS = 100;
const WAIT_LIMIT_MS = 30_000;

/** Has new credentials taken up by everybody, however long that takes, and then clears `pending`. */
export class Taking {
  readonly #store: IssuedStore;
  readonly #takers: readonly Taker[];
  readonly #clock: Clock;
  readonly #log: Log;
  /** Who has not taken them yet. */
  readonly #behind = new Set<string>();
  #round = 0;

  constructor(store: IssuedStore, takers: readonly Taker[], clock: Clock, log: Log) {
    this.#store = store;
    this.#takers = takers;
    this.#clock = clock;
    this.#log = log;
  }

  /** Names of those who have failed to so far. */
  get behind(): readonly string[] {
    return [...this.#behind];
  }

  /**
   * Everybody at the same time, each again and again. Resolves to whether it is complete: not when `signal` was
   * aborted, or a later call has taken over. `changed`: told when `behind` is another.
   */
  async run(signal: AbortSignal, changed: () => void): Promise<boolean> {
    const round = ++this.#round;
    const goOn = () => !signal.aborted && round === this.#round;
    const steps = this.#takers.map((taker) => ({ name: taker.name, run: () => taker.take(this.#store.issued) }));
    await Promise.all(steps.map(({ name, run }) => this.#untilDone(name, run, goOn, signal, changed)));
    const complete = () => this.#store.completeReset();
    return this.#untilDone("the stored state", complete, goOn, signal, changed);
  }

  async #untilDone(
    name: string,
    run: () => Promise<void>,
    goOn: () => boolean,
    signal: AbortSignal,
    changed: () => void,
  ): Promise<boolean> {
    for (let waitMs = WAIT_FIRST_MS; goOn(); waitMs = Math.min(waitMs * 2, WAIT_LIMIT_MS)) {
      try {
        await within(TAKE_LIMIT_MS, run(), `${name} did not answer`);
        if (this.#behind.delete(name)) changed();
        return goOn();
      } catch (error) {
        if (!goOn()) return false;
        if (!this.#behind.has(name)) {
          this.#log.error("new credentials are not in force yet; trying again", {
            who: name,
            error: describeError(error),
          });
          this.#behind.add(name);
          changed();
        }
        await this.#wait(waitMs, signal);
      }
    }
    return false;
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        dispose();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const dispose = this.#clock.at(this.#clock.now() + ms, done);
      signal.addEventListener("abort", done, { once: true });
    });
  }
}
