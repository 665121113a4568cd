import { GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { ContactPort } from "../credentials/port.ts";
import { BUTTON_CONTACT, inputContact } from "../sim/port.ts";
import { PanelLink } from "./sim-panel-link.ts";

/** A contact of the simulated PAX: the reset button, or that of a monitored input. */
export class SimContact implements ContactPort {
  readonly #contact: string;
  readonly #path: string;
  readonly #events = new TypedEmitter<{ change: [active: boolean]; lost: [error: Error] }>();
  #link: PanelLink | null = null;
  #active = false;

  /** `contact`: the button, or the name of an input. `hardwareSocket` is the path that the simulator was given. */
  constructor(contact: { readonly button: true } | { readonly input: string }, hardwareSocket: string) {
    this.#contact = "button" in contact ? BUTTON_CONTACT : inputContact(contact.input);
    this.#path = hardwareSocket;
  }

  /** @throws GatewayError `contact-unavailable`: no simulator at the socket, or it has no such contact */
  async open(): Promise<void> {
    if (this.#link !== null) return;
    const link = new PanelLink(this.#path, {
      message: (message) => {
        if (message.type === "contact") this.#seen(link, message.active);
      },
      lost: (error) => {
        if (this.#link !== link) return;
        this.#link = null;
        this.#events.emit("lost", error);
      },
    });
    this.#link = link;
    try {
      const first = await link.open({ type: "open-contact", contact: this.#contact });
      if (first.type !== "contact") throw new GatewayError("contact-unavailable", "it answers as no contact does");
      if (this.#link !== link) throw new GatewayError("contact-unavailable", "it was closed while it was opened");
    } catch (error) {
      if (this.#link === link) this.#link = null;
      link.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const link = this.#link;
    this.#link = null;
    link?.close();
  }

  /** @throws GatewayError `contact-unavailable` when it is not open */
  async active(): Promise<boolean> {
    if (this.#link === null) throw new GatewayError("contact-unavailable", `${this.#contact} is not open`);
    return this.#active;
  }

  onChange(listener: (active: boolean) => void): Dispose {
    return this.#events.on("change", listener);
  }

  onLost(listener: (error: Error) => void): Dispose {
    return this.#events.on("lost", listener);
  }

  #seen(link: PanelLink, active: boolean): void {
    if (this.#link !== link) return;
    const changed = active !== this.#active;
    this.#active = active;
    if (changed && link.isOpen) this.#events.emit("change", active);
  }
}
