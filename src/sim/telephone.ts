import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import { Contact } from "./contact.ts";
import { dialSteps } from "./dial.ts";
import type { Random } from "./random.ts";
import { playSteps } from "./sequence.ts";
import type { Dial, DigitMap } from "./topology.ts";
import { Speaker } from "./voice.ts";

/** A telephone with a rotary dial: a hook, a dial contact, a bell, a mouth and an ear. */
export class Telephone {
  readonly number: string;
  readonly speaker = new Speaker();
  dial: Dial;
  /** From the first ring until it lifts by itself, ms; null: it does not. */
  autoAnswerMs: number | null = null;
  readonly #clock: Clock;
  readonly #loop: Contact;
  #offHook = false;
  #stopDialling: (() => void) | null = null;
  #cancelAnswer: Dispose = () => undefined;

  constructor(number: string, dial: Dial, clock: Clock, random: Random, loopChanged: (closed: boolean) => void) {
    this.number = number;
    this.dial = dial;
    this.#clock = clock;
    this.#loop = new Contact(clock, random, () => this.dial.bounceMs, loopChanged);
  }

  get offHook(): boolean {
    return this.#offHook;
  }

  get dialling(): boolean {
    return this.#stopDialling !== null;
  }

  lift(): void {
    this.#cancelAnswer();
    this.#offHook = true;
    this.#loop.move(true);
  }

  hangUp(): void {
    this.#stopDialling?.();
    this.#offHook = false;
    this.speaker.play(null);
    this.#loop.move(false);
  }

  /** Dials; `done` is told whether every digit was sent. Returns false when it is on the hook or dialling already. */
  dialNumber(digits: string, map: DigitMap, done: (complete: boolean) => void): boolean {
    if (!this.#offHook || this.#stopDialling !== null) return false;
    let stop: Dispose = () => undefined;
    const finish = (complete: boolean) => {
      stop();
      this.#stopDialling = null;
      done(complete);
    };
    this.#stopDialling = () => finish(false);
    stop = playSteps(
      this.#clock,
      dialSteps(digits, this.dial, map),
      (closed) => this.#loop.move(closed),
      () => finish(true),
    );
    return true;
  }

  /** The bell begins to ring, or stops. */
  ring(ringing: boolean): void {
    this.#cancelAnswer();
    if (!ringing || this.autoAnswerMs === null) return;
    this.#cancelAnswer = this.#clock.at(this.#clock.now() + this.autoAnswerMs, () => this.lift());
  }
}
