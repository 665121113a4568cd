import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import { within } from "../base/lifecycle.ts";
import {
  type Edge,
  type LineInput,
  type LineOutput,
  type LinePort,
  lineInputs,
  type PatternStep,
} from "../line/port.ts";
import { encodeAudio, encodeJson, type FromLine, parseFromLine, type ToLine, WireReader } from "../sim/port.ts";

/** Longest wait for the simulator's answer, ms. */
const ANSWER_LIMIT_MS = 2_000;
/** Sound that waits to be taken, bytes: a fifth of a second. */
const MAX_UNSENT_BYTES = 3_200;

interface SimLineEvents {
  edge: [edge: Edge];
  lost: [error: Error];
  audio: [frame: Int16Array];
  message: [message: FromLine];
}

/** A line of the simulated PAX: the same semantics as the hardware's, over a local socket. */
export class SimLine implements LinePort {
  readonly name: string;
  readonly #path: string;
  readonly #events = new TypedEmitter<SimLineEvents>();
  #inputs: ReadonlySet<LineInput> = new Set();
  #outputs: ReadonlySet<LineOutput> = new Set();
  #socket: Socket | null = null;
  #serial = 0;

  /** `hardwareSocket` is the path that the simulator was given. */
  constructor(name: string, hardwareSocket: string) {
    this.name = name;
    this.#path = hardwareSocket;
  }

  /** Known once the line is open. */
  get inputs(): ReadonlySet<LineInput> {
    return this.#inputs;
  }

  /** Known once the line is open. */
  get outputs(): ReadonlySet<LineOutput> {
    return this.#outputs;
  }

  /** @throws GatewayError `line-unavailable`: no simulator at the socket, or it has no line of this name */
  async open(): Promise<void> {
    if (this.#socket !== null) return;
    const socket = createConnection(this.#path);
    try {
      await once(socket, "connect");
    } catch (cause) {
      throw new GatewayError("line-unavailable", `${this.name}: no simulated PAX at ${this.#path}`, { cause });
    }
    this.#socket = socket;
    const reader = new WireReader();
    socket.on("data", (chunk) => this.#received(socket, reader, chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => this.#closed(socket));
    try {
      this.#send({ type: "open", line: this.name });
      const answer = await this.#answer((message) => (message.type === "opened" ? message : null));
      this.#inputs = new Set(answer.inputs);
      this.#outputs = new Set(answer.outputs);
    } catch (cause) {
      this.#socket = null;
      socket.destroy();
      throw new GatewayError("line-unavailable", `${this.name}: the simulated PAX did not open it`, { cause });
    }
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null || socket.destroyed) return;
    const closed = once(socket, "close");
    socket.end(encodeJson({ type: "close" }));
    await within(ANSWER_LIMIT_MS, closed, `${this.name} was not closed`).catch(() => socket.destroy());
  }

  onEdge(listener: (edge: Edge) => void): Dispose {
    return this.#events.on("edge", listener);
  }

  onLost(listener: (error: Error) => void): Dispose {
    return this.#events.on("lost", listener);
  }

  /** @throws GatewayError `line-unavailable` or `timeout` */
  async levels(): Promise<ReadonlyMap<LineInput, boolean>> {
    const id = ++this.#serial;
    this.#send({ type: "levels", id });
    const answer = await this.#answer((message) => (message.type === "levels" && message.id === id ? message : null));
    return new Map(lineInputs.filter((input) => this.#inputs.has(input)).map((i) => [i, answer.active.includes(i)]));
  }

  set(output: LineOutput, active: boolean): void {
    this.#send({ type: "set", output, active });
  }

  playPattern(steps: readonly PatternStep[]): void {
    this.#send({ type: "pattern", steps });
  }

  refresh(): void {
    this.#send({ type: "refresh" });
  }

  openAudio(): void {
    this.#send({ type: "audio", on: true });
  }

  closeAudio(): void {
    this.#send({ type: "audio", on: false });
  }

  onAudio(listener: (frame: Int16Array) => void): Dispose {
    return this.#events.on("audio", listener);
  }

  writeAudio(frame: Int16Array): void {
    const socket = this.#socket;
    // A simulator that stands still would otherwise make us hoard sound, and be given it late.
    if (socket === null || socket.destroyed || socket.writableLength > MAX_UNSENT_BYTES) return;
    socket.write(encodeAudio(frame));
  }

  /** A line that was lost takes no orders: its outputs are de-energised by the dead-man, and `onLost` has told it. */
  #send(message: ToLine): void {
    if (this.#socket?.destroyed === false) this.#socket.write(encodeJson(message));
  }

  async #answer<T>(pick: (message: FromLine) => T | null): Promise<T> {
    if (this.#socket === null) throw new GatewayError("line-unavailable", `${this.name} is not open`);
    const disposers: Dispose[] = [];
    const answer = new Promise<T>((resolve, reject) => {
      const take = (message: FromLine) => {
        const picked = pick(message);
        if (picked !== null) resolve(picked);
        else if (message.type === "refused") reject(new GatewayError(message.code, message.message));
      };
      disposers.push(this.#events.on("message", take), this.#events.on("lost", reject));
    });
    try {
      return await within(ANSWER_LIMIT_MS, answer, `${this.name}: no answer`);
    } finally {
      for (const dispose of disposers) dispose();
    }
  }

  #received(socket: Socket, reader: WireReader, chunk: Uint8Array): void {
    try {
      for (const wire of reader.push(chunk)) {
        if (wire.kind === "audio") {
          this.#events.emit("audio", wire.samples);
          continue;
        }
        const message = parseFromLine(wire.value);
        if (message === null) throw new GatewayError("line-unavailable", "a message that is none of a simulated line");
        if (message.type === "edge") this.#events.emit("edge", edgeOf(message));
        else this.#events.emit("message", message);
      }
    } catch (error) {
      socket.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #closed(socket: Socket): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    this.#events.emit("lost", new GatewayError("line-unavailable", `${this.name}: the simulated PAX let go of it`));
  }
}

function edgeOf({ input, active, atMs }: Extract<FromLine, { type: "edge" }>): Edge {
  return { input, active, atMs };
}
