import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { hostname } from "node:os";
import type { Duplex } from "node:stream";
import type { Clock } from "../base/clock.ts";
import { describeError, GatewayError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { type Assets, readAssets } from "./assets.ts";
import { Connections } from "./connections.ts";
import { FeedHub } from "./feed-hub.ts";
import { lookFirst, refuseHeaps } from "./front.ts";
import { HandoutDesk } from "./handout.ts";
import { KnownAddresses } from "./known-addresses.ts";
import { type Certificate, hurriedServer, listenAt, placesOf } from "./listen.ts";
import { Login } from "./login.ts";
import { LoginLimiter } from "./login-limiter.ts";
import { OperationDesk } from "./operations.ts";
import type { WebPorts } from "./port.ts";
import { Reception } from "./reception.ts";
import { routesOf } from "./routes.ts";
import { SessionKeeper } from "./session-keeper.ts";
import { Sessions } from "./sessions.ts";
import { BrokerSockets } from "./web-socket.ts";

export interface WebOptions {
  /** `lan`, `loopback`, or one address. */
  readonly listen: string;
  /** TCP; 0: any that is free. */
  readonly port: number;
  /** HTTPS instead of HTTP. */
  readonly tls: Certificate | null;
  /** Directory of static files (`dist/web`), or the files. */
  readonly assets: string | Assets;
  /** Addresses that may read /metrics without session. */
  readonly metricsFrom: readonly string[];
  /** Names, besides the machine's host name, by which people reach the page. */
  readonly names: readonly string[];
  readonly ports: WebPorts;
  readonly clock: Clock;
  /** Unix time, ms. */
  readonly wall: () => number;
  readonly log: Log;
}

/** The page's server. See README.md for what it answers. */
export class WebService implements Service {
  readonly name = "web";
  readonly #options: WebOptions;
  readonly #sessions = new Sessions();
  readonly #keeper: SessionKeeper;
  readonly #limiter = new LoginLimiter();
  readonly #known = new KnownAddresses();
  readonly #hub: FeedHub;
  readonly #sockets: BrokerSockets;
  readonly #connections: Connections;
  readonly #log: Log;
  /** By connection: what lets it go on with another protocol. */
  readonly #heaps = new WeakMap<Duplex, () => void>();
  #servers: Server[] = [];
  #disposers: Dispose[] = [];
  #port = 0;

  constructor(options: WebOptions) {
    this.#options = options;
    this.#log = options.log.child("web");
    const { ports, clock, wall } = options;
    this.#keeper = new SessionKeeper(this.#sessions, ports.sessions ?? null, clock, wall, this.#log);
    this.#hub = new FeedHub(options.ports.feed, options.clock);
    this.#sockets = new BrokerSockets(options.ports.broker);
    this.#connections = new Connections(
      (address) => options.ports.admits(address),
      (address) => this.#known.has(address),
      options.clock,
    );
  }

  /** The port it listens on; 0 before it does. */
  get port(): number {
    return this.#port;
  }

  /** How much is open, for the metrics. */
  get counts(): { readonly connections: number; readonly listeners: number; readonly sessions: number } {
    return { connections: this.#connections.count, listeners: this.#hub.count, sessions: this.#sessions.count };
  }

  /** @throws GatewayError `web-port` when the port is taken; `web-assets` when the static files are too big. */
  async start(signal: AbortSignal): Promise<void> {
    const { ports, clock, tls, assets: from, listen } = this.#options;
    const assets = typeof from === "string" ? await readAssets(from) : from;
    if (!assets.has("/index.html")) this.#log.warn("the page's files are missing: /metrics and the API are served");
    signal.throwIfAborted();
    await this.#keeper.load();
    const login = new Login(
      ports.passwords,
      this.#sessions,
      this.#keeper,
      this.#limiter,
      this.#known,
      clock,
      this.#log,
    );
    const routes = routesOf({
      login,
      hub: this.#hub,
      handout: new HandoutDesk(ports.handout),
      operations: new OperationDesk(ports.operations, this.#log),
      assets,
      feed: ports.feed,
      metrics: () => ports.metrics(),
    });
    const reception = new Reception(
      {
        routes,
        login,
        sockets: this.#sockets,
        hosts: [hostname(), ...this.#options.names].map((name) => name.toLowerCase()),
        metricsFrom: this.#options.metricsFrom,
        secure: tls !== null,
        known: this.#known,
        clock,
      },
      this.#log,
    );
    this.#disposers.push(
      ports.passwords.onChanged(() => {
        this.#sessions.endAll();
        void this.#keeper.keep();
        this.#limiter.forget();
      }),
    );
    this.#hub.start(() => this.#keeper.look());
    await this.#listen(placesOf(listen), reception);
    signal.throwIfAborted();
    this.#log.info("the page is served", { port: this.#port, listen, https: tls !== null });
  }

  async stop(): Promise<void> {
    for (const dispose of this.#disposers) dispose();
    this.#disposers = [];
    this.#hub.stop();
    this.#sockets.stop();
    const servers = this.#servers;
    this.#servers = [];
    await Promise.all(
      servers.map((server) => {
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        server.closeIdleConnections();
        // Answers under way are short; who does not take his is not waited for.
        setTimeout(() => server.closeAllConnections(), 500).unref();
        return closed;
      }),
    );
    this.#port = 0;
    await this.#keeper.settled();
  }

  async #listen(places: readonly (readonly string[])[], reception: Reception): Promise<void> {
    for (const hosts of places) {
      for (const host of hosts) {
        const server = this.#server(reception);
        const port = await listenAt(server, host, this.#port || this.#options.port);
        if (port === null) continue;
        this.#port = port;
        this.#servers.push(server);
        // Accepting fails when file descriptors run out: that is no reason to fall.
        server.on("error", (error) => this.#log.error("the page's server", { error: describeError(error) }));
        break;
      }
    }
    if (this.#servers.length > 0) return;
    throw new GatewayError("web-port", `there is no address to serve the page at (${this.#options.listen})`);
  }

  #server(reception: Reception): Server {
    const server = hurriedServer(this.#options.tls);
    lookFirst(server, (socket) => this.#connections.take(socket));
    server.on(this.#options.tls === null ? "connection" : "secureConnection", (socket: Socket) => {
      this.#heaps.set(socket, refuseHeaps(socket));
    });
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      this.#connections.heard(request.socket);
      reception.serve(request, response);
    });
    server.on("checkExpectation", (request, response) => reception.unexpected(request, response));
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head) => {
      this.#connections.heard(request.socket);
      this.#heaps.get(socket)?.();
      reception.upgrade(request, socket, head);
    });
    server.on("connect", (_request, socket: Duplex) => reception.tunnel(socket));
    server.on("clientError", (error, socket: Duplex) => reception.broken(error, socket));
    return server;
  }
}
