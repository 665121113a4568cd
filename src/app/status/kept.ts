import { setTimeout as delay } from "node:timers/promises";
import { describeError } from "../../base/errors.ts";
import type { Service } from "../../base/lifecycle.ts";
import type { Log } from "../../base/log.ts";

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/**
 * A service that calls can do without: what does not start is tried again for ever, and is an alert meanwhile.
 * `start` resolves after the first try, whatever came of it.
 */
export class Kept implements Service {
  readonly name: string;
  readonly #service: Service;
  readonly #changed: () => void;
  readonly #log: Log;
  readonly #life = new AbortController();
  #starting: Promise<void> = Promise.resolve();
  #fault: string | null = null;

  constructor(service: Service, changed: () => void, log: Log) {
    this.name = service.name;
    this.#service = service;
    this.#changed = changed;
    this.#log = log;
  }

  /** Why it does not run, in words; null: it does, or has not been tried. */
  get fault(): string | null {
    return this.#fault;
  }

  start(signal: AbortSignal): Promise<void> {
    const life = AbortSignal.any([signal, this.#life.signal]);
    return new Promise((resolve) => {
      this.#starting = this.#keep(life, resolve).finally(resolve);
    });
  }

  async stop(): Promise<void> {
    this.#life.abort();
    await this.#starting;
    await this.#service.stop();
  }

  async #keep(life: AbortSignal, tried: () => void): Promise<void> {
    for (let wait = FIRST_WAIT_MS; !life.aborted; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
      try {
        await this.#service.start(life);
        this.#tell(null);
        return;
      } catch (error) {
        if (life.aborted) return;
        this.#tell(describeError(error));
        await this.#service.stop().catch(() => undefined);
      }
      tried();
      await delay(wait, undefined, { signal: life }).catch(() => undefined);
    }
  }

  #tell(fault: string | null): void {
    if (fault === this.#fault) return;
    if (fault === null) this.#log.info("runs again", { service: this.name });
    else this.#log.error("does not start; trying again", { service: this.name, error: fault });
    this.#fault = fault;
    this.#changed();
  }
}
