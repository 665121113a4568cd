import type { Clock } from "../base/clock.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { BrokerLink, IncomingMessage } from "./port.ts";
import { AVAILABILITY, HEARTBEAT, meaningOf, OFFLINE, ONLINE } from "./publisher.ts";
import type { Message } from "./types.ts";

/** Where the messages come from: the status. */
export interface MessageSource {
  /** Everything that is retained now. */
  snapshot(): readonly Message[];
  onMessage(listener: (message: Message) => void): Dispose;
}

export interface PublisherOptions {
  /** `<base>/<site>`, without a slash at the end. */
  readonly root: string;
  readonly heartbeatSeconds: number;
  readonly clock: Clock;
  /** Unix time, ms. */
  readonly wall: () => number;
  readonly log: Log;
}

/** The last will of a gateway's connection: what a link is to be given. */
export function willOf(root: string): { topic: string; payload: string; retain: boolean; qos: 1 } {
  return { topic: `${root}/${AVAILABILITY}`, payload: OFFLINE, retain: true, qos: 1 };
}

/** When the link was full, what it did not take is offered again so much later, ms. */
const AGAIN_MS = 500;
/** Longest text of another's message that is looked at, bytes: ours are longer, but those are not read. */
const LONGEST_LOOKED_AT = 64;
/** Least time between two corrections of our availability, ms: two gateways that share a name must not flood. */
const CORRECT_MS = 1_000;
/** Own heartbeats that are remembered, to know them when the broker sends them back. */
const REMEMBERED = 8;
/** Another gateway is gone when none of its heartbeats came for so many of ours. */
const FOREIGN_BEATS = 3;

/**
 * Publishes the status to a broker. On every connect: `availability`, everything retained, a heartbeat. While the
 * broker is away nothing is kept for it: the snapshot says all that it has to know when it is back.
 */
export class Publisher implements Service {
  readonly name = "publisher";
  readonly #source: MessageSource;
  readonly #link: BrokerLink;
  readonly #options: PublisherOptions;
  readonly #emitter = new TypedEmitter<{ foreign: [present: boolean] }>();
  readonly #disposers: Dispose[] = [];
  /** Topics whose latest value the link did not take. */
  readonly #unsent = new Set<string>();
  #ownHeartbeats: readonly number[] = [];
  #foreignUntilMs: number | null = null;
  #correctedMs = Number.NEGATIVE_INFINITY;
  #cancelBeat: Dispose = () => undefined;
  #cancelAgain: Dispose | null = null;
  #cancelCorrection: Dispose | null = null;
  #running = false;

  constructor(source: MessageSource, link: BrokerLink, options: PublisherOptions) {
    this.#source = source;
    this.#link = link;
    this.#options = options;
  }

  /** Whether another gateway publishes under our site's identifier: an alert. */
  get foreign(): boolean {
    return this.#foreignUntilMs !== null;
  }

  onForeign(listener: (present: boolean) => void): Dispose {
    return this.#emitter.on("foreign", listener);
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#running) return;
    this.#running = true;
    let connected = false;
    this.#disposers.push(
      this.#source.onMessage((message) => this.#send(message)),
      this.#link.onMessage((message) => this.#received(message)),
      this.#link.onState((state) => {
        if (state.connected && !connected) this.#birth();
        connected = state.connected;
      }),
    );
    this.#link.subscribe(`${this.#options.root}/#`);
    connected = this.#link.state.connected;
    if (connected) this.#birth();
    this.#armBeat();
  }

  /** Ends publishing. Saying `offline` is the link's own last act. */
  async stop(): Promise<void> {
    this.#running = false;
    for (const dispose of this.#disposers.splice(0)) dispose();
    this.#cancelBeat();
    this.#cancelAgain?.();
    this.#cancelCorrection?.();
    this.#cancelAgain = null;
    this.#cancelCorrection = null;
  }

  #birth(): void {
    this.#unsent.clear();
    this.#put(AVAILABILITY, ONLINE);
    for (const message of this.#source.snapshot()) this.#send(message);
    this.#beat();
  }

  #send(message: Message): void {
    if (!this.#link.state.connected) return;
    if (message.retain) this.#put(message.topic, textOf(message.payload));
    else this.#publish(message.topic, textOf(message.payload), { retain: false, qos: 0 });
  }

  /** A retained value; when the link can't take it, the latest one is offered again. */
  #put(topic: string, payload: string): void {
    if (this.#publish(topic, payload, { retain: true, qos: 1 })) {
      this.#unsent.delete(topic);
      return;
    }
    this.#unsent.add(topic);
    const { clock } = this.#options;
    this.#cancelAgain ??= clock.at(clock.now() + AGAIN_MS, () => this.#again());
  }

  #again(): void {
    this.#cancelAgain = null;
    if (!this.#link.state.connected) {
      this.#unsent.clear();
      return;
    }
    const values = new Map(this.#source.snapshot().map(({ topic, payload }) => [topic, textOf(payload)]));
    values.set(AVAILABILITY, ONLINE);
    for (const topic of [...this.#unsent]) this.#put(topic, values.get(topic) ?? "");
  }

  #publish(topic: string, payload: string, options: { readonly retain: boolean; readonly qos: 0 | 1 }): boolean {
    return this.#link.publish(`${this.#options.root}/${topic}`, payload, options);
  }

  #armBeat(): void {
    const { clock, heartbeatSeconds } = this.#options;
    this.#cancelBeat = clock.at(clock.now() + heartbeatSeconds * 1_000, () => {
      this.#armBeat();
      this.#beat();
      if (this.#foreignUntilMs !== null && clock.now() >= this.#foreignUntilMs) this.#setForeign(null);
    });
  }

  #beat(): void {
    if (!this.#link.state.connected) return;
    const atMs = this.#options.wall();
    this.#ownHeartbeats = [atMs, ...this.#ownHeartbeats.slice(0, REMEMBERED - 1)];
    // Not by #put: a heartbeat that comes late says something untrue.
    this.#publish(HEARTBEAT, JSON.stringify({ atMs }), { retain: true, qos: 1 });
  }

  #received(message: IncomingMessage): void {
    const { root, clock, heartbeatSeconds } = this.#options;
    if (!message.topic.startsWith(`${root}/`)) return;
    const topic = message.topic.slice(root.length + 1);
    const short = message.payload.length <= LONGEST_LOOKED_AT;
    const meaning = meaningOf({
      topic,
      payload: short ? new TextDecoder().decode(message.payload) : "long",
      retained: message.retained,
      wanted: message.retained && this.#source.snapshot().some((one) => one.topic === topic),
      ownHeartbeats: this.#ownHeartbeats,
    });
    switch (meaning) {
      case "nothing":
        return;
      case "stray":
        this.#publish(topic, "", { retain: true, qos: 1 });
        return;
      case "said-offline":
        this.#correct();
        return;
      case "foreign-heartbeat":
        this.#setForeign(clock.now() + FOREIGN_BEATS * heartbeatSeconds * 1_000);
        return;
    }
  }

  #correct(): void {
    const { clock } = this.#options;
    this.#cancelCorrection ??= clock.at(Math.max(clock.now(), this.#correctedMs + CORRECT_MS), () => {
      this.#cancelCorrection = null;
      this.#correctedMs = clock.now();
      if (this.#link.state.connected) this.#put(AVAILABILITY, ONLINE);
    });
  }

  #setForeign(untilMs: number | null): void {
    const before = this.foreign;
    this.#foreignUntilMs = untilMs;
    if (before === this.foreign) return;
    const fields = { root: this.#options.root };
    if (this.foreign) this.#options.log.warn("another gateway has the same site identifier", fields);
    else this.#options.log.info("the other gateway with our site identifier is gone", fields);
    this.#emitter.emit("foreign", this.foreign);
  }
}

function textOf(payload: unknown): string {
  return payload === null || payload === undefined ? "" : JSON.stringify(payload);
}
