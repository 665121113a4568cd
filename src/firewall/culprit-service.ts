import type { Clock } from "../base/clock.ts";
import { describeError, GatewayError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { Log } from "../base/log.ts";
import { attribute, bySource, type Refusals, risesSince, sourceOf } from "./evidence.ts";

export interface CulpritOptions {
  /**
   * How many packets that begin with `SIP/2.0 403` left from the SIP port to each address; an address is forgotten
   * `REFUSALS_KEPT_MS` after its last one.
   */
  refusals(): Promise<Refusals>;
  trusted(source: string): boolean;
  /** So many failed logins of each source. */
  onFailures(failures: ReadonlyMap<string, number>): void;
  readonly clock: Clock;
}

export const REFUSALS_KEPT_MS = 10_000;
/** A refusal and its event may reach us this far apart, either first: ms. */
const MATCH_MS = 2_000;
/** Another look for events that nobody was found for, ms. */
const LOOK_AGAIN_MS = 50;
/** Sources that events name between two looks; the rest of them count without a name. */
const MAX_NAMED = 256;

/** Finds out, with the kernel, whose failed logins Asterisk reports. One question at a time, however many events come. */
export class Culprits {
  readonly #options: CulpritOptions;
  readonly #log: Log;
  #named = new Map<string, number>();
  /** When the oldest of them came. */
  #oldestMs: number | null = null;
  #unused: Refusals = new Map();
  #before: Refusals = new Map();
  #lookedMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;
  #again: Dispose | undefined;
  #unattributed = 0;
  #stopped = false;
  #fault: string | null = null;

  constructor(options: CulpritOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  /** Failed logins that could be laid at nobody's door. */
  get unattributed(): number {
    return this.#unattributed;
  }

  /** Why the kernel does not tell who failed; null when it does. */
  get fault(): string | null {
    return this.#fault;
  }

  /** Leaves out what was before: it has been judged, or is nobody's guess. */
  async begin(): Promise<void> {
    try {
      this.#before = bySource(await this.#options.refusals());
      this.#lookedMs = this.#options.clock.now();
    } catch (error) {
      // Without nft, or the right to use it, the rules themselves fail next: it is told there.
      const told = error instanceof GatewayError && ["nft-missing", "nft-denied"].includes(error.code);
      this.#log[told ? "debug" : "error"]("the kernel does not tell who failed to log in before", {
        error: describeError(error),
      });
    }
  }

  /** A proven failure, of somebody who may be at this address or not. */
  failed(address: string): void {
    this.#oldestMs ??= this.#options.clock.now();
    this.#add(sourceOf(address) ?? "", 1);
    this.#look();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#again?.();
    await this.#looking;
  }

  #add(source: string, count: number): void {
    const name = this.#named.has(source) || this.#named.size < MAX_NAMED ? source : "";
    this.#named.set(name, (this.#named.get(name) ?? 0) + count);
  }

  #look(): void {
    if (this.#looking !== undefined || this.#stopped || this.#named.size === 0) return;
    this.#again?.();
    this.#again = undefined;
    const events = this.#named;
    this.#named = new Map();
    this.#looking = this.#attribute(events).then((left) => {
      this.#looking = undefined;
      const came = this.#named.size > 0;
      this.#wait(left);
      if (came) this.#look();
    });
  }

  /** Events that nobody was found for. */
  async #attribute(events: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, number>> {
    const { clock, trusted, onFailures } = this.#options;
    try {
      const now = bySource(await this.#options.refusals());
      const sinceMs = clock.now() - this.#lookedMs;
      this.#lookedMs = clock.now();
      // After a long time each source may have been forgotten and begun anew.
      const rises = new Map(risesSince(sinceMs >= REFUSALS_KEPT_MS ? new Map() : this.#before, now));
      const earlier = sinceMs < MATCH_MS ? this.#unused : [];
      for (const [source, count] of earlier) rises.set(source, (rises.get(source) ?? 0) + count);
      this.#before = now;
      const { failures, left, unused } = attribute(events, rises, trusted);
      this.#unused = unused;
      this.#fault = null;
      if (failures.size > 0) onFailures(failures);
      return left;
    } catch (error) {
      const words = describeError(error);
      // It is asked again for every failure.
      if (this.#fault !== words) this.#log.error("the kernel does not tell who failed to log in", { error: words });
      this.#fault = words;
      return events;
    }
  }

  /** The refusal may be on its way still: they are looked for again, for a while. */
  #wait(left: ReadonlyMap<string, number>): void {
    const { clock } = this.#options;
    const now = clock.now();
    const inTime = this.#oldestMs !== null && now - this.#oldestMs < MATCH_MS;
    if (left.size > 0 && inTime && !this.#stopped) {
      for (const [source, count] of left) this.#add(source, count);
      this.#again = clock.at(now + LOOK_AGAIN_MS, () => this.#look());
      return;
    }
    // What came meanwhile begins anew: events never wait so long that somebody else's refusal could answer for them.
    this.#oldestMs = this.#named.size > 0 ? now : null;
    if (left.size === 0) return;
    for (const count of left.values()) this.#unattributed += count;
    this.#log.warn("failed logins that the kernel saw nobody for", { since: this.#unattributed });
  }
}
