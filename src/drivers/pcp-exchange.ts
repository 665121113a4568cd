import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { type Dispose, TypedEmitter } from "../base/events.ts";

/** Larger than any answer of these protocols (RFC 6887 section 7: 1100 bytes). */
const MAX_BYTES = 1_100;
/** Pauses between sending a question again, ms: shorter than the RFCs' for a router that is one hop away. */
const PAUSES_MS = [250, 500, 1_000, 1_250];

/** What became of a question: an answer, silence, or the other end's kernel saying that nobody listens. */
export type Exchanged<T> = { readonly kind: "answer"; readonly value: T } | { readonly kind: "silent" | "closed" };

/**
 * Questions and answers as datagrams with one server, from one address of ours. The socket is connected: the kernel
 * drops what does not come from the server's address and port. Whether an answer belongs to the question is decided
 * by whoever asks.
 */
export class DatagramExchange {
  readonly #socket: Socket = createSocket("udp4");
  readonly #emitter = new TypedEmitter<{ datagram: [bytes: Uint8Array]; refused: [] }>();
  #closed = false;

  private constructor() {
    this.#socket.unref();
    this.#socket.on("message", (bytes) => {
      if (bytes.length <= MAX_BYTES) this.#emitter.emit("datagram", bytes);
    });
    // An ICMP "port unreachable" comes as an error of the socket, which stays usable.
    this.#socket.on("error", () => this.#emitter.emit("refused"));
  }

  /** @throws the system's error when the address is not ours, or there is no way to the server. */
  static async open(from: string, server: string, port: number, signal: AbortSignal): Promise<DatagramExchange> {
    const exchange = new DatagramExchange();
    const socket = exchange.#socket;
    try {
      socket.bind(0, from);
      await once(socket, "listening", { signal });
      socket.connect(port, server);
      await once(socket, "connect", { signal });
      return exchange;
    } catch (error) {
      exchange.close();
      throw error;
    }
  }

  /** Asks until `read` makes something of an answer, 3 s at most (`pauses` in ms, for another patience). */
  async ask<T>(
    question: Uint8Array,
    read: (answer: Uint8Array) => T | null,
    signal: AbortSignal,
    pauses: readonly number[] = PAUSES_MS,
  ): Promise<Exchanged<T>> {
    const disposers: Dispose[] = [];
    try {
      return await new Promise<Exchanged<T>>((resolve) => {
        let sent = 0;
        const send = () => {
          const pause = pauses[sent];
          if (pause === undefined || this.#closed || signal.aborted) return resolve({ kind: "silent" });
          sent += 1;
          this.#socket.send(question, (error) => {
            if (error !== null && error !== undefined) this.#emitter.emit("refused");
          });
          const timer = setTimeout(send, pause);
          disposers.push(() => clearTimeout(timer));
        };
        const abort = () => resolve({ kind: "silent" });
        signal.addEventListener("abort", abort, { once: true });
        disposers.push(
          () => signal.removeEventListener("abort", abort),
          this.#emitter.on("datagram", (bytes) => {
            const value = read(bytes);
            if (value !== null) resolve({ kind: "answer", value });
          }),
          this.#emitter.on("refused", () => resolve({ kind: "closed" })),
        );
        send();
      });
    } finally {
      for (const dispose of disposers) dispose();
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }
}
