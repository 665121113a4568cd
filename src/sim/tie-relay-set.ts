import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import type { PatternStep } from "../line/port.ts";
import { Contact } from "./contact.ts";
import type { Random } from "./random.ts";
import { playSteps } from "./sequence.ts";
import type { TieLineConfig } from "./topology.ts";

/** Impulses of a relay set that regenerates: ten a second, 66⅔ % break (line-signalling: 66/33). */
const REGENERATED: readonly PatternStep[] = [
  { closed: false, ms: 66.7 },
  { closed: true, ms: 33.3 },
];
/** Pause after a regenerated digit, ms: what a register needs at least is 240 (SIN 351). */
const REGENERATED_PAUSE_MS = 700;

/**
 * The outgoing side of a tie line's relay set: puts a loop across the pair, repeats the caller's impulses as breaks,
 * and, as its train relay TC releases some time after the last make, may let the loop go for an instant: the false
 * extra impulse that the maker warns of.
 */
export class TieRelaySet {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #config: () => TieLineConfig;
  readonly #loop: Contact;
  #pending: Dispose[] = [];
  #digits: number[] = [];
  #held = false;
  #sending = false;

  constructor(clock: Clock, random: Random, config: () => TieLineConfig, changed: (closed: boolean) => void) {
    this.#clock = clock;
    this.#random = random;
    this.#config = config;
    this.#loop = new Contact(clock, random, () => config().bounceMs, changed);
  }

  seize(): void {
    this.#held = true;
    this.#after(this.#config().seizeMs, () => this.#loop.move(true));
  }

  release(): void {
    this.#held = false;
    this.#sending = false;
    this.#digits = [];
    this.#cancel();
    this.#loop.move(false);
  }

  /** The caller's relay A has released. */
  break(): void {
    if (!this.#held || this.#config().impulsing !== "repeat") return;
    this.#cancel();
    this.#loop.move(false);
  }

  /** The caller's relay A has operated again. */
  make(): void {
    if (!this.#held || this.#config().impulsing !== "repeat") return;
    this.#loop.move(true);
    this.#trainRelay();
  }

  /** The caller's train has ended. */
  digit(pulses: number): void {
    if (!this.#held || this.#config().impulsing !== "regenerate") return;
    this.#digits.push(pulses);
    if (!this.#sending) this.#regenerate();
  }

  #regenerate(): void {
    const pulses = this.#digits.shift();
    this.#sending = pulses !== undefined;
    if (pulses === undefined) return;
    this.#cancel();
    const steps = Array.from({ length: pulses }, () => REGENERATED).flat();
    const ended = () => {
      this.#trainRelay();
      this.#after(REGENERATED_PAUSE_MS, () => this.#regenerate());
    };
    this.#pending.push(playSteps(this.#clock, steps, (closed) => this.#loop.move(closed), ended));
  }

  #trainRelay(): void {
    this.#cancel();
    const { probability, delayMs, breakMs } = this.#config().falseImpulse;
    this.#after(this.#random.between(...delayMs), () => {
      if (this.#random.next() >= probability) return;
      this.#loop.move(false);
      this.#after(this.#random.between(...breakMs), () => this.#loop.move(true));
    });
  }

  #after(ms: number, act: () => void): void {
    this.#pending.push(this.#clock.at(this.#clock.now() + ms, act));
  }

  #cancel(): void {
    for (const cancel of this.#pending) cancel();
    this.#pending = [];
  }
}
