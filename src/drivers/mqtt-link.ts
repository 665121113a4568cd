import type { Clock } from "../base/clock.ts";
import { describeError, GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Log } from "../base/log.ts";
import type { BrokerLink, IncomingMessage } from "../status/port.ts";
import type { BrokerState } from "../status/types.ts";
import { GOOD_MS, waitAfter } from "./mqtt-link-backoff.ts";
import { type DialOptions, dial } from "./mqtt-link-dial.ts";
import { faultOf, plainUrl } from "./mqtt-link-faults.ts";
import { widest } from "./mqtt-link-filters.ts";
import { MqttSession, type SessionOptions } from "./mqtt-link-session.ts";

export interface MqttLinkOptions extends DialOptions, SessionOptions {
  readonly clock: Clock;
  /** Unix time, ms. */
  readonly wall: () => number;
  readonly log: Log;
}

/** Time for reaching the broker, TLS included, ms. */
const DIAL_MS = 15_000;

/**
 * A connection to a broker somewhere, made again for ever, also after a refused login: whoever runs the broker may
 * correct it at any time. Holds nothing for a broker that is away; `publish` answers false then.
 */
export class MqttLink implements BrokerLink {
  readonly #options: MqttLinkOptions;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<{ state: [state: BrokerState]; message: [message: IncomingMessage] }>();
  readonly #filters = new Set<string>();
  readonly #life = new AbortController();
  #state: BrokerState;
  #session: MqttSession | null = null;
  #running: Promise<void> | null = null;

  constructor(options: MqttLinkOptions) {
    this.#options = options;
    this.#log = options.log.child("mqtt");
    this.#state = {
      url: plainUrl(options.url),
      embedded: false,
      connected: false,
      sinceMs: options.wall(),
      fault: null,
    };
  }

  get state(): BrokerState {
    return this.#state;
  }

  onState(listener: (state: BrokerState) => void): Dispose {
    return this.#emitter.on("state", listener);
  }

  onMessage(listener: (message: IncomingMessage) => void): Dispose {
    return this.#emitter.on("message", listener);
  }

  subscribe(filter: string): void {
    this.#filters.add(filter);
    if (this.#state.connected) this.#session?.subscribe(widest(this.#filters));
  }

  publish(topic: string, payload: string, options: { readonly retain: boolean; readonly qos: 0 | 1 }): boolean {
    return this.#state.connected && (this.#session?.publish(topic, payload, options) ?? false);
  }

  /** Begins to connect; does not wait for it, for the gateway works without a broker. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#life.abort();
    await this.#session?.goodbye();
    await this.#running;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#life.signal.aborted) {
      const begunMs = this.#options.clock.now();
      const fault = await this.#connection();
      if (this.#life.signal.aborted) break;
      const good = this.#state.connected && this.#options.clock.now() - begunMs >= GOOD_MS;
      failures = good ? 1 : failures + 1;
      this.#set(false, fault);
      await this.#pause(waitAfter(failures, Math.random()));
    }
    this.#set(false, null);
  }

  /** One connection, from the first packet to the end; answers why it ended. */
  async #connection(): Promise<string> {
    let session: MqttSession | null = null;
    try {
      const stream = await this.#dial();
      session = new MqttSession(stream, this.#options, {
        message: (message) => this.#received(message),
        refused: (words) => this.#log.warn("the broker refuses something", { words }),
      });
      this.#session = session;
      if (this.#life.signal.aborted) stream.destroy();
      await session.open();
      // Whoever listens publishes first what is; only then come the broker's old values, which are ours by now.
      this.#set(true, null);
      session.subscribe(widest(this.#filters));
      return await session.closed;
    } catch (error) {
      return error instanceof GatewayError ? error.message : faultOf(error);
    } finally {
      await session?.goodbye();
      this.#session = null;
    }
  }

  async #dial() {
    const limit = new AbortController();
    const abort = () => limit.abort();
    const cancel = this.#options.clock.at(this.#options.clock.now() + DIAL_MS, abort);
    this.#life.signal.addEventListener("abort", abort, { once: true });
    if (this.#life.signal.aborted) abort();
    try {
      return await dial(this.#options, limit.signal);
    } catch (error) {
      if (limit.signal.aborted) throw new GatewayError("mqtt-timeout", "no answer", { cause: error });
      throw error;
    } finally {
      cancel();
      this.#life.signal.removeEventListener("abort", abort);
    }
  }

  #received(message: IncomingMessage): void {
    try {
      this.#emitter.emit("message", message);
    } catch (error) {
      this.#log.error("a message was not understood", { error: describeError(error) });
    }
  }

  #set(connected: boolean, fault: string | null): void {
    const before = this.#state;
    if (before.connected === connected && before.fault === fault) return;
    const sinceMs = before.connected === connected ? before.sinceMs : this.#options.wall();
    this.#state = { ...before, connected, fault, sinceMs };
    // Once for each reason, not for each attempt: a broker may be away for days.
    if (connected) this.#log.info("connected to the broker", { url: before.url });
    else if (fault !== null) this.#log.warn("no connection to the broker", { url: before.url, fault });
    this.#emitter.emit("state", this.#state);
  }

  async #pause(ms: number): Promise<void> {
    const { clock } = this.#options;
    await new Promise<void>((resolve) => {
      const end = () => {
        cancel();
        this.#life.signal.removeEventListener("abort", end);
        resolve();
      };
      const cancel = clock.at(clock.now() + ms, end);
      this.#life.signal.addEventListener("abort", end, { once: true });
    });
  }
}
