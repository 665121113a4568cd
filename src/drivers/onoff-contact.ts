import { accessSync, constants, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Gpio } from "onoff";
import { type Clock, systemClock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { ContactPort } from "../credentials/port.ts";
import { type GpioTools, systemTools } from "./gpio-child.ts";
import { GPIO_SYSFS, gpioNumber } from "./gpio-number.ts";

/** How long udev may take to hand a line's attributes to our group, ms (EJ), and how often we look. */
const UDEV_LIMIT_MS = 10_000;
const UDEV_LOOK_MS = 20;

export type GpioConstructor = typeof Gpio;

export interface OnoffContactOptions {
  /** The line's name, such as `paxgate-button`, or `CHIP-LABEL:OFFSET`, such as `pinctrl-bcm2835:17`. */
  readonly gpio: string;
  /** Low when active. */
  readonly activeLow: boolean;
  /** onoff's own debouncing, ms; 0 (the default) tells every change: the rooms debounce, simulated contacts alike. */
  readonly debounceMs?: number;
  /** For tests: the kernel's files, libgpiod's tools, onoff's class, time. */
  readonly root?: string;
  readonly tools?: GpioTools;
  readonly load?: () => Promise<GpioConstructor>;
  readonly clock?: Clock;
}

/**
 * A contact at a GPIO line, by onoff. onoff and its compiled part, epoll, are loaded only when a contact is opened.
 *
 * We export the line ourselves and wait for udev without blocking: onoff's constructor would try up to 10,000 times in
 * one go while the gateway stands still. And onoff lets an error of reading escape from epoll's callback, where it would
 * end the process: a contact whose chip has gone is lost instead.
 */
export class OnoffContact implements ContactPort {
  readonly #options: OnoffContactOptions;
  readonly #root: string;
  readonly #clock: Clock;
  readonly #events = new TypedEmitter<{ change: [active: boolean]; lost: [error: Error] }>();
  #gpio: Gpio | null = null;
  #level: 0 | 1 = 0;
  /** Counts openings and closings, so that an opening that was overtaken lets go again. */
  #attempt = 0;

  constructor(options: OnoffContactOptions) {
    this.#options = options;
    this.#root = options.root ?? GPIO_SYSFS;
    this.#clock = options.clock ?? systemClock;
  }

  /** @throws GatewayError `contact-unavailable`: with what is missing and how to get it */
  async open(): Promise<void> {
    if (this.#gpio !== null) return;
    const attempt = ++this.#attempt;
    const { gpio: place, activeLow, debounceMs = 0, tools = systemTools } = this.#options;
    const number = await gpioNumber(place, this.#root, tools);
    const GpioLine = await this.#load();
    await this.#export(number);
    if (attempt !== this.#attempt) throw this.#unavailable("it was closed while it was opened");
    let gpio: Gpio;
    try {
      gpio = new GpioLine(number, "in", "both", { debounceTimeout: debounceMs, activeLow });
    } catch (cause) {
      throw this.#unavailable("the kernel does not give the line", cause);
    }
    try {
      this.#requireSettings(gpio);
      this.#level = gpio.readSync();
      this.#guardReading(gpio);
      this.#gpio = gpio;
      gpio.watch((error, value) => this.#seen(gpio, error ?? null, value));
      // What changed before epoll looked is not told by it.
      this.#seen(gpio, null, gpio.readSync());
    } catch (cause) {
      this.#gpio = null;
      release(gpio);
      throw cause instanceof GatewayError ? cause : this.#unavailable("it cannot be watched", cause);
    }
  }

  async close(): Promise<void> {
    this.#attempt++;
    const gpio = this.#gpio;
    this.#gpio = null;
    if (gpio !== null) release(gpio);
  }

  /** @throws GatewayError `contact-unavailable` when it is not open, or can't be read any more */
  async active(): Promise<boolean> {
    const gpio = this.#gpio;
    if (gpio === null) throw this.#unavailable("it is not open");
    const value = gpio.readSync();
    if (this.#gpio !== gpio) throw this.#unavailable("it can't be read any more");
    return value === 1;
  }

  onChange(listener: (active: boolean) => void): Dispose {
    return this.#events.on("change", listener);
  }

  onLost(listener: (error: Error) => void): Dispose {
    return this.#events.on("lost", listener);
  }

  /** onoff answers each edge with the level of now: two edges in quick succession may be the same level twice. */
  #seen(gpio: Gpio, error: Error | null, value: 0 | 1): void {
    if (gpio !== this.#gpio) return;
    if (error !== null) return this.#lost(gpio, error);
    if (value === this.#level) return;
    this.#level = value;
    this.#events.emit("change", value === 1);
  }

  #guardReading(gpio: Gpio): void {
    const read = gpio.readSync.bind(gpio);
    gpio.readSync = () => {
      // onoff's debouncing may fire after the line was closed: its file is no longer ours to read.
      if (gpio !== this.#gpio) return this.#level;
      try {
        return read();
      } catch (error) {
        // Told later: whoever reads is in the middle of something.
        queueMicrotask(() => this.#lost(gpio, error));
        return this.#level;
      }
    };
  }

  #lost(gpio: Gpio, cause: unknown): void {
    if (gpio !== this.#gpio) return;
    this.#gpio = null;
    release(gpio);
    this.#events.emit("lost", this.#unavailable("the contact is lost", cause));
  }

  async #load(): Promise<GpioConstructor> {
    try {
      // By its default: a CommonJS module that is bundled has no other names.
      return await (this.#options.load?.() ?? import("onoff").then(({ default: onoff }) => onoff.Gpio));
    } catch (cause) {
      throw this.#unavailable("onoff's compiled part, epoll, is not there: scripts/install-modules compiles it", cause);
    }
  }

  /** Has the kernel show the line, and waits until its attributes may be written. */
  async #export(number: number): Promise<void> {
    const line = join(this.#root, `gpio${number}`);
    if (!existsSync(line)) {
      try {
        writeFileSync(join(this.#root, "export"), String(number));
      } catch (cause) {
        const { code } = cause as NodeJS.ErrnoException;
        if (code === "EBUSY") throw this.#unavailable("something else uses the line (gpioinfo tells what)", cause);
        if (code === "EACCES" || code === "EPERM") {
          throw this.#unavailable(`${this.#root}/export may not be written: is the gateway in the group gpio?`, cause);
        }
        throw this.#unavailable("the kernel does not give the line", cause);
      }
    }
    const until = this.#clock.now() + UDEV_LIMIT_MS;
    for (;;) {
      try {
        for (const name of ["value", "direction", "active_low", "edge"]) {
          accessSync(join(line, name), constants.R_OK | constants.W_OK);
        }
        return;
      } catch (cause) {
        if (this.#clock.now() >= until) throw this.#unavailable(words(cause), cause);
      }
      await new Promise<void>((resolve) => {
        this.#clock.at(this.#clock.now() + UDEV_LOOK_MS, resolve);
      });
    }
  }

  /** onoff says nothing when a line that was exported already does not take its settings. */
  #requireSettings(gpio: Gpio): void {
    const right = gpio.direction() === "in" && gpio.edge() === "both" && gpio.activeLow() === this.#options.activeLow;
    if (!right) throw this.#unavailable("the line does not take its settings: is it an output, or without interrupts?");
  }

  #unavailable(message: string, cause?: unknown): GatewayError {
    return new GatewayError("contact-unavailable", `${this.#options.gpio}: ${message}`, { cause });
  }
}

function words(cause: unknown): string {
  const { code, path = "" } = cause as NodeJS.ErrnoException;
  if (code === "ENOENT" && path.endsWith("/edge")) return "the line has no interrupts, and can't be watched";
  return "its attributes may not be written: do the udev rules give them to the gateway?";
}

/** Lets go of the line; a line that is gone is let go of. */
function release(gpio: Gpio): void {
  try {
    gpio.unexport();
  } catch {
    // Its directory has gone with the chip; the file is closed by then, or was.
  }
}
