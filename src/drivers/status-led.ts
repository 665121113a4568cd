import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, systemClock } from "../base/clock.ts";
import { describeError, GatewayError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { LedPort } from "../credentials/port.ts";
import type { LedPattern } from "../credentials/types.ts";
import { LED_ROOT, type WriteAttribute, writeAttribute } from "./led-pattern.ts";

/** How long udev may take to hand a trigger's attributes to our group, ms (EJ), and how often we look. */
const UDEV_LIMIT_MS = 1_000;
const UDEV_LOOK_MS = 20;
/** How soon an LED that does not work is tried again, ms: at a slow start udev gives it to us after tens of seconds. */
const RETRY_MS = 2_000;

/**
 * Blinking as times on and off in turn, ms. They can be told apart at a glance: identify is quick, a reset that is armed
 * blinks once a second, a factory reset flashes double, work winks off, a fault flashes three times and waits.
 */
const blinking = {
  identify: [100, 100],
  "armed-reset": [500, 500],
  "armed-factory": [100, 100, 100, 700],
  busy: [900, 100],
  fault: [150, 150, 150, 150, 150, 1_250],
} as const satisfies Partial<Record<LedPattern, readonly number[]>>;

/** The same for a kernel without the `pattern` trigger: its `timer` knows one time on and one time off. */
const simpleBlinking = { ...blinking, "armed-factory": [50, 250], fault: [1_000, 1_000] } as const;

export interface StatusLedOptions {
  /** Name under /sys/class/leds. */
  readonly name: string;
  readonly log?: Log;
  /** For tests. */
  readonly root?: string;
  readonly clock?: Clock;
  readonly write?: WriteAttribute;
}

/**
 * The status LED, an LED-class device whose triggers blink without us: `pattern`, or else `timer`, or else it is only
 * on or off. The kernel goes on with what was last shown when the gateway ends.
 */
export class StatusLed implements LedPort {
  readonly #directory: string;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #write: WriteAttribute;
  #wanted: LedPattern = "off";
  #working = false;
  #showing: Promise<void> = Promise.resolve();
  #fault: string | null = null;
  #retry: Dispose = () => undefined;
  #closed = false;

  constructor({ name, log, root, clock, write }: StatusLedOptions) {
    this.#directory = join(root ?? LED_ROOT, name);
    this.#log = log ?? silentLog;
    this.#clock = clock ?? systemClock;
    this.#write = write ?? writeAttribute;
  }

  /**
   * Resolves when the LED shows the latest pattern that was asked for. Never rejects: an LED is no reason for anything
   * to fail; what is wrong is logged once, and it is tried again every two seconds.
   */
  show(pattern: LedPattern): Promise<void> {
    this.#wanted = pattern;
    if (!this.#working) this.#showing = this.#work();
    return this.#showing;
  }

  /** Tries no longer; the LED goes on with what it shows. */
  close(): void {
    this.#closed = true;
    this.#retry();
  }

  async #work(): Promise<void> {
    this.#working = true;
    this.#retry();
    for (let shown: LedPattern | null = null; shown !== this.#wanted; ) {
      shown = this.#wanted;
      try {
        await this.#put(shown);
        if (this.#fault !== null) this.#log.info("the status LED works");
        this.#fault = null;
      } catch (error) {
        const fault = describeError(error);
        if (fault !== this.#fault) this.#log.warn("the status LED does not work", { error: fault });
        this.#fault = fault;
      }
    }
    this.#working = false;
    if (this.#fault === null || this.#closed) return;
    this.#retry = this.#clock.at(this.#clock.now() + RETRY_MS, () => void this.show(this.#wanted));
  }

  async #put(pattern: LedPattern): Promise<void> {
    const triggers = this.#read("trigger").split(/\s+/);
    const has = (trigger: string) => triggers.includes(trigger) || triggers.includes(`[${trigger}]`);
    const bright = this.#read("max_brightness").trim();
    if (pattern === "off" || pattern === "on" || pattern === "pressed" || !(has("pattern") || has("timer"))) {
      this.#set("trigger", "none");
      this.#set("brightness", pattern === "off" ? "0" : bright);
      return;
    }
    if (has("pattern")) {
      if (!triggers.includes("[pattern]")) this.#set("trigger", "pattern");
      // A second tuple of no length makes a step; without it the LED would fade from one to the next.
      const steps = blinking[pattern].map((ms, at) => {
        const level = at % 2 === 0 ? bright : "0";
        return `${level} ${ms} ${level} 0`;
      });
      await this.#setWhenThere("pattern", steps.join(" "));
      await this.#setWhenThere("repeat", "-1");
      return;
    }
    const [on, off] = simpleBlinking[pattern];
    if (!triggers.includes("[timer]")) this.#set("trigger", "timer");
    await this.#setWhenThere("delay_on", String(on));
    await this.#setWhenThere("delay_off", String(off));
  }

  /** A trigger's attributes appear with it, and udev gives them to our group only after that. */
  async #setWhenThere(attribute: string, text: string): Promise<void> {
    const until = this.#clock.now() + UDEV_LIMIT_MS;
    for (;;) {
      try {
        return this.#set(attribute, text);
      } catch (error) {
        if (this.#clock.now() >= until) throw error;
      }
      await new Promise<void>((resolve) => {
        this.#clock.at(this.#clock.now() + UDEV_LOOK_MS, resolve);
      });
    }
  }

  #set(attribute: string, text: string): void {
    const path = join(this.#directory, attribute);
    try {
      this.#write(path, `${text}\n`);
    } catch (cause) {
      throw new GatewayError("led-unavailable", `${path} cannot be written`, { cause });
    }
  }

  #read(attribute: string): string {
    const path = join(this.#directory, attribute);
    try {
      return readFileSync(path, "utf8");
    } catch (cause) {
      throw new GatewayError("led-unavailable", `${path} cannot be read: is there such an LED?`, { cause });
    }
  }
}
