import type { Clock } from "../base/clock.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { DefaultRoute } from "../nat/port.ts";
import { hearAnnouncements } from "./pcp-announce.ts";
import { PCP_SERVER_PORT } from "./pcp-codec.ts";
import type { Epoch } from "./pcp-epoch.ts";
import { DatagramExchange, type Exchanged } from "./pcp-exchange.ts";

/** What PCP and NAT-PMP have in common: a socket to the router, its announcements, and its clock. */
export class PcpLink {
  readonly #clock: Clock;
  readonly #lost: (before: Epoch | null, now: Epoch) => boolean;
  readonly #emitter = new TypedEmitter<{ lost: []; hint: [] }>();
  #exchange: DatagramExchange | null = null;
  #stopHearing: Dispose | null = null;
  #route: DefaultRoute | null = null;
  #epoch: Epoch | null = null;

  constructor(clock: Clock, lost: (before: Epoch | null, now: Epoch) => boolean) {
    this.#clock = clock;
    this.#lost = lost;
  }

  /** Our address; the link is open. */
  get client(): string {
    return this.#route?.address ?? "0.0.0.0";
  }

  async open(route: DefaultRoute, signal: AbortSignal): Promise<void> {
    this.close();
    // Another router has another clock.
    if (this.#route?.gateway !== route.gateway || this.#route.interface !== route.interface) this.#epoch = null;
    this.#route = route;
    this.#exchange = await DatagramExchange.open(route.address, route.gateway, PCP_SERVER_PORT, signal);
    this.#stopHearing = hearAnnouncements(route, () => this.#emitter.emit("hint"));
  }

  async ask<T>(
    question: Uint8Array,
    read: (answer: Uint8Array) => T | null,
    signal: AbortSignal,
    pauses?: readonly number[],
  ): Promise<Exchanged<T>> {
    return this.#exchange === null ? { kind: "closed" } : this.#exchange.ask(question, read, signal, pauses);
  }

  /** Takes in the router's clock, and tells when it shows that the router lost its mappings. */
  heard(epochS: number): void {
    const now = { serverS: epochS, heardMs: this.#clock.now() };
    const lost = this.#lost(this.#epoch, now);
    this.#epoch = now;
    if (lost) this.#emitter.emit("lost");
  }

  onLost(listener: () => void): Dispose {
    return this.#emitter.on("lost", listener);
  }

  onHint(listener: () => void): Dispose {
    return this.#emitter.on("hint", listener);
  }

  close(): void {
    this.#stopHearing?.();
    this.#stopHearing = null;
    this.#exchange?.close();
    this.#exchange = null;
  }
}
