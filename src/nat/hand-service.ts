import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import { formatNetwork, parseAddress } from "../base/ip.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { adviceOf, type HandConfig, type HandFindings, type HandObserved, judgeHand } from "./hand.ts";
import type { ArrivalsPort, LookUpPort } from "./hand-port.ts";
import type { DefaultRoutePort, StunPort } from "./port.ts";
import type { NatView } from "./types.ts";

export interface HandPorts {
  readonly stun: StunPort;
  readonly arrivals: ArrivalsPort;
  readonly route: DefaultRoutePort;
  readonly names: LookUpPort;
}

export interface HandOptions {
  readonly config: Omit<HandConfig, "resolved">;
  /** `HOST` or `HOST:PORT`; without any, what the world sees of us stays unknown. */
  readonly stunServers: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

/** How often everything is looked at, ms: STUN servers are other people's. */
const CHECK_MS = 600_000;
/** Longest wait for one STUN server or name, ms: its seven tries (RFC 8489 section 6.2.1) would take 39.5 s. */
const ANSWER_LIMIT_MS = 10_000;

/** With `nat.mode: none`: looks whether the forwarding that somebody made by hand can be right, and changes nothing. */
export class HandService implements Service {
  readonly name = "nat by hand";
  readonly #options: HandOptions;
  readonly #ports: HandPorts;
  #life = new AbortController();
  #timer: Dispose = () => undefined;
  #checking: Promise<void> | undefined;
  #sinceMs = 0;
  #firstCount: number | null = null;
  #own: string | null = null;
  #resolved: string | null = null;
  #findings: HandFindings = { stunAddress: null, doubleNat: false, faults: [] };

  constructor(options: HandOptions, ports: HandPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  /** Resolves at once: nothing waits for what strangers' servers say. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#life = new AbortController();
    this.#sinceMs = this.#options.clock.now();
    this.#firstCount = null;
    void this.check();
  }

  async stop(): Promise<void> {
    this.#life.abort();
    this.#timer();
    await this.#checking;
  }

  /** Looks now. Never rejects. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  view(): NatView {
    const { externalAddress, sipPort } = this.#options.config;
    const address = this.#resolved ?? externalAddress;
    const advice = adviceOf(this.#config, this.#own, this.#resolved ?? this.#findings.stunAddress);
    return {
      mode: "none",
      protocol: null,
      router: null,
      external: address === null ? null : { address, sipPort },
      stunAddress: this.#findings.stunAddress,
      doubleNat: this.#findings.doubleNat,
      mappings: [],
      ...(advice === null ? {} : { advice }),
      faults: this.#findings.faults,
    };
  }

  get #config(): HandConfig {
    return { ...this.#options.config, resolved: this.#resolved };
  }

  async #check(): Promise<void> {
    this.#timer();
    const { clock, log } = this.#options;
    const observed = await this.#observe();
    if (this.#life.signal.aborted) return;
    this.#own = observed.ownAddress;
    const before = new Set(this.#findings.faults);
    this.#findings = judgeHand(this.#config, observed);
    for (const fault of this.#findings.faults) if (!before.has(fault)) log.warn("port forwarding", { fault });
    this.#timer = clock.at(clock.now() + CHECK_MS, () => void this.check());
  }

  async #observe(): Promise<HandObserved> {
    const { route, arrivals } = this.#ports;
    const ownAddress = (await route.read().catch(() => null))?.address ?? null;
    const [stun, count] = await Promise.all([
      this.#askStun(ownAddress),
      arrivals.fromOutside().catch(() => null),
      this.#resolve(),
    ]);
    this.#firstCount ??= count;
    // Counters that have begun again count from nothing.
    const first = count !== null && this.#firstCount !== null && count >= this.#firstCount ? this.#firstCount : 0;
    const countedS = Math.floor((this.#options.clock.now() - this.#sinceMs) / 1000);
    return { ownAddress, stun, arrived: count === null ? null : count - first, countedS };
  }

  async #askStun(from: string | null): Promise<HandObserved["stun"]> {
    if (from === null || this.#life.signal.aborted) return new Map();
    const ask = async (server: string): Promise<{ address: string } | { fault: string }> => {
      const signal = AbortSignal.any([this.#life.signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
      try {
        const answer = await this.#ports.stun.ask(server, from, signal);
        const address = answer === null ? null : parseAddress(answer);
        return address === null ? { fault: "it does not tell our address" } : { address: formatNetwork(address) };
      } catch (error) {
        return { fault: describeError(error) };
      }
    };
    const { stunServers } = this.#options;
    return new Map(await Promise.all(stunServers.map(async (server) => [server, await ask(server)] as const)));
  }

  /** A name that cannot be looked up today keeps what it meant before. */
  async #resolve(): Promise<void> {
    const { externalAddress } = this.#options.config;
    if (externalAddress === null) return;
    const literal = parseAddress(externalAddress);
    if (literal !== null) {
      this.#resolved = formatNetwork(literal);
      return;
    }
    const found = await this.#ports.names.lookUp(externalAddress).catch(() => null);
    const four = found?.addresses.find((text) => parseAddress(text)?.family === 4);
    this.#resolved = four ?? this.#resolved;
  }
}
