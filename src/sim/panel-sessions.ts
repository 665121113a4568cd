import type { Socket } from "node:net";
import { GatewayError } from "../base/errors.ts";
import type { Panel } from "./panel.ts";
import { encodeJson, type FromLine, type FromPanel, type ToPanel } from "./port.ts";

/** A driver that does not read what its contact does is given up beyond this, bytes. */
const MAX_UNREAD_BYTES = 64 * 1024;
/** Who holds the LED, among the names of contacts: none of them is called so. */
const LED = "/led";

/**
 * The drivers of contacts and of the LED: a connection for each. Who opens what another one holds takes it over, as the
 * supervisor does that was started again.
 */
export class PanelSessions {
  readonly #panel: Panel;
  readonly #nowMs: () => number;
  readonly #holders = new Map<string, Socket>();

  constructor(panel: Panel, nowMs: () => number) {
    this.#panel = panel;
    this.#nowMs = nowMs;
    panel.events.on("contact", (contact, active, atMs) => {
      const socket = this.#holders.get(contact);
      if (socket !== undefined) send(socket, { type: "contact", active, atMs });
    });
  }

  isHeld(contact: string): boolean {
    return this.#holders.has(contact);
  }

  get ledIsHeld(): boolean {
    return this.#holders.has(LED);
  }

  /** @throws GatewayError `bad-request` */
  receive(socket: Socket, message: ToPanel): void {
    switch (message.type) {
      case "open-contact": {
        const active = this.#panel.level(message.contact);
        if (active === null) return refuse(socket, `the simulated PAX has no contact ${message.contact}`);
        this.#hold(socket, message.contact);
        return send(socket, { type: "contact", active, atMs: this.#nowMs() });
      }
      case "open-led":
        if (this.#panel.led === null) return refuse(socket, "the simulated PAX has no LED");
        this.#hold(socket, LED);
        return send(socket, { type: "led-opened" });
      case "led":
        if (this.#holders.get(LED) !== socket) throw new GatewayError("bad-request", "the LED is not this driver's");
        this.#panel.showLed(message.pattern);
    }
  }

  /** The driver is gone. The LED goes on as it was told to, as the kernel's do. */
  letGo(socket: Socket): void {
    for (const [name, holder] of this.#holders) {
      if (holder !== socket) continue;
      this.#holders.delete(name);
      this.#panel.events.emit("changed");
    }
  }

  #hold(socket: Socket, name: string): void {
    const former = this.#holders.get(name);
    this.#holders.set(name, socket);
    if (former !== undefined && former !== socket) former.destroy();
    this.#panel.events.emit("changed");
  }
}

function refuse(socket: Socket, message: string): void {
  send(socket, { type: "refused", code: "no-such-contact", message });
  socket.end();
}

function send(socket: Socket, message: FromPanel | Extract<FromLine, { type: "refused" }>): void {
  if (socket.writableLength > MAX_UNREAD_BYTES) socket.destroy();
  if (!socket.destroyed) socket.write(encodeJson(message));
}
