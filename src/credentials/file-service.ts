import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { Log } from "../base/log.ts";
import type { HandoutFile } from "./port.ts";

/** A file that cannot be removed is tried again after this, ms. */
const RETRY_MS = 10_000;

/** The file while the window is open. One operation after the other; what it is to be in the end is what it becomes. */
export class KeptFile {
  readonly #file: HandoutFile;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #changed: () => void;
  #turn: Promise<void> = Promise.resolve();
  #retry: Dispose | null = null;
  /** What is wrong with it, in words; null when nothing is. */
  fault: string | null = null;

  constructor(file: HandoutFile, clock: Clock, log: Log, changed: () => void) {
    this.#file = file;
    this.#clock = clock;
    this.#log = log;
    this.#changed = changed;
  }

  /** Never rejects; a file that cannot be written is told, the page has everything too. */
  write(text: string): Promise<void> {
    return this.#next(
      () => this.#file.write(text),
      "the file with new credentials could not be written",
      () => {},
    );
  }

  /** Never rejects; a file that cannot be removed is told, and tried again until it is gone or `stop`. */
  remove(): Promise<void> {
    return this.#next(
      () => this.#file.remove(),
      "the file with new credentials could not be removed",
      () => {
        this.#retry = this.#clock.at(this.#clock.now() + RETRY_MS, () => void this.remove());
      },
    );
  }

  /** Removes it once more and lets go. */
  async stop(): Promise<void> {
    await this.remove();
    this.#retry?.();
    this.#retry = null;
  }

  #next(run: () => Promise<void>, words: string, failed: () => void): Promise<void> {
    this.#retry?.();
    this.#retry = null;
    this.#turn = this.#turn.then(async () => {
      let fault: string | null = null;
      try {
        await run();
      } catch (error) {
        fault = `${words}: ${describeError(error)}`;
        if (fault !== this.fault) this.#log.error(fault);
        failed();
      }
      if (fault === this.fault) return;
      this.fault = fault;
      this.#changed();
    });
    return this.#turn;
  }
}
