import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { BrokerLink, IncomingMessage } from "./port.ts";
import type { BrokerState } from "./types.ts";

export interface FakePublication {
  readonly topic: string;
  readonly payload: string;
  readonly retain: boolean;
  readonly qos: 0 | 1;
}

/**
 * A broker that a test holds in its hand, with the link to it: it retains, replays to a subscriber and sends back what
 * is published, as a real one does.
 */
export class FakeLink implements BrokerLink {
  /** What the broker retains, by whole topic. */
  readonly retained = new Map<string, string>();
  /** What was published since a test last looked. */
  published: FakePublication[] = [];
  /** Publications that the link takes before it is full. */
  room = Number.POSITIVE_INFINITY;
  /** Calls of `publish` while the broker was away. */
  askedWhileAway = 0;
  readonly filters = new Set<string>();
  readonly #emitter = new TypedEmitter<{ state: [state: BrokerState]; message: [message: IncomingMessage] }>();
  state: BrokerState = { url: "mqtt://broker", embedded: false, connected: false, sinceMs: 0, fault: null };

  onState(listener: (state: BrokerState) => void): Dispose {
    return this.#emitter.on("state", listener);
  }

  onMessage(listener: (message: IncomingMessage) => void): Dispose {
    return this.#emitter.on("message", listener);
  }

  subscribe(filter: string): void {
    this.filters.add(filter);
    if (this.state.connected) this.#replay(filter);
  }

  publish(topic: string, payload: string, options: { readonly retain: boolean; readonly qos: 0 | 1 }): boolean {
    if (!this.state.connected) this.askedWhileAway += 1;
    if (!this.state.connected || this.room <= 0) return false;
    this.room -= 1;
    this.published.push({ topic, payload, ...options });
    this.comes(topic, payload, options.retain);
    return true;
  }

  /** Somebody publishes, we or another. */
  comes(topic: string, payload: string, retain = false): void {
    if (retain && payload === "") this.retained.delete(topic);
    else if (retain) this.retained.set(topic, payload);
    for (const filter of this.filters) {
      if (topic.startsWith(filter.replace(/#$/, ""))) this.#deliver(topic, payload, false);
    }
  }

  async start(): Promise<void> {
    this.connect();
  }

  async stop(): Promise<void> {
    this.disconnect();
  }

  connect(): void {
    this.state = { ...this.state, connected: true };
    this.#emitter.emit("state", this.state);
    for (const filter of this.filters) this.#replay(filter);
  }

  disconnect(): void {
    this.state = { ...this.state, connected: false };
    this.#emitter.emit("state", this.state);
  }

  /** What was published since the last call. */
  take(): readonly FakePublication[] {
    const taken = this.published;
    this.published = [];
    return taken;
  }

  #replay(filter: string): void {
    for (const [topic, payload] of [...this.retained]) {
      if (topic.startsWith(filter.replace(/#$/, ""))) this.#deliver(topic, payload, true);
    }
  }

  #deliver(topic: string, payload: string, retained: boolean): void {
    this.#emitter.emit("message", { topic, payload: new TextEncoder().encode(payload), retained });
  }
}
