import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { Memory } from "./memory.ts";
import { RouterMemory } from "./memory-service.ts";
import {
  CHECK_MS,
  initialState,
  nextStep,
  note,
  requestFor,
  type UpstreamInput,
  type UpstreamState,
  type UpstreamStep,
} from "./plan.ts";
import type { DefaultRoute, DefaultRoutePort, MapperPort, MapperProtocol, NatStatePort, StunPort } from "./port.ts";
import { unwantedPorts } from "./slots.ts";
import { StunWatch } from "./stun-service.ts";
import type { ExternalPlace, NatView, WantedMapping } from "./types.ts";
import { describe, externalPlace, stunAddress } from "./view.ts";

export interface NatOptions {
  /** Ways to ask the router, tried in this order. */
  readonly protocols: readonly MapperProtocol[];
  /** With one named `sip`. */
  readonly wanted: readonly WantedMapping[];
  readonly leaseSeconds: number;
  /** `HOST` or `HOST:PORT`. */
  readonly stunServers: readonly string[];
  /** Servers of the trunks, addresses or names: who has to find us. */
  readonly trunkServers: readonly string[];
}

export interface NatPorts {
  readonly route: DefaultRoutePort;
  readonly mappers: Readonly<Record<MapperProtocol, MapperPort>>;
  readonly stun: StunPort;
  readonly state: NatStatePort;
}

export interface NatEvents {
  /** Where the world finds us has changed; null when it no longer does. */
  external: [place: ExternalPlace | null];
  /** Something of the view has changed, but for the passing of time. */
  change: [];
}

/** Time for taking the mappings away at the end, ms: less than a service may take to stop. */
const UNMAP_LIMIT_MS = 2_500;
/** Longest time without a look at the default route, ms. */
const ROUTE_CHECK_MS = 5_000;
const ROUTE_FRESH_MS = 1_000;

/** Keeps the ports mapped at the router before us, and knows our address there. A dead router holds nothing up. */
export class NatService implements Service {
  readonly name = "nat";
  readonly #options: NatOptions;
  readonly #ports: NatPorts;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<NatEvents>();
  readonly #stun: StunWatch;
  readonly #memory: RouterMemory;
  #life = new AbortController();
  #steps = new AbortController();
  #running: Promise<unknown> | null = null;
  #wake: (() => void) | null = null;
  #state: UpstreamState;
  #route: DefaultRoute | null | undefined;
  #routeSeenMs = Number.NEGATIVE_INFINITY;
  /** Who answers now; becomes part of the memory once it has mapped SIP. */
  #candidate: Memory["router"] = null;
  #told = "";
  #toldPlace = "null";

  constructor(options: NatOptions, ports: NatPorts, clock: Clock, log: Log) {
    this.#options = options;
    this.#ports = ports;
    this.#clock = clock;
    this.#log = log;
    this.#memory = new RouterMemory(ports.state, log);
    this.#stun = new StunWatch(options.stunServers, ports.stun, clock, () => this.#tell());
    this.#state = initialState(options.protocols, options.wanted, options.leaseSeconds);
  }

  /** Returns at once: whether there is a router is found out afterwards. */
  async start(signal: AbortSignal): Promise<void> {
    this.#life = new AbortController();
    const life = this.#life.signal;
    signal.addEventListener("abort", () => this.#abort(), { once: true, signal: life });
    const disposers = Object.values(this.#ports.mappers).flatMap((mapper) => [
      mapper.onLost(() => this.#heard(mapper, { kind: "lost" })),
      mapper.onHint(() => this.#heard(mapper, { kind: "hint" })),
    ]);
    this.#running = Promise.all([this.#mapLoop(life), this.#stun.run(() => this.#route, life)]).finally(() => {
      for (const dispose of disposers) dispose();
    });
  }

  /** Takes the mappings away, within 2.5 s. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    this.#running = null;
    this.#abort();
    await running;
    await this.#unmapAll();
    for (const mapper of Object.values(this.#ports.mappers)) mapper.close();
  }

  view(): NatView {
    const { wanted, trunkServers } = this.#options;
    const around = { route: this.#route, stun: this.#stun.answers, trunkServers };
    return describe(this.#state, wanted, around, this.#clock.now());
  }

  /** Where the world finds us now. */
  get external(): ExternalPlace | null {
    const { trunkServers } = this.#options;
    return externalPlace(this.#state, stunAddress(this.#stun.answers), trunkServers, this.#clock.now());
  }

  on<K extends keyof NatEvents>(event: K, listener: (...args: NatEvents[K]) => void): Dispose {
    return this.#emitter.on(event, listener);
  }

  #abort(): void {
    this.#life.abort();
    this.#steps.abort();
    this.#wake?.();
  }

  async #mapLoop(life: AbortSignal): Promise<void> {
    const { ports } = await this.#memory.recall();
    this.#note({ kind: "remembered", ports });
    while (!life.aborted) {
      try {
        await this.#turn();
      } catch (error) {
        // No router's doing: those are answers. Whatever it is, it must not end the loop nor make it spin.
        this.#log.error("port mapping failed", { error: describeError(error) });
        await this.#sleep(CHECK_MS);
      }
    }
  }

  async #turn(): Promise<void> {
    await this.#lookAtRoute();
    const now = this.#clock.now();
    const step: UpstreamStep =
      this.#route === null ? { kind: "wait", untilMs: now + CHECK_MS } : nextStep(this.#state, now);
    if (step.kind === "wait") {
      this.#tell();
      await this.#sleep(Math.min(step.untilMs - now, ROUTE_CHECK_MS));
      return;
    }
    // A controller for each step: signals derived from one that lives as long as the gateway would pile up.
    this.#steps = new AbortController();
    if (this.#life.signal.aborted) return;
    const input = await this.#perform(step, this.#steps.signal);
    if (input !== null && !this.#life.signal.aborted) this.#note(input);
  }

  async #lookAtRoute(): Promise<void> {
    const before = this.#route;
    // Not for each of a thousand ports.
    if (this.#clock.now() - this.#routeSeenMs < ROUTE_FRESH_MS) return;
    const route = await this.#ports.route.read();
    const same =
      before?.gateway === route?.gateway &&
      before?.interface === route?.interface &&
      before?.address === route?.address;
    this.#route = route;
    this.#routeSeenMs = this.#clock.now();
    if (same || before === undefined || (before === null && route === null)) return;
    this.#log.info("the default route changed", { interface: route?.interface, router: route?.gateway });
    for (const mapper of Object.values(this.#ports.mappers)) mapper.close();
    this.#note({ kind: "moved" });
  }

  async #perform(step: Exclude<UpstreamStep, { kind: "wait" }>, signal: AbortSignal): Promise<UpstreamInput | null> {
    if (step.kind === "open") return this.#open(step, signal);
    const protocol = this.#state.protocols[this.#state.at];
    if (protocol === undefined) return null;
    const mapper = this.#ports.mappers[protocol];
    if (step.kind === "map") {
      const answer = await mapper.map(step.request, signal);
      if (answer.ok) return { ...answer, kind: "mapped", slot: step.slot };
      return { kind: "map-refused", slot: step.slot, why: answer.why };
    }
    const answer = await mapper.check(step.requests, signal);
    if (!answer.ok) return { kind: "check-refused", why: answer.why };
    const gone = step.slots.filter((_, n) => answer.gone.some((request) => request === step.requests[n]));
    if (gone.length > 0) this.#log.warn("the router has forgotten mappings");
    return { kind: "checked", address: answer.address, gone };
  }

  async #open(step: Extract<UpstreamStep, { kind: "open" }>, signal: AbortSignal): Promise<UpstreamInput | null> {
    const route = this.#route;
    const memory = this.#memory.current;
    if (route === null || route === undefined || memory === null) return null;
    // Of the others none is in use any more.
    for (const other of Object.values(this.#ports.mappers)) other.close();
    const pinned = memory.router !== null && memory.router.gateway === route.gateway ? memory.router.identity : null;
    const identity = step.believeStranger ? null : pinned;
    const answer = await this.#ports.mappers[step.protocol].open({ route, identity, seed: memory.seed }, signal);
    if (!answer.ok) return { kind: "open-refused", why: answer.why };
    this.#candidate = answer.identity === null ? null : { gateway: route.gateway, identity: answer.identity };
    return { kind: "opened", address: answer.address };
  }

  #heard(mapper: MapperPort, input: UpstreamInput): void {
    if (mapper.protocol !== this.#state.protocols[this.#state.at]) return;
    if (input.kind === "lost") this.#log.warn("the router has lost its mappings");
    this.#note(input);
    this.#wake?.();
  }

  #note(input: UpstreamInput): void {
    this.#state = note(this.#state, input, this.#clock.now());
    if (input.kind === "mapped" && this.#state.slots[input.slot]?.name !== "rtp") {
      void this.#memory.worked(this.#candidate, unwantedPorts(this.#state.slots));
    }
    this.#tell();
  }

  #tell(): void {
    const view = this.view();
    const place = JSON.stringify(view.external);
    const text = JSON.stringify({ ...view, mappings: view.mappings.map(({ expiresS: _, ...rest }) => rest) });
    if (text === this.#told) return;
    this.#told = text;
    this.#emitter.emit("change");
    if (place === this.#toldPlace) return;
    this.#toldPlace = place;
    this.#log.info("our place outside", { place: view.external });
    this.#emitter.emit("external", view.external);
  }

  async #unmapAll(): Promise<void> {
    const protocol = this.#state.protocols[this.#state.at];
    if (protocol === undefined || !this.#state.open) return;
    const mapper = this.#ports.mappers[protocol];
    const limit = new AbortController();
    const cancel = this.#clock.at(this.#clock.now() + UNMAP_LIMIT_MS, () => limit.abort());
    let left = 0;
    for (const slot of this.#state.slots) {
      if (slot.externalPort === null) continue;
      if (limit.signal.aborted || !(await mapper.unmap(requestFor(this.#state, slot), limit.signal))) left += 1;
    }
    cancel();
    if (left === 0) await this.#memory.worked(null, {});
    else this.#log.warn("mappings were left at the router", { left });
  }

  /** Until then, or until something happens. */
  async #sleep(ms: number): Promise<void> {
    if (this.#life.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.at(this.#clock.now() + Math.max(0, ms), resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = null;
  }
}
