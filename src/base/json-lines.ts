import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { describeError, GatewayError } from "./errors.ts";
import { type Dispose, TypedEmitter } from "./events.ts";
import { within } from "./lifecycle.ts";

/**
 * Requests, answers and events as lines of JSON on a local socket, so that a command can work a gateway or a simulation that runs
 * in another process. `{id, method, params}` is answered by `{id, result}` or `{id, error: {code, message}}`; events
 * come to everyone as `{event}`.
 */

/** Longest path of a local socket: the kernel's sun_path with its terminator has 108 bytes. */
const MAX_PATH_BYTES = 107;
/** A request longer than this is no request of ours. */
const MAX_LINE = 64 * 1024;
/** Longest wait for an answer, ms, unless the asker has a shorter one: some requests wait minutes for an event. */
const ANSWER_LIMIT_MS = 630_000;

/** Answers that nobody fetches, bytes. */
const MAX_UNREAD = 1024 * 1024;
const MAX_CLIENTS = 64;

export type JsonLinesHandler = (method: string, params: unknown) => unknown;

export class JsonLinesServer {
  readonly #path: string;
  readonly #handle: JsonLinesHandler;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(path: string, handle: JsonLinesHandler) {
    this.#path = path;
    this.#handle = handle;
  }

  /** Only the owner may connect. What a killed process left at this path is removed. */
  async start(): Promise<void> {
    if (Buffer.byteLength(this.#path) > MAX_PATH_BYTES) {
      throw new GatewayError("path-too-long", `too long for a local socket: ${this.#path}`);
    }
    await rm(this.#path, { force: true });
    const server = createServer((socket) => this.#serve(socket));
    this.#server = server;
    server.maxConnections = MAX_CLIENTS;
    server.listen(this.#path);
    await once(server, "listening");
    await chmod(this.#path, 0o600);
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, "close");
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Tells every client. */
  broadcast(event: unknown): void {
    for (const socket of this.#sockets) write(socket, { event });
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
    readLines(socket, (line) => void this.#answer(socket, line));
  }

  async #answer(socket: Socket, line: string): Promise<void> {
    let id: unknown = null;
    try {
      const request = asRecord(JSON.parse(line));
      id = request["id"] ?? null;
      const method = request["method"];
      if (typeof method !== "string") throw new GatewayError("bad-request", "a request without a method");
      const result = await this.#handle(method, request["params"] ?? null);
      write(socket, { id, result: result ?? null });
    } catch (error) {
      const code = error instanceof GatewayError ? error.code : "bad-request";
      const details = error instanceof GatewayError ? error.details : {};
      write(socket, { id, error: { code, message: describeError(error), details } });
    }
  }
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class JsonLinesClient {
  readonly #path: string;
  readonly #emitter = new TypedEmitter<{ event: [event: unknown]; close: [] }>();
  readonly #waiting = new Map<number, Waiting>();
  #socket: Socket | undefined;
  #serial = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws GatewayError `not-running` when nobody listens. */
  async connect(): Promise<void> {
    const socket = createConnection(this.#path);
    try {
      await once(socket, "connect");
    } catch (cause) {
      throw new GatewayError("not-running", `nothing answers at ${this.#path}`, { cause });
    }
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("close", () => this.#closed());
    readLines(socket, (line) => this.#receive(line));
  }

  close(): void {
    this.#socket?.destroy();
  }

  onEvent(listener: (event: unknown) => void): Dispose {
    return this.#emitter.on("event", listener);
  }

  onClose(listener: () => void): Dispose {
    return this.#emitter.on("close", listener);
  }

  /**
   * @throws GatewayError with the server's code, `not-running` when the connection is gone, `bad-answer` when it was
   *   ended over something that is no answer, `timeout` when none came within `limitMs`.
   */
  request(method: string, params?: unknown, limitMs = ANSWER_LIMIT_MS): Promise<unknown> {
    const socket = this.#socket;
    if (socket === undefined) return Promise.reject(new GatewayError("not-running", "not connected"));
    const id = ++this.#serial;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      write(socket, { id, method, params });
    });
    return within(limitMs, answer, `no answer to "${method}"`).finally(() => this.#waiting.delete(id));
  }

  #receive(line: string): void {
    let message: Record<string, unknown>;
    try {
      message = asRecord(JSON.parse(line));
      if ("error" in message) asRecord(message["error"]);
    } catch (cause) {
      // Whoever is there does not speak our language: nothing it says from now on can be relied on.
      this.#fail(new GatewayError("bad-answer", `what answers at ${this.#path} is none of ours`, { cause }));
      this.#socket?.destroy();
      return;
    }
    if ("event" in message) {
      this.#emitter.emit("event", message["event"]);
      return;
    }
    const id = Number(message["id"]);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (waiting === undefined) return;
    if (!("error" in message)) {
      waiting.resolve(message["result"]);
      return;
    }
    const error = asRecord(message["error"]);
    const details = isRecord(error["details"]) ? error["details"] : {};
    waiting.reject(new GatewayError(String(error["code"]), String(error["message"]), { details }));
  }

  #closed(): void {
    this.#socket = undefined;
    this.#fail(new GatewayError("not-running", "the connection was closed"));
    this.#emitter.emit("close");
  }

  #fail(error: GatewayError): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}

function readLines(socket: Socket, receive: (line: string) => void): void {
  let pending = 0;
  socket.on("data", (chunk) => {
    const lineEnd = chunk.lastIndexOf(0x0a);
    pending = lineEnd < 0 ? pending + chunk.length : chunk.length - lineEnd - 1;
    if (pending > MAX_LINE) socket.destroy();
  });
  const lines = createInterface({ input: socket });
  lines.on("line", receive);
  // readline repeats the socket's errors; unheard they would end the process, at the whim of whoever connects.
  lines.on("error", () => undefined);
}

/** Whoever asks and does not read is given up. */
function write(socket: Socket, message: unknown): void {
  if (socket.writableLength > MAX_UNREAD) socket.destroy();
  if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
}

function asRecord(value: unknown): Record<string, unknown> {
  if (isRecord(value)) return value;
  throw new GatewayError("bad-request", "not a JSON object");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
