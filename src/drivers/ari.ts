import { Agent, request as httpRequest } from "node:http";
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { describeError, GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { type AriEvent, parseAriEvent } from "./ari-types.ts";
import { type AskHolder, connectTrusted } from "./trusted-socket.ts";

export interface AriOptions {
  /** Always loopback: ARI is never offered to a network. */
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** Stasis application. */
  readonly application: string;
  /** Who listens at the port: nobody but our Asterisk is told the password. */
  readonly holder: AskHolder;
}

interface AriConnectionEvents {
  up: [];
  down: [];
  event: [event: AriEvent];
}

/** What calls need of the connection. */
export type AriApi = Pick<AriConnection, "up" | "application" | "on" | "request">;

/** What Node's HTTP client hands over to be told of a connection. */
type MadeSocket = (error: Error | null, socket?: Socket) => void;

const HOST = "127.0.0.1";
const REQUEST_LIMIT_MS = 5_000;
const RECONNECT_MS = 250;
const PING_MS = 2_000;

/**
 * A connection to Asterisk's REST Interface: requests over kept-alive HTTP, events over a WebSocket that is opened
 * again for as long as the service runs. While the WebSocket is open Asterisk hands calls to the application.
 */
export class AriConnection implements Service {
  readonly name = "ari";
  readonly #options: AriOptions;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<AriConnectionEvents>();
  readonly #agent = Object.assign(new Agent({ keepAlive: true, maxSockets: 8 }), {
    createConnection: (_: unknown, made: MadeSocket) => this.#open(made),
  });
  #socket: WebSocket | null = null;
  #retry: NodeJS.Timeout | undefined;
  #ping: NodeJS.Timeout | undefined;
  #running = false;
  #up = false;
  #fault: string | null = null;

  constructor(options: AriOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  get up(): boolean {
    return this.#up;
  }

  /** Why the last attempt to connect failed; null when none has since the connection was last open. */
  get fault(): string | null {
    return this.#fault;
  }

  get application(): string {
    return this.#options.application;
  }

  on<K extends keyof AriConnectionEvents & string>(
    event: K,
    listener: (...args: AriConnectionEvents[K]) => void,
  ): Dispose {
    return this.#emitter.on(event, listener);
  }

  /** Begins to connect, or goes on after `pause`; does not wait, since Asterisk may come later. `up` tells. */
  async start(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    if (this.#socket === null) this.#connect();
  }

  /** Makes no new connection until `start`. One that is open stays, with the calls that came by it. */
  pause(): void {
    this.#running = false;
    clearTimeout(this.#retry);
    if (!this.#up) this.#socket?.terminate();
  }

  async stop(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#retry);
    this.#socket?.terminate();
    this.#wentDown();
    this.#agent.destroy();
  }

  /**
   * One request. `query` values are encoded. Answers the parsed body, or null when there is none.
   * @throws GatewayError `ari-status` (details.status) when Asterisk refuses, `ari-io` when it cannot be reached.
   */
  request(
    method: "GET" | "POST" | "DELETE",
    path: string,
    query: Record<string, string> = {},
    body?: unknown,
  ): Promise<unknown> {
    const search = new URLSearchParams(query).toString();
    const payload = body === undefined ? "" : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const failed = (cause: unknown) =>
        reject(new GatewayError("ari-io", `Asterisk did not answer ${method} ${path}`, { cause }));
      const call = httpRequest(
        {
          agent: this.#agent,
          host: HOST,
          port: this.#options.port,
          method,
          path: `/ari${path}${search === "" ? "" : `?${search}`}`,
          auth: `${this.#options.username}:${this.#options.password}`,
          timeout: REQUEST_LIMIT_MS,
          headers: { "content-type": "application/json", "content-length": Buffer.byteLength(payload) },
        },
        (answer) => {
          let text = "";
          answer.setEncoding("utf8");
          answer.on("data", (chunk: string) => {
            text += chunk;
          });
          answer.on("error", failed);
          answer.on("end", () => {
            const status = answer.statusCode ?? 0;
            if (status < 200 || status > 299) {
              const message = `Asterisk answered ${status} to ${method} ${path}`;
              reject(new GatewayError("ari-status", message, { details: { status } }));
              return;
            }
            try {
              resolve(text === "" ? null : JSON.parse(text));
            } catch (error) {
              failed(error);
            }
          });
        },
      );
      call.on("timeout", () => call.destroy(new Error("time-out")));
      call.on("error", failed);
      call.end(payload);
    });
  }

  #connect(): void {
    const { application, port, username, password } = this.#options;
    const query = new URLSearchParams({ app: application, subscribeAll: "false" });
    const socket = new WebSocket(`ws://${HOST}:${port}/ari/events?${query}`, {
      auth: `${username}:${password}`,
      handshakeTimeout: REQUEST_LIMIT_MS,
      agent: this.#agent,
      perMessageDeflate: false,
      maxPayload: 1 << 20,
    });
    this.#socket = socket;
    let answered = true;
    socket.on("open", () => {
      this.#up = true;
      this.#fault = null;
      this.#ping = setInterval(() => {
        if (!answered) {
          socket.terminate();
          return;
        }
        answered = false;
        socket.ping();
      }, PING_MS);
      this.#log.info("connected to Asterisk");
      this.#emitter.emit("up");
    });
    socket.on("pong", () => {
      answered = true;
    });
    socket.on("message", (data) => this.#receive(String(data)));
    socket.on("error", (error) => {
      this.#fault = `no connection to Asterisk's REST Interface: ${describeError(error)}`;
      this.#log.debug("ARI connection failed", { error: describeError(error) });
    });
    socket.on("close", () => {
      if (this.#socket !== socket) return;
      this.#wentDown();
      clearTimeout(this.#retry);
      if (this.#running) this.#retry = setTimeout(() => this.#connect(), RECONNECT_MS);
    });
  }

  /** Every connection is made here, so that the password goes to our Asterisk only. */
  #open(made: MadeSocket): undefined {
    connectTrusted(this.#options.port, this.#options.holder).then(
      (socket) => {
        socket.setTimeout(REQUEST_LIMIT_MS);
        made(null, socket);
      },
      (error: Error) => made(error),
    );
  }

  #wentDown(): void {
    clearInterval(this.#ping);
    this.#socket = null;
    if (!this.#up) return;
    this.#up = false;
    this.#log.warn("connection to Asterisk lost");
    this.#emitter.emit("down");
  }

  #receive(text: string): void {
    let event: AriEvent | null;
    try {
      event = parseAriEvent(text);
    } catch (error) {
      this.#log.warn("unreadable event from Asterisk", { error: describeError(error) });
      return;
    }
    if (event !== null) this.#emitter.emit("event", event);
  }
}
