import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { TypedEmitter } from "../../../src/base/events.ts";
import { type Log, type LogFields, silentLog } from "../../../src/base/log.ts";
import type { BrokerState, OperationName, SiteMessage } from "../../../src/status/types.ts";
import { type Asset, makeAsset } from "../../../src/web/assets.ts";
import type { IssuedCredential, WebPorts } from "../../../src/web/port.ts";
import { type WebOptions, WebService } from "../../../src/web/service.ts";

/** The page's server with a gateway that tests can speak for. */

export const PASSWORD = "correct horse battery staple";
const HASH_NAME = "/app-5F3KQ2ZD.js";

const files: readonly [string, string][] = [
  ["/index.html", "<!doctype html><title>dashboard</title>"],
  ["/login.html", "<!doctype html><title>login</title>"],
  ["/handout.html", "<!doctype html><title>handout</title>"],
  [HASH_NAME, "export {};"],
  ["/app.css", "body{margin:0}"],
];

export function testAssets(): Map<string, Asset> {
  return new Map(
    files.map(([path, text]) => [
      path,
      makeAsset(path, Buffer.from(text), null, path === "/app.css" ? Buffer.from("gzipped") : null),
    ]),
  );
}

export const gatewayMessage = (state: string): SiteMessage => ({
  site: "north",
  topic: "gateway",
  payload: { state },
  retain: true,
});

/** What the rig's gateway says, and what was asked of it. */
export class FakeGateway {
  readonly events = new TypedEmitter<{ message: [SiteMessage]; broker: [BrokerState]; changed: [] }>();
  messages: SiteMessage[] = [gatewayMessage("ready")];
  password = PASSWORD;
  openUntilMs: number | null = null;
  claim: string | null = null;
  collectedBy: string | null = null;
  readonly performed: { name: OperationName; params: unknown; by: string }[] = [];
  perform: (name: OperationName, params: unknown) => Promise<unknown> = async () => ({ done: true });
  refusedAddresses = new Set<string>();
  readonly credentials: IssuedCredential[] = [
    { kind: "sip", name: "desk", username: "desk-a1", secret: "s3cret", uri: "sip:desk-a1@192.0.2.1" },
  ];
  readonly brokerStreams: { stream: Duplex; address: string }[] = [];

  ports(withBroker: boolean): WebPorts {
    const ports: WebPorts = {
      feed: {
        site: "north",
        snapshot: () => this.messages,
        onMessage: (listener) => this.events.on("message", listener),
        broker: () => brokerState,
        onBroker: (listener) => this.events.on("broker", listener),
        history: () => ({
          fromMs: 0,
          stepMs: 60_000,
          dropped: [1],
          calls: [0],
          cpuPercent: [null],
          temperatureC: [null],
          memoryAvailableMb: [null],
          digits: {},
        }),
      },
      passwords: {
        verify: (password) => password === this.password,
        onChanged: (listener) => this.events.on("changed", listener),
      },
      handout: {
        openUntilMs: () => this.openUntilMs,
        collectedBy: () => this.collectedBy,
        collect: (claim, address) => {
          if (this.openUntilMs === null || (this.claim !== null && this.claim !== claim)) return null;
          this.claim = claim;
          this.collectedBy = address;
          return this.credentials;
        },
      },
      operations: {
        perform: (name, params, by) => {
          this.performed.push({ name, params, by });
          return this.perform(name, params);
        },
      },
      metrics: () => "paxgate_up 1\n",
      admits: (address) => !this.refusedAddresses.has(address),
    };
    if (!withBroker) return ports;
    return { ...ports, broker: (stream, address) => this.brokerStreams.push({ stream, address }) };
  }
}

export const brokerState: BrokerState = {
  url: "mqtt://127.0.0.1:1883",
  embedded: true,
  connected: true,
  sinceMs: 1,
  fault: null,
};

/** A log that keeps what it was told. */
export class KeptLog implements Log {
  readonly lines: { level: string; message: string; fields: LogFields | undefined }[] = [];
  debug = (message: string, fields?: LogFields) => this.#keep("debug", message, fields);
  info = (message: string, fields?: LogFields) => this.#keep("info", message, fields);
  warn = (message: string, fields?: LogFields) => this.#keep("warn", message, fields);
  error = (message: string, fields?: LogFields) => this.#keep("error", message, fields);
  child = () => this;
  #keep(level: string, message: string, fields: LogFields | undefined): void {
    this.lines.push({ level, message, fields });
  }
}

export interface WebRig {
  readonly gateway: FakeGateway;
  readonly service: WebService;
  readonly base: string;
  readonly port: number;
  stop(): Promise<void>;
}

export async function startWeb(
  options: Partial<WebOptions> & { readonly broker?: boolean; readonly clock?: Clock } = {},
): Promise<WebRig> {
  const gateway = new FakeGateway();
  const { broker = false, ...rest } = options;
  const service = new WebService({
    listen: "loopback",
    port: 0,
    tls: null,
    assets: testAssets(),
    metricsFrom: [],
    names: [],
    ports: gateway.ports(broker),
    clock: systemClock,
    wall: Date.now,
    log: silentLog,
    ...rest,
  });
  await service.start(new AbortController().signal);
  const { port } = service;
  return { gateway, service, port, base: `http://127.0.0.1:${port}`, stop: () => service.stop() };
}

/** Logs in from the given loopback address; the answer is the Cookie header. */
export async function logIn(port: number, password = PASSWORD): Promise<string> {
  const answer = await ask(port, { method: "POST", path: "/login", json: { password } });
  const cookie = answer.headers.get("set-cookie")?.split(";")[0];
  if (answer.status !== 204 || cookie === undefined) throw new Error(`login: ${answer.status} ${answer.body}`);
  return cookie;
}

export interface Question {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: string;
  /** Loopback address to ask from: all of 127.0.0.0/8 is ours. */
  readonly from?: string;
}

export interface Told {
  readonly status: number;
  readonly headers: Map<string, string>;
  readonly body: string;
}

/** One request on a connection of its own, with exactly the headers given. */
export async function ask(port: number, question: Question): Promise<Told> {
  const { method = "GET", path = "/", headers = {}, json, from } = question;
  const body = json === undefined ? (question.body ?? "") : JSON.stringify(json);
  const all: Record<string, string> = { Host: `127.0.0.1:${port}`, Connection: "close", ...headers };
  if (json !== undefined) {
    all["Content-Type"] ??= "application/json";
    all["X-Paxgate"] ??= "1";
  }
  if (body !== "") all["Content-Length"] ??= String(Buffer.byteLength(body));
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return parse(await exchange(port, `${method} ${path} HTTP/1.1\r\n${head.join("")}\r\n${body}`, from));
}

/** Sends bytes as they are; everything that comes until the other side closes. */
export function exchange(port: number, bytes: string, from = "127.0.0.1"): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, localAddress: from });
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.once("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
    socket.once("error", (error) => {
      // A connection cut off in the middle of our sending is an answer too.
      if (chunks.length === 0 && !("code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE")))
        reject(error);
    });
    socket.write(bytes);
  });
}

export function parse(text: string): Told {
  const end = text.indexOf("\r\n\r\n");
  const [first = "", ...lines] = text.slice(0, Math.max(0, end)).split("\r\n");
  const headers = new Map(
    lines.map((line) => {
      const at = line.indexOf(":");
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
    }),
  );
  const status = Number(/^HTTP\/1\.1 ([0-9]{3})/.exec(first)?.[1] ?? 0);
  return { status, headers, body: text.slice(end + 4) };
}

/** A feed that is being listened to. */
export class Listening {
  readonly socket: Socket;
  #all = "";
  closed = false;
  readonly whenClosed: Promise<void>;
  #wake: () => void = () => undefined;

  constructor(port: number, cookie: string) {
    this.socket = connect({ host: "127.0.0.1", port });
    this.socket.on("data", (chunk) => {
      this.#all += chunk.toString("utf8");
      this.#wake();
    });
    this.socket.on("error", () => undefined);
    this.whenClosed = new Promise((resolve) =>
      this.socket.once("close", () => {
        this.closed = true;
        this.#wake();
        resolve();
      }),
    );
    this.socket.write(`GET /api/feed HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nCookie: ${cookie}\r\n\r\n`);
  }

  get text(): string {
    return this.#all;
  }

  /** Waits until the text has come; rejects when the feed ends without it. */
  async has(words: string): Promise<string> {
    while (!this.#all.includes(words)) {
      if (this.closed) throw new Error(`the feed ended without ${words}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#all;
  }
}
