import { type Clock, systemClock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { LedPort } from "../credentials/port.ts";
import type { LedPattern } from "../credentials/types.ts";
import { PanelLink } from "./sim-panel-link.ts";

/** How soon the simulator is looked for again, ms. */
const RETRY_MS = 2_000;

/** The status LED of the simulated PAX. What it shows is shown again when the simulator was started anew. */
export class SimLed implements LedPort {
  readonly #path: string;
  readonly #log: Log;
  readonly #clock: Clock;
  #pattern: LedPattern = "off";
  #link: PanelLink | null = null;
  #retry: Dispose | null = null;
  #told = false;
  #closed = false;

  constructor(hardwareSocket: string, log: Log = silentLog, clock: Clock = systemClock) {
    this.#path = hardwareSocket;
    this.#log = log;
    this.#clock = clock;
  }

  /** Never rejects: an LED is no reason for anything to fail. */
  async show(pattern: LedPattern): Promise<void> {
    this.#pattern = pattern;
    if (this.#link?.isOpen === true) this.#link.send({ type: "led", pattern });
    else if (this.#link === null && this.#retry === null && !this.#closed) await this.#connect();
  }

  /** Lets go; the simulated LED goes on with what it shows. */
  close(): void {
    this.#closed = true;
    this.#retry?.();
    this.#retry = null;
    this.#link?.close();
    this.#link = null;
  }

  async #connect(): Promise<void> {
    const link = new PanelLink(this.#path, { message: () => undefined, lost: (error) => this.#lost(link, error) });
    this.#link = link;
    try {
      await link.open({ type: "open-led" });
      if (this.#link !== link) return;
      this.#told = false;
      link.send({ type: "led", pattern: this.#pattern });
    } catch (error) {
      this.#lost(link, error);
    }
  }

  #lost(link: PanelLink, error: unknown): void {
    if (this.#link !== link) return;
    link.close();
    this.#link = null;
    if (!this.#told) this.#log.warn("there is no simulated LED", { error: describeError(error) });
    this.#told = true;
    this.#retry = this.#clock.at(this.#clock.now() + RETRY_MS, () => {
      this.#retry = null;
      void this.#connect();
    });
  }
}
