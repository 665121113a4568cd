import { describeError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import { type IpNetwork, parseNetwork } from "../base/ip.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { initialNames, type NamesEffect, type NamesInput, type NamesState, step, storedNames } from "./names.ts";
import type { NamesPort, StatePort } from "./port.ts";
import type { FirewallPolicy, ResolvedLists } from "./types.ts";
import { type Wake, WakeTimer } from "./wake-service.ts";

/** How long a start waits for names that nothing is known of. */
const START_LIMIT_MS = 2_000;

export interface NamesPorts {
  readonly names: NamesPort;
  readonly state: StatePort;
}

export interface NameView {
  readonly name: string;
  readonly addresses: readonly string[];
  /** Why the latest look-up failed; null when it did not. */
  readonly fault: string | null;
}

/** Keeps the DNS names of a policy looked up. */
export class NamesService implements Service {
  readonly name = "names";
  readonly #ports: NamesPorts;
  readonly #log: Log;
  readonly #unixMs: () => number;
  readonly #emitter = new TypedEmitter<{ changed: []; settled: [] }>();
  readonly #wake: Wake;
  readonly #more: readonly string[];
  #policy: FirewallPolicy;
  #state: NamesState = { names: new Map() };
  #running = false;
  #writing: Promise<void> = Promise.resolve();
  #unwritten = false;

  /** `more`: names that others of the gateway need besides the policy's. */
  constructor(
    policy: FirewallPolicy,
    ports: NamesPorts,
    log: Log,
    unixMs: () => number = Date.now,
    more: readonly string[] = [],
  ) {
    this.#policy = policy;
    this.#more = more;
    this.#ports = ports;
    this.#log = log;
    this.#unixMs = unixMs;
    this.#wake = new WakeTimer(unixMs, () => this.#step({ type: "tick", nowMs: unixMs() }));
  }

  on(event: "changed", listener: () => void): Dispose {
    return this.#emitter.on(event, listener);
  }

  /** Resolves when every name has been tried, all that are missing are known, or after two seconds; never rejects. */
  async start(signal: AbortSignal): Promise<void> {
    const stored = await this.#ports.state.read().catch((error: unknown) => {
      this.#log.warn("earlier addresses of DNS names are lost", { error: describeError(error) });
      return null;
    });
    if (signal.aborted) return;
    this.#state = initialNames(stored, this.#unixMs());
    this.#running = true;
    this.#want();
    await this.#settled(signal);
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#wake.clear();
    this.#emitter.emit("settled");
    await this.#writing;
  }

  /** Another policy: its names are looked up; `resolve` answers at once with what is known. */
  setPolicy(policy: FirewallPolicy): void {
    this.#policy = policy;
    if (this.#running) this.#want();
  }

  /** Looks all names up now. */
  refresh(): void {
    if (this.#running) this.#step({ type: "refresh", nowMs: this.#unixMs() });
  }

  /** The policy's lists with every name replaced by the addresses that are known of it now. */
  resolve(policy: FirewallPolicy = this.#policy): ResolvedLists {
    const { lists, allow } = policy;
    const resolved = (texts: readonly string[]) => texts.flatMap((text) => this.addressesOf(text));
    return {
      trunks: resolved(lists.trunks),
      operators: resolved(lists.operators),
      allowed: resolved(lists.allowed),
      management: resolved(lists.management),
      allow: allow.map((entry) => resolved(entry.from)),
    };
  }

  view(): readonly NameView[] {
    return [...this.#state.names].map(([name, { addresses, fault }]) => ({
      name,
      addresses: [...addresses.keys()].sort(),
      fault,
    }));
  }

  /** What a text of the policy stands for now: an address, a network, or a DNS name's addresses. */
  addressesOf(text: string): readonly IpNetwork[] {
    const literal = parseNetwork(text);
    if (literal !== null) return [literal];
    return [...(this.#state.names.get(nameOf(text))?.addresses.keys() ?? [])].flatMap((address) => {
      const network = parseNetwork(address);
      return network === null ? [] : [network];
    });
  }

  #want(): void {
    this.#step({ type: "want", names: namesOf(this.#policy, this.#more), nowMs: this.#unixMs() });
  }

  #step(input: NamesInput): void {
    if (!this.#running) return;
    const { state, effects } = step(this.#state, input);
    this.#state = state;
    this.#wake.clear();
    for (const effect of effects) this.#perform(effect);
    if (this.#isSettled()) this.#emitter.emit("settled");
  }

  #perform(effect: NamesEffect): void {
    switch (effect.type) {
      case "look-up":
        void this.#lookUp(effect.name);
        return;
      case "wake":
        this.#wake.at(effect.atMs);
        return;
      case "changed":
        this.#log.info("a DNS name has other addresses", { name: effect.name, addresses: effect.addresses });
        this.#emitter.emit("changed");
        return;
      case "fault":
        this.#log.warn("a DNS name could not be looked up", { name: effect.name, fault: effect.fault });
        return;
      case "persist":
        this.#persist();
    }
  }

  async #lookUp(name: string): Promise<void> {
    try {
      const { addresses, ttlS, partial = false } = await this.#ports.names.lookUp(name);
      this.#step({ type: "answer", name, addresses, ttlS, partial, nowMs: this.#unixMs() });
    } catch (error) {
      this.#step({ type: "failed", name, why: describeError(error), nowMs: this.#unixMs() });
    }
  }

  /** One write at a time; what changes meanwhile is in the next one. */
  #persist(): void {
    if (this.#unwritten) return;
    this.#unwritten = true;
    this.#writing = this.#writing.then(async () => {
      this.#unwritten = false;
      await this.#ports.state.write(storedNames(this.#state)).catch((error: unknown) => {
        this.#log.error("addresses of DNS names could not be stored", { error: describeError(error) });
      });
    });
  }

  #isSettled(): boolean {
    return [...this.#state.names.values()].every(({ tried, addresses }) => tried || addresses.size > 0);
  }

  async #settled(signal: AbortSignal): Promise<void> {
    if (this.#isSettled()) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        dispose();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, START_LIMIT_MS);
      const dispose = this.#emitter.on("settled", done);
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

/** All that is neither an address nor a network, each once. */
function namesOf({ lists, allow }: FirewallPolicy, more: readonly string[]): string[] {
  const texts = [
    lists.trunks,
    lists.operators,
    lists.allowed,
    lists.management,
    ...allow.map(({ from }) => from),
    more,
  ];
  return [
    ...new Set(
      texts
        .flat()
        .filter((text) => parseNetwork(text) === null)
        .map(nameOf),
    ),
  ];
}

function nameOf(text: string): string {
  return text.toLowerCase();
}
