import type { Clock } from "../base/clock.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import {
  type FleetCounts,
  type FleetInput,
  type FleetRules,
  fleetFilter,
  noFleet,
  registered,
  snapshotOf,
  step,
} from "./fleet.ts";
import type { BrokerLink, IncomingMessage } from "./port.ts";
import type { SiteMessage } from "./types.ts";

/** How often silence is looked for, ms. */
const LOOK_MS = 1_000;

/** For a list of sites. */
export interface FleetSite {
  readonly site: string;
  /** It says that it is offline, or has said nothing for three heartbeats. */
  readonly stale: boolean;
  readonly topics: number;
}

export interface FleetOptions extends Omit<FleetRules, "check"> {
  readonly clock: Clock;
  /** Unix time, ms. */
  readonly unixMs: () => number;
}

/** The other sites on the broker, as they tell of themselves. */
export class FleetService implements Service {
  readonly name = "fleet";
  readonly #options: FleetOptions;
  readonly #link: Pick<BrokerLink, "subscribe" | "onMessage">;
  readonly #emitter = new TypedEmitter<{ message: [message: SiteMessage] }>();
  readonly #disposers: Dispose[] = [];
  #timer: Dispose | undefined;
  #state = noFleet;

  constructor(options: FleetOptions, link: Pick<BrokerLink, "subscribe" | "onMessage">) {
    this.#options = options;
    this.#link = link;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#disposers.push(this.#link.onMessage((message) => this.#take(message)));
    this.#link.subscribe(fleetFilter(this.#options.base));
    this.#arm();
  }

  async stop(): Promise<void> {
    this.#timer?.();
    for (const dispose of this.#disposers.splice(0)) dispose();
  }

  /** Everything of other sites that is retained. */
  snapshot(): readonly SiteMessage[] {
    return snapshotOf(this.#state);
  }

  sites(): readonly FleetSite[] {
    return [...this.#state.sites].map(([site, { stale, topics }]) => ({ site, stale, topics: topics.size }));
  }

  /** Messages of others that were left out. */
  get counts(): FleetCounts {
    return this.#state.counts;
  }

  onMessage(listener: (message: SiteMessage) => void): Dispose {
    return this.#emitter.on("message", listener);
  }

  #take({ topic, payload, retained }: IncomingMessage): void {
    if (!topic.startsWith(`${this.#options.base}/`)) return;
    const { clock, unixMs } = this.#options;
    this.#step({ type: "message", topic, payload, retained, nowMs: clock.now(), wallMs: unixMs() });
  }

  #step(input: FleetInput): void {
    const { state, messages } = step(this.#state, input, { ...this.#options, check: registered });
    this.#state = state;
    for (const message of messages) this.#emitter.emit("message", message);
  }

  #arm(): void {
    const { clock } = this.#options;
    this.#timer = clock.at(clock.now() + LOOK_MS, () => {
      this.#step({ type: "look", nowMs: clock.now() });
      this.#arm();
    });
  }
}
