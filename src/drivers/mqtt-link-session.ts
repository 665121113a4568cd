import type { Duplex } from "node:stream";
import type { MqttClient } from "mqtt";
import { GatewayError } from "../base/errors.ts";
import { type IncomingMessage, MAX_PAYLOAD_BYTES } from "../status/port.ts";
import { faultOf, frameFaults } from "./mqtt-link-faults.ts";
import { FrameGuard, isQos2 } from "./mqtt-link-frames.ts";

/** How we present ourselves to a broker. */
export interface SessionOptions {
  readonly username?: string;
  readonly password?: string;
  /** MQTT's protocol level: 4 is MQTT 3.1.1, 5 is MQTT 5. */
  readonly protocol: 4 | 5;
  readonly clientId: string;
  /** What the broker publishes when we are lost, and what we publish when we go. */
  readonly will: { readonly topic: string; readonly payload: string; readonly retain: boolean; readonly qos: 0 | 1 };
  /** A broker that says nothing for one and a half times so long is lost, seconds. */
  readonly keepaliveSeconds: number;
}

export interface SessionEvents {
  message(message: IncomingMessage): void;
  /** The broker did not do what we asked, in words. */
  refused(words: string): void;
}

/** Longest packet that is taken, bytes: the payload and a topic of any length. */
const LONGEST_PACKET = MAX_PAYLOAD_BYTES + 65_535 + 1_024;
/** Time for the broker's answer to CONNECT, ms. */
const CONNECT_MS = 10_000;
/** Publications of QoS 1 that may wait for the broker's acknowledgement. */
const MOST_IN_FLIGHT = 1_000;
/** Bytes that may wait for a broker that does not read. */
const MOST_UNSENT = 1_048_576;
/** Time for saying goodbye, and for the connection to end after it, ms. */
const GOODBYE_MS = 700;
const END_MS = 200;

/** One connection to a broker, from CONNECT to its end; nothing of it lives on in the next. */
export class MqttSession {
  readonly #stream: Duplex;
  readonly #options: SessionOptions;
  readonly #events: SessionEvents;
  readonly #subscribed = new Set<string>();
  #client: MqttClient | null = null;
  #inFlight = 0;
  #fault: string | null = null;
  #end: (fault: string) => void = () => undefined;
  /** Resolves with the reason, in words, when the connection is gone. */
  readonly closed: Promise<string>;

  constructor(stream: Duplex, options: SessionOptions, events: SessionEvents) {
    this.#stream = stream;
    this.#options = options;
    this.#events = events;
    this.closed = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Resolves when the broker has accepted us. Rejects with `mqtt-refused`, whose message is for people. */
  async open(): Promise<void> {
    // Loaded here: a gateway with its own broker never needs it, and it takes 15 MB.
    const { default: loaded } = await import("mqtt/lib/client");
    const Client = constructorOf(loaded);
    if (this.#stream.destroyed) throw new GatewayError("mqtt-refused", "the connection was closed");
    const { username, password, protocol, clientId, will, keepaliveSeconds } = this.#options;
    const guard = new FrameGuard({ longest: () => LONGEST_PACKET, wants: (type, flags) => !isQos2(type, flags) });
    const stream = this.#stream;
    // Before the client's own listener, so that what is too long is never collected.
    stream.on("data", (chunk: Buffer) => {
      const fault = guard.take(chunk);
      if (fault !== null) this.#drop(frameFaults[fault]);
    });
    const client = new Client(() => stream, {
      protocolId: "MQTT",
      protocolVersion: protocol,
      clientId,
      clean: true,
      keepalive: keepaliveSeconds,
      connectTimeout: CONNECT_MS,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      // With it the package makes 65,536 buffers at the first packet: 10 MB for what takes no time.
      writeCache: false,
      timerVariant: "native",
      // The package's own log would hold the password.
      log: () => undefined,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      will: { topic: will.topic, payload: Buffer.from(will.payload), retain: will.retain, qos: will.qos },
      ...(protocol === 5 ? { properties: { maximumPacketSize: LONGEST_PACKET, receiveMaximum: 100 } } : {}),
    });
    this.#client = client;
    client.on("message", (topic, payload, packet) => {
      if (payload.length <= MAX_PAYLOAD_BYTES) this.#events.message({ topic, payload, retained: packet.retain });
    });
    client.on("disconnect", (packet) => this.#drop(faultOf(coded(packet.reasonCode ?? 0))));
    client.on("error", (error) => this.#drop(faultOf(error)));
    const connected = new Promise<void>((resolve) => client.once("connect", () => resolve()));
    stream.once("close", () => this.#end(this.#fault ?? "the broker closed the connection"));
    if (stream.destroyed) this.#end(this.#fault ?? "the broker closed the connection");
    const fault = await Promise.race([connected, this.closed]);
    if (fault !== undefined) throw new GatewayError("mqtt-refused", fault);
  }

  publish(topic: string, payload: string, options: { readonly retain: boolean; readonly qos: 0 | 1 }): boolean {
    const client = this.#client;
    if (!client?.connected || this.#stream.destroyed) return false;
    if (this.#inFlight >= MOST_IN_FLIGHT || this.#stream.writableLength > MOST_UNSENT) return false;
    this.#inFlight += options.qos;
    client.publish(topic, payload, options, (error) => {
      this.#inFlight -= options.qos;
      if (error !== undefined && error !== null && "code" in error && typeof error.code === "number") {
        this.#events.refused(`publishing on ${topic}: ${faultOf(error)}`);
      }
    });
    return true;
  }

  /** From now on exactly these filters are subscribed to. */
  subscribe(filters: readonly string[]): void {
    const client = this.#client;
    if (!client?.connected) return;
    for (const filter of filters) {
      if (this.#subscribed.has(filter)) continue;
      this.#subscribed.add(filter);
      client.subscribe(filter, { qos: 1 }, (error) => {
        if (error) this.#events.refused(`subscribing to ${filter}`);
      });
    }
    for (const filter of this.#subscribed) {
      if (filters.includes(filter)) continue;
      this.#subscribed.delete(filter);
      client.unsubscribe(filter, () => undefined);
    }
  }

  /** Says the will's words and ends the connection; bounded in time. */
  async goodbye(): Promise<void> {
    const client = this.#client;
    if (client?.connected && !this.#stream.destroyed) {
      const { topic, payload, retain, qos } = this.#options.will;
      const said = new Promise<void>((resolve) => {
        client.publish(topic, payload, { retain, qos }, () => resolve());
      });
      await Promise.race([said, this.closed, after(GOODBYE_MS)]);
      // Without DISCONNECT the broker would publish the will once more.
      client.end();
      await Promise.race([this.closed, after(END_MS)]);
    }
    this.#stream.destroy();
  }

  #drop(fault: string): void {
    this.#fault ??= fault;
    this.#stream.destroy();
  }
}

/** The package's module as it is, or as a loader has unwrapped it already. */
function constructorOf(loaded: typeof MqttClient | { readonly default: typeof MqttClient }): typeof MqttClient {
  return "default" in loaded ? loaded.default : loaded;
}

function coded(code: number): Error {
  return Object.assign(new Error("disconnected"), { code });
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
