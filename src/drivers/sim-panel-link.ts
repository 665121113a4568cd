import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { GatewayError } from "../base/errors.ts";
import { within } from "../base/lifecycle.ts";
import { encodeJson, type FromPanel, parseFromLine, parseFromPanel, type ToPanel, WireReader } from "../sim/port.ts";

/** Longest wait for the simulator's answer, ms. */
const ANSWER_LIMIT_MS = 2_000;

export interface PanelLinkListener {
  message(message: FromPanel): void;
  /** It was open, and the simulator has let go of it. */
  lost(error: GatewayError): void;
}

/** A connection to one contact, or to the LED, of the simulated PAX. It is opened once; another attempt takes another. */
export class PanelLink {
  readonly #path: string;
  readonly #listener: PanelLinkListener;
  #socket: Socket | null = null;
  #answer: { readonly resolve: (message: FromPanel) => void; readonly reject: (error: Error) => void } | null = null;
  #open = false;

  constructor(hardwareSocket: string, listener: PanelLinkListener) {
    this.#path = hardwareSocket;
    this.#listener = listener;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /**
   * Answers with the simulator's first message, which the listener gets too.
   * @throws GatewayError `contact-unavailable`
   */
  async open(first: ToPanel): Promise<FromPanel> {
    const socket = createConnection(this.#path);
    this.#socket = socket;
    try {
      await within(ANSWER_LIMIT_MS, once(socket, "connect"), "no connection");
      const reader = new WireReader();
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => this.#received(reader, chunk));
      socket.on("close", () => this.#closed());
      const answer = new Promise<FromPanel>((resolve, reject) => {
        this.#answer = { resolve, reject };
      });
      socket.write(encodeJson(first));
      return await within(ANSWER_LIMIT_MS, answer, "no answer");
    } catch (cause) {
      socket.on("error", () => undefined);
      socket.destroy();
      throw new GatewayError("contact-unavailable", `no such contact of a simulated PAX at ${this.#path}`, { cause });
    }
  }

  /** What is sent to a link that is not open is lost. */
  send(message: ToPanel): void {
    if (this.#open && this.#socket?.destroyed === false) this.#socket.write(encodeJson(message));
  }

  close(): void {
    this.#open = false;
    this.#socket?.destroy();
  }

  #received(reader: WireReader, chunk: Uint8Array): void {
    try {
      for (const wire of reader.push(chunk)) {
        if (wire.kind !== "json") throw new GatewayError("contact-unavailable", "sound from a contact");
        this.#take(wire.value);
      }
    } catch (error) {
      this.#socket?.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #take(value: unknown): void {
    const message = parseFromPanel(value);
    if (message === null) {
      const other = parseFromLine(value);
      const text = other?.type === "refused" ? other.message : "a message that is none of a simulated contact";
      this.#answer?.reject(new GatewayError("contact-unavailable", text));
      throw new GatewayError("contact-unavailable", text);
    }
    this.#listener.message(message);
    this.#open = true;
    this.#answer?.resolve(message);
    this.#answer = null;
  }

  #closed(): void {
    const wasOpen = this.#open;
    this.#open = false;
    const error = new GatewayError("contact-unavailable", `the simulated PAX at ${this.#path} let go of it`);
    this.#answer?.reject(error);
    if (wasOpen) this.#listener.lost(error);
  }
}
