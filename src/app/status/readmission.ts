import type { Clock } from "../../base/clock.ts";
import { describeError } from "../../base/errors.ts";
import type { Dispose } from "../../base/events.ts";
import type { Log } from "../../base/log.ts";
import type { GuardService } from "../../firewall/service.ts";

/** How often they are let try again, ms. */
const EVERY_MS = 10_000;

/**
 * After a reset every telephone goes on trying its old password, until somebody gives it the new one: the firewall would
 * limit and ban it for that, and refuse the new password too. So those that were registered at the reset are released
 * again and again for as long as new credentials can be collected. What they could guess meanwhile has 139 bits.
 */
export class Readmission {
  readonly #guard: () => Pick<GuardService, "registered" | "release"> | null;
  readonly #clock: Clock;
  readonly #log: Log;
  #addresses: ReadonlySet<string> = new Set();
  #cancel: Dispose = () => undefined;

  constructor(guard: () => Pick<GuardService, "registered" | "release"> | null, clock: Clock, log: Log) {
    this.#guard = guard;
    this.#clock = clock;
    this.#log = log;
  }

  /** A reset begins: whoever is registered now will try again. */
  note(): void {
    this.#addresses = new Set([...this.#addresses, ...(this.#guard()?.registered ?? [])]);
  }

  /** Whether new credentials can be collected now. */
  follow(open: boolean): void {
    this.#cancel();
    if (!open) {
      this.#addresses = new Set();
      return;
    }
    void this.#release();
    this.#cancel = this.#clock.at(this.#clock.now() + EVERY_MS, () => this.follow(true));
  }

  stop(): void {
    this.#cancel();
  }

  async #release(): Promise<void> {
    for (const address of this.#addresses) {
      await this.#guard()
        ?.release(address)
        .catch((error: unknown) => {
          this.#log.warn("a telephone could not be let try again", { address, error: describeError(error) });
        });
    }
  }
}
