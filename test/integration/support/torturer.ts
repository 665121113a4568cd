import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createConnection } from "node:net";
import { within } from "../../../src/base/lifecycle.ts";
import { numbered } from "./torture.ts";

const LIMIT_MS = 15_000;
/** So many messages wait in the receiver's buffer at most, whatever their length. */
const AT_ONCE = 20;

/** Somebody on loopback without an account who sends anything, over UDP. */
export class Torturer {
  readonly #server: number;
  readonly #socket: Socket = createSocket("udp4");
  readonly #listeners = new Set<(text: string) => void>();
  #serial = 0;
  /** Responses received: the message's name, by its Call-ID, and the status. */
  readonly answers: { readonly name: string; readonly status: number }[] = [];

  constructor(serverPort: number) {
    this.#server = serverPort;
  }

  async open(): Promise<this> {
    this.#socket.bind(0, "127.0.0.1");
    await once(this.#socket, "listening");
    this.#socket.on("message", (data) => {
      const text = data.toString("latin1");
      const name = /^Call-ID: ([^.\r]*)/im.exec(text)?.[1] ?? "";
      this.answers.push({ name, status: Number(text.slice(8, 11)) });
      for (const listener of [...this.#listeners]) listener(text);
    });
    return this;
  }

  close(): void {
    this.#socket.close();
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Sends them all; resolves when the receiver has worked through them. */
  async send(messages: readonly Buffer[]): Promise<void> {
    for (let at = 0; at < messages.length; at += AT_ONCE) {
      for (const message of messages.slice(at, at + AT_ONCE)) this.#write(numbered(message, ++this.#serial));
      await this.probe();
    }
  }

  /** An ordinary request that has to be answered: whatever came before it has been dealt with then. */
  async probe(): Promise<void> {
    const id = `probe-${++this.#serial}-${this.port}`;
    let listener: (text: string) => void = () => undefined;
    const answered = new Promise<void>((resolve) => {
      listener = (text) => {
        if (text.startsWith("SIP/2.0 ") && text.includes(`Call-ID: ${id}\r`)) resolve();
      };
      this.#listeners.add(listener);
    });
    this.#write(Buffer.from(optionsOf(id, "UDP", this.#server, this.port)));
    await within(LIMIT_MS, answered, "an ordinary request was not answered").finally(() =>
      this.#listeners.delete(listener),
    );
  }

  #write(message: Buffer): void {
    this.#socket.send(message, this.#server, "127.0.0.1");
  }
}

/** A sound request of a stranger's. */
export function optionsOf(callId: string, transport: "UDP" | "TCP", serverPort: number, ownPort: number): string {
  return [
    `OPTIONS sip:127.0.0.1:${serverPort} SIP/2.0`,
    `Via: SIP/2.0/${transport} 127.0.0.1:${ownPort};branch=z9hG4bK${callId};rport`,
    "Max-Forwards: 70",
    `From: <sip:caller@127.0.0.1>;tag=${callId}`,
    `To: <sip:127.0.0.1:${serverPort}>`,
    `Call-ID: ${callId}`,
    "CSeq: 1 OPTIONS",
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
}

export interface StreamOutcome {
  /** SIP responses received. */
  readonly answers: number;
  /** Octets that the other side took before it closed. */
  readonly written: number;
  /** How long the connection lasted from its beginning, ms. */
  readonly lastedMs: number;
}

export interface Stream {
  readonly port: number;
  /** Pieces, each written when the one before has gone out. May be without end. */
  readonly pieces: Iterable<string | Buffer>;
  /** Ends our direction after the last piece. */
  readonly end?: boolean;
  /** Ends the connection when so many answers have come; never unless told. */
  readonly enough?: number;
  readonly limitMs?: number;
}

/** One TCP connection to the SIP port, until it is closed. Errors: it is open still when the limit is over. */
export async function tcpStream({
  port,
  pieces,
  end = false,
  enough,
  limitMs = 30_000,
}: Stream): Promise<StreamOutcome> {
  const began = performance.now();
  const socket = createConnection({ port, host: "127.0.0.1", noDelay: true });
  let answers = 0;
  let rest = "";
  socket.on("error", () => undefined);
  socket.on("data", (data) => {
    const starts = (rest + data.toString("latin1")).split("SIP/2.0 ");
    rest = (starts.at(-1) ?? "").slice(-7);
    answers += starts.length - 1;
    if (enough !== undefined && answers >= enough) socket.destroy();
  });
  const closed = new Promise<void>((resolve) => {
    socket.once("close", () => resolve());
  });
  const write = async () => {
    for (const piece of pieces) {
      if (socket.destroyed) return;
      await new Promise<void>((resolve) => {
        socket.write(piece, () => resolve());
      });
    }
    if (end) socket.end();
  };
  try {
    await within(limitMs, Promise.all([closed, write()]), "the connection was not closed");
  } finally {
    socket.destroy();
  }
  return { answers, written: socket.bytesWritten, lastedMs: performance.now() - began };
}
