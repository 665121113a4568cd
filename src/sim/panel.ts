import type { Dispose } from "../base/events.ts";
import { TypedEmitter } from "../base/events.ts";
import { Contact } from "./contact.ts";
import { type InputSource, sourceActive } from "./input-source.ts";
import { BUTTON_CONTACT, inputContact } from "./port.ts";
import { seededRandom } from "./random.ts";
import type { Simulation } from "./simulation.ts";

/** Longest bounce of a relay's contact and of a push button, ms (EJ). */
const BOUNCE_MS = 4;

export interface PanelEvents {
  /** A contact moved, bounces too. */
  contact: [contact: string, active: boolean, atMs: number];
  /** What the panel shows has changed, bounces left out. */
  changed: [];
}

/** A monitored input as it is. */
export interface PanelInput {
  readonly input: string;
  readonly active: boolean;
  readonly follows: InputSource | null;
  /** Set by hand: it does not follow the exchange. */
  readonly forced: boolean;
}

interface Input {
  readonly name: string;
  readonly follows: InputSource | null;
  readonly contact: Contact;
  forced: boolean | null;
  /** Where the contact was moved to, and how it stands in its bouncing. */
  active: boolean;
  level: boolean;
}

/** What hangs beside the exchange: contacts for the gateway's monitored inputs, its button and its LED. */
export class Panel {
  readonly events = new TypedEmitter<PanelEvents>();
  readonly #simulation: Simulation;
  readonly #inputs: ReadonlyMap<string, Input>;
  readonly #button: Contact | null;
  #pressed = false;
  #buttonLevel = false;
  #endPress: Dispose = () => undefined;
  #led: string | null;

  constructor(simulation: Simulation, seed: number) {
    this.#simulation = simulation;
    const { topology, clock } = simulation;
    // Chance of its own: what hangs here changes nothing of the bounces at the lines.
    const random = seededRandom(seed + 1_000);
    const contact = (moved: (active: boolean) => void) => new Contact(clock, random, () => BOUNCE_MS, moved);
    this.#inputs = new Map(
      topology.inputs.map(({ name, follows }) => {
        const input: Input = {
          name,
          follows,
          forced: null,
          active: false,
          level: false,
          contact: contact((active) => {
            input.level = active;
            this.#moved(inputContact(name), active);
          }),
        };
        return [name, input];
      }),
    );
    this.#button = topology.button
      ? contact((active) => {
          this.#buttonLevel = active;
          this.#moved(BUTTON_CONTACT, active);
        })
      : null;
    this.#led = topology.led ? "off" : null;
    if (topology.inputs.length > 0) simulation.events.on("circuit", () => this.#follow());
    simulation.events.on("power", () => this.#follow());
    this.#follow();
  }

  get inputs(): PanelInput[] {
    return [...this.#inputs.values()].map(({ name, active, follows, forced }) => ({
      input: name,
      active,
      follows,
      forced: forced !== null,
    }));
  }

  /** Null: there is no button. */
  get pressed(): boolean | null {
    return this.#button === null ? null : this.#pressed;
  }

  /** What the LED was last told to show; null: there is none. */
  get led(): string | null {
    return this.#led;
  }

  /** How a contact stands at this moment of its bouncing; null: there is no such contact. */
  level(contact: string): boolean | null {
    if (contact === BUTTON_CONTACT) return this.#button === null ? null : this.#buttonLevel;
    return [...this.#inputs.values()].find(({ name }) => inputContact(name) === contact)?.level ?? null;
  }

  /**
   * Presses the button for `ms`, or (null) for good; `ended` is called when it is let go of, or when another press goes
   * on from this one, which leaves it pressed. False: there is no button.
   */
  press(ms: number | null, ended: () => void): boolean {
    if (this.#button === null) return false;
    this.#endPress();
    this.#endPress = ended;
    this.#putButton(true);
    if (ms === null) return true;
    const { clock } = this.#simulation;
    const cancel = clock.at(clock.now() + ms, () => {
      this.#endPress = () => undefined;
      this.#putButton(false);
      ended();
    });
    this.#endPress = () => {
      cancel();
      ended();
    };
    return true;
  }

  /** Puts an input by hand, or (null) lets it follow the exchange again; false: there is no such input. */
  setInput(name: string, active: boolean | null): boolean {
    const input = this.#inputs.get(name);
    if (input === undefined) return false;
    input.forced = active;
    this.#follow();
    return true;
  }

  /** False: there is no LED. */
  showLed(pattern: string): boolean {
    if (this.#led === null) return false;
    if (this.#led !== pattern) {
      this.#led = pattern;
      this.events.emit("changed");
    }
    return true;
  }

  #putButton(pressed: boolean): void {
    this.#pressed = pressed;
    this.#button?.move(pressed);
    this.events.emit("changed");
  }

  #follow(): void {
    let changed = false;
    for (const input of this.#inputs.values()) {
      const { forced, follows } = input;
      const active =
        forced ?? (follows !== null && sourceActive(follows, this.#simulation.powered, this.#simulation.circuits));
      if (active === input.active) continue;
      input.active = active;
      input.contact.move(active);
      changed = true;
    }
    if (changed) this.events.emit("changed");
  }

  #moved(contact: string, active: boolean): void {
    this.events.emit("contact", contact, active, this.#simulation.clock.now());
  }
}
