import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Aedes, Client } from "aedes";
import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import type { Log } from "../base/log.ts";
import type { BrokerLink } from "../status/port.ts";
import type { BrokerState } from "../status/types.ts";
import {
  type AccessRules,
  type BrokerUser,
  mayPublish,
  maySubscribe,
  roleOf,
  WrongPasswords,
} from "./embedded-broker-access.ts";
import { BrokerConnection, MOST_UNSENT } from "./embedded-broker-connection.ts";
import { InnerLink } from "./embedded-broker-link.ts";
import { MOST_CONNECTIONS, Places } from "./embedded-broker-places.ts";

export interface EmbeddedBrokerOptions extends AccessRules {
  /** Address to listen on. */
  readonly host: string;
  /** TCP port; 0: any, for tests. */
  readonly port: number;
  /** Who may log in; asked at every login. */
  readonly users: () => readonly BrokerUser[];
  /** Whether this address may speak to the broker at all, beside the firewall. */
  readonly admits: (address: string) => boolean;
  /** What is published when the broker stops. */
  readonly will: { readonly topic: string; readonly payload: string };
  readonly clock: Clock;
  /** Unix time, ms. */
  readonly wall: () => number;
  readonly log: Log;
}

/** Names of connections; more than there are connections at once. */
const SLOTS = 1_000;
/** Time for CONNECT, and for a client that does not read to read, ms. */
const CONNECT_MS = 5_000;
const DRAIN_MS = 5_000;
/** Topic filters of one connection, and subscriptions that it may ask for in a second: each replays the status. */
const MOST_FILTERS = 20;
const MOST_ASKED = 20;
/** Our own messages that may be under way. */
const MOST_UNDER_WAY = 2_000;
/** Between two attempts at a port that is taken, ms. */
const RETRY_MS = 5_000;
/** Time for the last message to reach the clients, and for all to end, ms. */
const LAST_WORDS_MS = 50;
const STOP_MS = 900;

/**
 * The gateway's own broker, MQTT 3.1.1. Everything it retains is the gateway's; sessions end with their connection, so
 * that nothing is kept for anybody. Without its port it still serves the gateway itself.
 */
export class EmbeddedBroker {
  readonly name = "broker";
  readonly #options: EmbeddedBrokerOptions;
  readonly #log: Log;
  readonly #link: InnerLink;
  readonly #connections = new Places<BrokerConnection>();
  readonly #wrong = new WrongPasswords();
  #aedes: Aedes | null = null;
  #server: Server | null = null;
  #underWay = 0;
  #slot = 0;
  #stopping: Promise<void> | null = null;
  #cancelRetry: Dispose = () => undefined;

  constructor(options: EmbeddedBrokerOptions) {
    this.#options = options;
    this.#log = options.log.child("broker");
    const state: BrokerState = {
      url: `mqtt://${options.host.includes(":") ? `[${options.host}]` : options.host}:${options.port}`,
      embedded: true,
      connected: false,
      sinceMs: options.wall(),
      fault: null,
    };
    this.#link = new InnerLink(
      {
        publish: (topic, payload, how) => this.#publish(topic, payload, how),
        subscribe: (filter, deliver) => {
          this.#aedes?.subscribe(
            filter,
            ({ topic, payload }, done) => {
              deliver({ topic, payload: Buffer.from(payload), retained: false });
              done();
            },
            () => undefined,
          );
        },
        start: (signal) => this.start(signal),
        stop: () => this.stop(),
      },
      state,
      this.#log,
    );
  }

  /** The gateway's own connection. Its `fault` tells of the port: the link itself works without it. */
  get link(): BrokerLink {
    return this.#link;
  }

  /** Connections of others now. */
  get connections(): number {
    return this.#connections.size;
  }

  /** The port that it listens on; null while it does not. */
  get port(): number | null {
    const address = this.#server?.address() ?? null;
    return address === null || typeof address === "string" ? null : address.port;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#aedes !== null) return;
    // Loaded here: a gateway with a broker elsewhere never needs it.
    const [{ Aedes }, { default: packets }] = await Promise.all([import("aedes"), import("mqtt-packet")]);
    // With it the package makes 65,536 buffers at the first packet: 10 MB for what takes no time.
    packets.writeToStream.cacheNumbers = false;
    const aedes = new Aedes({
      connectTimeout: CONNECT_MS,
      drainTimeout: DRAIN_MS,
      maxInflightInbound: 1,
      maxTopicLevels: 16,
      preConnect: (client, packet, done) => {
        packet.clientId = connectionOf(client).slot;
        packet.clean = true;
        // Nobody speaks for himself after his end: a will would be a way to publish.
        delete packet.will;
        done(null, true);
      },
      authenticate: (client, username, password, done) => done(null, this.#login(client, username, password)),
      authorizePublish: (client, packet, done) => {
        const role = client === null ? null : connectionOf(client).role;
        // What others send is for now only: all that is retained is ours.
        packet.retain = false;
        const may = role !== null && mayPublish(role, packet.topic, this.#options);
        done(may ? null : new Error("not authorised to publish there"));
      },
      authorizeSubscribe: (client, subscription, done) => {
        const may = this.#maySubscribe(connectionOf(client), subscription.topic);
        if (subscription.qos === 2) subscription.qos = 1;
        done(null, may ? subscription : null);
      },
      authorizeForward: (client, packet) => {
        const connection = connectionOf(client);
        if (connection.writableLength <= MOST_UNSENT) return packet;
        connection.destroy();
        return null;
      },
    });
    await aedes.listen();
    aedes.on("unsubscribe", (filters: string[], client: Client) => {
      for (const filter of filters) connectionOf(client).filters.delete(filter);
    });
    (aedes as NodeJS.EventEmitter).on("error", () => this.#log.error("the broker has failed at something"));
    this.#aedes = aedes;
    this.#set({ connected: true });
    this.#listen();
  }

  /** Serves a client on a stream that somebody else has accepted, such as a WebSocket of the web server. */
  handleStream(stream: Duplex, address: string): void {
    const open = this.#aedes !== null && this.#stopping === null;
    if (!open || !this.#options.admits(address) || !this.#connections.makeRoom(address)) {
      stream.on("error", () => undefined);
      stream.destroy();
      return;
    }
    const slot = this.#nextSlot();
    const connection = new BrokerConnection(stream, address, slot);
    this.#connections.take(slot, connection);
    connection.once("close", () => this.#connections.leave(slot, connection));
    this.#aedes?.handle(connection);
  }

  /** Ends all connections of others: what they logged in with is no longer valid. */
  kick(): void {
    for (const connection of this.#connections.all()) connection.destroy();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#cancelRetry();
    const [aedes, server] = [this.#aedes, this.#server];
    if (aedes === null) return;
    const { topic, payload } = this.#options.will;
    this.#publish(topic, Buffer.from(payload), { retain: true, qos: 1 });
    if (this.#connections.size > 0) await after(LAST_WORDS_MS);
    this.#set({ connected: false, fault: null });
    server?.close();
    await Promise.race([new Promise<void>((resolve) => aedes.close(resolve)), after(STOP_MS)]);
    this.kick();
    this.#aedes = null;
    this.#server = null;
  }

  #listen(): void {
    const { host, port, clock } = this.#options;
    const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 }, (socket: Socket) => {
      this.handleStream(socket, (socket.remoteAddress ?? "").replace(/^::ffff:/, ""));
    });
    // Who has to give up his place is still counted until his connection has ended.
    server.maxConnections = 2 * MOST_CONNECTIONS;
    server.on("error", (error: NodeJS.ErrnoException) => {
      const fault = error.code === "EADDRINUSE" ? `TCP port ${port} is taken` : `no listening on TCP port ${port}`;
      if (this.#link.state.fault !== fault)
        this.#log.warn("the broker has no port", { fault, code: error.code ?? null });
      this.#set({ fault });
      this.#cancelRetry = clock.at(clock.now() + RETRY_MS, () => this.#listen());
    });
    server.listen({ host, port }, () => {
      this.#set({ fault: null });
      this.#log.info("the broker listens", { host, port });
    });
    this.#server = server;
  }

  #login(client: Client, username: string | undefined, password: Buffer | undefined): boolean {
    const connection = connectionOf(client);
    connection.role = roleOf(this.#options.users(), username, password);
    if (connection.role !== null) return true;
    const { address } = connection;
    if (this.#wrong.count(address, this.#options.clock.now())) this.#log.warn("many wrong passwords", { address });
    return false;
  }

  #maySubscribe(connection: BrokerConnection, filter: string): boolean {
    const second = Math.floor(this.#options.clock.now() / 1_000);
    const count = connection.asked.second === second ? connection.asked.count + 1 : 1;
    connection.asked = { second, count };
    if (count > MOST_ASKED || !maySubscribe(filter)) return false;
    if (!connection.filters.has(filter) && connection.filters.size >= MOST_FILTERS) return false;
    connection.filters.add(filter);
    return true;
  }

  #publish(topic: string, payload: Buffer, how: { readonly retain: boolean; readonly qos: 0 | 1 }): boolean {
    if (this.#aedes === null || this.#underWay >= MOST_UNDER_WAY) return false;
    this.#underWay += 1;
    this.#aedes.publish({ cmd: "publish", topic, payload, dup: false, ...how }, () => {
      this.#underWay -= 1;
    });
    return true;
  }

  /**
   * Names in turn, so that the package has long forgotten the last client of one, and used again, for it keeps
   * something for each name that it has ever seen.
   */
  #nextSlot(): string {
    do this.#slot = (this.#slot % SLOTS) + 1;
    while (this.#connections.has(`slot-${this.#slot}`));
    return `slot-${this.#slot}`;
  }

  #set(change: Partial<BrokerState>): void {
    const before = this.#link.state;
    const sinceMs = (change.connected ?? before.connected) === before.connected ? before.sinceMs : this.#options.wall();
    const next = { ...before, ...change, sinceMs };
    if (next.connected !== before.connected || next.fault !== before.fault) this.#link.set(next);
  }
}

function connectionOf(client: Client): BrokerConnection {
  if (client.conn instanceof BrokerConnection) return client.conn;
  throw new Error("a client without a connection of ours");
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
