import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { absent, type ButtonInput, type ButtonState, dueMs, stepButton } from "./button.ts";
import type { ContactPort, LedPort } from "./port.ts";
import type { ButtonMeaning, LedPattern } from "./types.ts";

/** A contact that cannot be opened is tried again after this, and twice as long each time, ms. */
const RETRY_FIRST_MS = 1_000;
const RETRY_LIMIT_MS = 60_000;

export interface ButtonEvents {
  meaning: [meaning: ButtonMeaning];
}

/** The button and the LED: performs what `button.ts` decides. A button that is not there never holds the gateway up. */
export class ButtonService implements Service {
  readonly name = "button";
  readonly #contact: ContactPort | null;
  readonly #led: LedPort | null;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<ButtonEvents>();
  readonly #disposers: Dispose[] = [];
  #state: ButtonState = absent;
  #timer: Dispose | null = null;
  #retryMs = RETRY_FIRST_MS;
  #running = false;
  #fault: string | null = null;
  #wanted: LedPattern | null = null;
  #resting: LedPattern = "on";
  #shown: LedPattern | null = null;
  #showing: Promise<void> = Promise.resolve();

  /** `contact` and `led`: null where the configuration has none. */
  constructor(contact: ContactPort | null, led: LedPort | null, clock: Clock, log: Log) {
    this.#contact = contact;
    this.#led = led;
    this.#clock = clock;
    this.#log = log;
  }

  onMeaning(listener: (meaning: ButtonMeaning) => void): Dispose {
    return this.#emitter.on("meaning", listener);
  }

  /** Why the button does not work, in words; null when it does, or there is none. */
  get fault(): string | null {
    const { kind } = this.#state;
    const stuck = (kind === "blocked" || kind === "unblocking") && "told" in this.#state && this.#state.told;
    return stuck
      ? "the button is stuck: it has been pressed for half a minute, and does nothing until let go"
      : this.#fault;
  }

  /** What the LED shows while the button does not need it. */
  indicate(pattern: LedPattern): void {
    this.#resting = pattern;
    this.#show();
  }

  async start(_signal: AbortSignal): Promise<void> {
    this.#running = true;
    this.#show();
    const contact = this.#contact;
    if (contact === null) return;
    this.#disposers.push(
      contact.onChange((active) => this.#take({ type: "changed", active, atMs: this.#clock.now() })),
      contact.onLost((error) => this.#lost(error)),
    );
    await this.#open(contact);
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#timer?.();
    this.#timer = null;
    for (const dispose of this.#disposers.splice(0)) dispose();
    this.#state = absent;
    this.#wanted = null;
    await this.#contact?.close().catch((error: unknown) => this.#complain("closing the button's contact", error));
    await this.#showing;
  }

  async #open(contact: ContactPort): Promise<void> {
    try {
      await contact.open();
      const active = await contact.active();
      if (!this.#running) return;
      this.#fault = null;
      this.#retryMs = RETRY_FIRST_MS;
      if (active) this.#log.warn("the button is pressed already: it does nothing until it was let go");
      this.#take({ type: "opened", active, atMs: this.#clock.now() });
    } catch (error) {
      if (this.#running) this.#lost(error);
    }
  }

  #lost(error: unknown): void {
    const words = describeError(error);
    if (this.#fault === null) this.#complain("the button's contact", error);
    this.#fault = `the button does not work: ${words}`;
    this.#take({ type: "lost", atMs: this.#clock.now() });
    const contact = this.#contact;
    if (contact === null) return;
    this.#timer?.();
    this.#timer = this.#clock.at(this.#clock.now() + this.#retryMs, () => void this.#reopen(contact));
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_LIMIT_MS);
  }

  async #reopen(contact: ContactPort): Promise<void> {
    await contact.close().catch(() => undefined);
    if (this.#running) await this.#open(contact);
  }

  #take(input: ButtonInput): void {
    if (!this.#running) return;
    const { state, effects } = stepButton(this.#state, input);
    this.#state = state;
    for (const effect of effects) {
      if (effect.type === "show") {
        this.#wanted = effect.pattern;
        this.#show();
      } else {
        this.#log.info("the button was used", { meaning: effect.meaning });
        this.#emitter.emit("meaning", effect.meaning);
      }
    }
    this.#timer?.();
    const due = dueMs(state);
    this.#timer = due === null ? null : this.#clock.at(due, () => this.#take({ type: "due", atMs: this.#clock.now() }));
  }

  /** One pattern after the other; a LED that fails is no reason for anything else to. */
  #show(): void {
    const led = this.#led;
    const pattern = this.#wanted ?? this.#resting;
    if (led === null || !this.#running || pattern === this.#shown) return;
    this.#shown = pattern;
    this.#showing = this.#showing
      .then(() => led.show(pattern))
      .catch((error: unknown) => {
        this.#shown = null;
        this.#complain("the status LED", error);
      });
  }

  #complain(what: string, error: unknown): void {
    this.#log.warn(`${what} failed`, { error: describeError(error) });
  }
}
