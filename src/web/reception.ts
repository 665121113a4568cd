import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type Asked, type Handler, refuseForeign, wantsJson } from "./asked.ts";
import { Budget } from "./budget.ts";
import type { KnownAddresses } from "./known-addresses.ts";
import { MAX_URL, REQUEST_BURST, REQUESTS_PER_S } from "./limits.ts";
import type { Login } from "./login.ts";
import { Refusal } from "./refusal.ts";
import { type Reply, refused, seeOther, send, sendBare } from "./reply.ts";
import type { Route, Routes } from "./routes.ts";
import { addressOf, isOurHost } from "./sources.ts";
import { StrangersBudget } from "./strangers-budget.ts";
import type { BrokerSockets } from "./web-socket.ts";

export interface ReceptionOptions {
  readonly routes: Routes;
  readonly login: Login;
  readonly sockets: BrokerSockets;
  /** Names that are ours, in lower case. */
  readonly hosts: readonly string[];
  readonly metricsFrom: readonly string[];
  readonly secure: boolean;
  readonly known: KnownAddresses;
  readonly clock: Clock;
}

const CLOSE = { Connection: "close" };

/** Meets every request: checks where it comes from and what it may have, and leads it to its handler. */
export class Reception {
  readonly #options: ReceptionOptions;
  readonly #metricsFrom: ReadonlySet<string>;
  readonly #budget = new Budget(REQUEST_BURST, REQUESTS_PER_S);
  readonly #strangers = new StrangersBudget();
  /** Connections with a request that has no whole answer yet. */
  readonly #busy = new WeakMap<Duplex, ServerResponse>();
  readonly #log: Log;

  constructor(options: ReceptionOptions, log: Log) {
    this.#options = options;
    this.#metricsFrom = new Set(options.metricsFrom.map((address) => addressOf(address) ?? address));
    this.#log = log;
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const address = addressOf(socket.remoteAddress);
    // No browser sends a request before the last one was answered; a thousand of them in one packet are an attack.
    if (address === null || this.#busy.has(socket) || !this.#mayAsk(address)) {
      socket.destroy();
      return;
    }
    this.#busy.set(socket, response);
    response.once("close", () => this.#busy.delete(socket));
    response.once("finish", () => this.#busy.delete(socket));
    this.#answer(request, response, address).catch((error: unknown) => {
      this.#log.error("a request failed", { error: describeError(error) });
      socket.destroy();
    });
  }

  /** Expect with something else than 100-continue (RFC 9110 section 10.1.1). */
  unexpected(request: IncomingMessage, response: ServerResponse): void {
    const refusal = new Refusal("expectation", "What the request expects is not done here.", {}, CLOSE);
    send(response, refused(refusal, wantsJson(request, "")));
  }

  /** A connection that wants another protocol. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    try {
      const address = addressOf(request.socket.remoteAddress);
      if (address === null || !this.#mayAsk(address)) {
        socket.destroy();
        return;
      }
      this.#refuseHost(request);
      if (pathOf(request.url) !== "/mqtt") throw new Refusal("not-found", "There is nothing at this address.");
      this.#options.sockets.upgrade(request, socket, head, address, this.#options.secure);
    } catch (error) {
      sendBare(socket, this.#refusalOf(error));
    }
  }

  /** CONNECT: this is no proxy. */
  tunnel(socket: Duplex): void {
    socket.on("error", () => socket.destroy());
    sendBare(socket, new Refusal("method", "This is no proxy.", {}, { Allow: "GET, HEAD, POST" }));
  }

  /** What came is no request, or came too slowly. */
  broken(error: Error, socket: Duplex): void {
    const code = "code" in error ? String(error.code) : "";
    // An answer that has begun can't be followed by another one.
    if (code === "ECONNRESET" || this.#busy.get(socket)?.headersSent === true) socket.destroy();
    else if (code === "HPE_HEADER_OVERFLOW") sendBare(socket, new Refusal("head-too-large", "Too long a head."));
    else if (code === "ERR_HTTP_REQUEST_TIMEOUT") sendBare(socket, new Refusal("timed-out", "Too slow."));
    else sendBare(socket, new Refusal("bad-request", "This is no request."));
  }

  async #answer(request: IncomingMessage, response: ServerResponse, address: string): Promise<void> {
    const path = pathOf(request.url);
    let reply: Reply | null;
    try {
      reply = await this.#lead(request, response, address, path);
    } catch (error) {
      reply = refused(this.#refusalOf(error), wantsJson(request, path ?? ""));
    }
    if (reply !== null && !response.headersSent) send(response, reply);
  }

  async #lead(
    request: IncomingMessage,
    response: ServerResponse,
    address: string,
    path: string | null,
  ): Promise<Reply | null> {
    if ((request.url?.length ?? 0) > MAX_URL) throw new Refusal("too-long", "Too long an address.", {}, CLOSE);
    const route = path === null ? undefined : this.#options.routes.get(path);
    const trusted = route?.session === "metrics" && this.#metricsFrom.has(address);
    if (route?.anyHost !== true && !trusted) this.#refuseHost(request);
    if (path === null || route === undefined) throw new Refusal("not-found", "There is nothing at this address.");
    const handler = handlerOf(route, request.method);
    const { login, secure, known } = this.#options;
    const session = login.sessionOf(request.headers.cookie, secure);
    if (session !== null) known.add(address);
    const asked: Asked = { request, response, address, secure, session };
    if (request.method === "POST") refuseForeign(asked, path);
    if (route.session !== "not-needed" && session === null && !trusted) {
      if (path === "/") return seeOther("/login");
      throw new Refusal("not-logged-in", "Log in first.");
    }
    return handler(asked);
  }

  /** Each address by itself, and all strangers together: a request costs time, which calls need more. */
  #mayAsk(address: string): boolean {
    const now = this.#options.clock.now();
    if (!this.#budget.take(address, now)) return false;
    return this.#options.known.has(address) || this.#strangers.take(address, now);
  }

  #refuseHost(request: IncomingMessage): void {
    if (isOurHost(request.headers.host, this.#options.hosts)) return;
    throw new Refusal("wrong-host", "This gateway does not go by that name. Use its address.", {}, CLOSE);
  }

  #refusalOf(error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    this.#log.error("a request failed", { error: describeError(error) });
    return new Refusal("internal", "Something went wrong; the gateway's log says more.");
  }
}

/** Only the plain form is understood: nothing is decoded, so nothing can hide behind an encoding. */
function pathOf(url: string | undefined): string | null {
  const path = url?.split("?", 1)[0] ?? "";
  return /^\/[A-Za-z0-9._/-]{0,256}$/.test(path) ? path : null;
}

/** @throws Refusal `method`. */
function handlerOf(route: Route, method: string | undefined): Handler {
  if (route.get !== undefined && (method === "GET" || method === "HEAD")) return route.get;
  if (route.post !== undefined && method === "POST") return route.post;
  const allow = [route.get === undefined ? [] : ["GET", "HEAD"], route.post === undefined ? [] : ["POST"]].flat();
  throw new Refusal("method", "That can't be done here.", {}, { Allow: allow.join(", ") });
}
