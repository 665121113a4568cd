import { describeError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Log } from "../base/log.ts";
import type { BrokerLink, IncomingMessage } from "../status/port.ts";
import type { BrokerState } from "../status/types.ts";
import { fits } from "./mqtt-link-filters.ts";

/** What the gateway's own link needs of the broker. */
export interface InnerBroker {
  publish(topic: string, payload: Buffer, options: { readonly retain: boolean; readonly qos: 0 | 1 }): boolean;
  subscribe(filter: string, deliver: (message: IncomingMessage) => void): void;
  start(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

/**
 * The gateway's own connection to its own broker: within the process, without TCP and without a password. The broker
 * forgets everything when the process ends, so that a subscription never brings retained messages.
 */
export class InnerLink implements BrokerLink {
  readonly #inner: InnerBroker;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<{ state: [state: BrokerState]; message: [message: IncomingMessage] }>();
  readonly #filters = new Set<string>();
  #state: BrokerState;

  constructor(inner: InnerBroker, state: BrokerState, log: Log) {
    this.#inner = inner;
    this.#state = state;
    this.#log = log;
  }

  get state(): BrokerState {
    return this.#state;
  }

  /** For the broker: how it stands. */
  set(state: BrokerState): void {
    const begins = state.connected && !this.#state.connected;
    this.#state = state;
    if (begins) for (const filter of this.#filters) this.#listen(filter);
    this.#emitter.emit("state", state);
  }

  onState(listener: (state: BrokerState) => void): Dispose {
    return this.#emitter.on("state", listener);
  }

  onMessage(listener: (message: IncomingMessage) => void): Dispose {
    return this.#emitter.on("message", listener);
  }

  subscribe(filter: string): void {
    if (this.#filters.has(filter)) return;
    this.#filters.add(filter);
    if (this.#state.connected) this.#listen(filter);
  }

  publish(topic: string, payload: string, options: { readonly retain: boolean; readonly qos: 0 | 1 }): boolean {
    return this.#state.connected && this.#inner.publish(topic, Buffer.from(payload), options);
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#inner.start(signal);
  }

  stop(): Promise<void> {
    return this.#inner.stop();
  }

  #listen(filter: string): void {
    const others = [...this.#filters].slice(0, [...this.#filters].indexOf(filter));
    this.#inner.subscribe(filter, (message) => {
      // As from any broker, a message comes once, however many filters it fits.
      if (others.some((other) => fits(other, message.topic))) return;
      try {
        this.#emitter.emit("message", message);
      } catch (error) {
        this.#log.error("a message was not understood", { error: describeError(error) });
      }
    });
  }
}
