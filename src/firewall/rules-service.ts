import type { Clock } from "../base/clock.ts";
import { describeError, GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { banScript, releaseScript } from "./ban-scripts.ts";
import { countersOf, packetsOf, sourcesOf } from "./counters.ts";
import { KernelRecord } from "./kernel-record.ts";
import { TABLE } from "./layout.ts";
import type { RulesState, TimedBan } from "./model.ts";
import { plan, type Wanted } from "./plan.ts";
import type { NftPort } from "./port.ts";
import { render, renderClosed } from "./render.ts";
import type { Counters, LimitedSource } from "./types.ts";

export interface RulesPorts {
  readonly nft: NftPort;
  readonly clock: Clock;
}

export interface RulesEvents {
  /** Rules, or the content of sets, were put in force; how long that took, ms. */
  applied: [tookMs: number];
  /** Somebody else changed our table; whether it could be put right. */
  drift: [what: string, repaired: boolean];
  /** What is wrong, in words; null when it is well again. */
  fault: [fault: string | null];
}

/** Changes of what is wanted. `bans`: all bans in force; left out, those in the kernel stay as they are. */
export type RulesChange = Partial<RulesState> & { readonly bans?: readonly TimedBan[] };

const CHECK_MS = 30_000;
/** A phone counts as registered for so long after the supervisor has died, s. */
const REGISTERED_S = 600;
/** Keeps the kernel's rules as they are wanted. Everything that is changed is changed in one transaction. */
export class RulesService implements Service {
  readonly name = "firewall rules";
  readonly #nft: NftPort;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<RulesEvents>();
  #state: RulesState;
  /** Source → when its ban ends, on the clock. */
  readonly #bans = new Map<string, number>();
  #bansGiven = false;
  readonly #record: KernelRecord;
  #registeredAtMs = 0;
  #work: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #timer: Dispose | undefined;
  #running = false;
  #fault: string | null = null;
  #sinceMs: number | null = null;
  #repairs = 0;

  constructor(state: RulesState, { nft, clock }: RulesPorts, log: Log) {
    this.#state = state;
    this.#nft = nft;
    this.#record = new KernelRecord(nft);
    this.#clock = clock;
    this.#log = log;
  }

  /** What is wrong; null when the kernel's rules are the ones that are wanted. */
  get fault(): string | null {
    return this.#fault;
  }

  /** Since when rules of this service have been in force, on the clock; null while none are. */
  get inForceSinceMs(): number | null {
    return this.#sinceMs;
  }

  /** How often somebody else's change was put right. */
  get repairs(): number {
    return this.#repairs;
  }

  /** What is wanted now. */
  get state(): RulesState {
    return this.#state;
  }

  on<K extends keyof RulesEvents>(event: K, listener: (...args: RulesEvents[K]) => void): Dispose {
    return this.#emitter.on(event, listener);
  }

  /** Takes over whatever table there is, and puts the rules in force. Errors: those of `NftPort`. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#running = true;
    try {
      await this.#record.begin();
      await this.#enqueue();
    } catch (error) {
      this.#running = false;
      throw error;
    }
    this.#arm();
  }

  /** Afterwards, where everything is guarded, only management is open; else the table is gone. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    await this.leave();
    const { policy, localUids } = this.#state;
    const closed = { ...renderClosed(policy, localUids), bans: null, registeredS: REGISTERED_S };
    const gone = `delete table inet ${TABLE}\n`;
    await this.#nft.apply(policy.protect === "gateway" ? gone : plan(closed, this.#record.known).script);
    this.#record.forget();
    this.#sinceMs = null;
  }

  /** Stops, and leaves the rules in force as they are to whoever comes next. */
  async leave(): Promise<void> {
    this.#running = false;
    this.#timer?.();
    await this.#work;
  }

  /**
   * Changes what is wanted; resolves when it is in force. Changes that come while one is being made go together into the
   * next transaction. When it fails the kernel's rules stay as they were, `fault` tells why, and it is tried again every
   * 30 s until another update replaces what failed. Before `start` it only notes. Errors: those of `NftPort`.
   */
  update({ bans, ...change }: RulesChange): Promise<void> {
    this.#state = { ...this.#state, ...change };
    if (bans !== undefined) {
      this.#bans.clear();
      for (const { source, seconds } of bans) this.#bans.set(source, this.#clock.now() + seconds * 1000);
      this.#bansGiven = true;
    }
    return this.#running ? this.#enqueue() : Promise.resolve();
  }

  /** Drops everything from this source from now on; before `start` it is only noted. Errors: `bad-source`, those of `NftPort`. */
  async ban(source: string, seconds: number): Promise<void> {
    const script = banScript(source, seconds, this.#bans.has(source));
    this.#bans.set(source, this.#clock.now() + seconds * 1000);
    if (this.#running) await this.#nft.apply(script);
    else this.#bansGiven = true;
  }

  /** Ends a ban, and forgets what the kernel holds against the source. `null`: all sources. Errors as for `ban`. */
  async release(source: string | null): Promise<void> {
    const { whole, each } = releaseScript(source);
    if (source === null) this.#bans.clear();
    else this.#bans.delete(source);
    if (!this.#running) return;
    await this.#nft.apply(whole).catch(async (error: unknown) => {
      if (each.length === 0) throw error;
      for (const script of each) await this.#nft.apply(script).catch(ignoreRefusal);
    });
  }

  /** Sources that the kernel limits now, by itself. */
  async limited(): Promise<LimitedSource[]> {
    return (await this.#both("limited")).flatMap(sourcesOf);
  }

  /** How many 403 have left from the SIP port to each address; one is forgotten 10 s after its last. */
  async refusals(): Promise<ReadonlyMap<string, number>> {
    const sets = this.#both("refusals");
    // Before the start the table may be an earlier run's, or not be there.
    return new Map((await (this.#running ? sets : sets.catch(ignoreRefusal))).flatMap(packetsOf));
  }

  async #both(set: string): Promise<unknown[]> {
    return [await this.#nft.set(TABLE, `${set}4`), await this.#nft.set(TABLE, `${set}6`)];
  }

  /** The named counters, in the order of the rules. */
  async counters(): Promise<Counters> {
    return countersOf(await this.#nft.table(TABLE));
  }

  /** Compares the kernel with what was put there, and puts right what differs. Whether something did. */
  check(): Promise<boolean> {
    const done = this.#work.then(() => this.#check());
    this.#work = settled(done);
    return done;
  }

  /** One transaction after the other; all changes made before it begins are in it. */
  #enqueue(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    this.#next = this.#work.then(() => {
      this.#next = undefined;
      return this.#apply();
    });
    this.#work = settled(this.#next);
    return this.#next;
  }

  async #apply(): Promise<void> {
    const begun = this.#clock.now();
    const { known } = this.#record;
    const refill = this.#bansGiven || (known.table !== "ours" && this.#bans.size > 0);
    const bans = refill ? this.#bansLeft() : null;
    const before = new Map(this.#bans);
    const wanted: Wanted = { ...render(this.#state), bans, registeredS: REGISTERED_S };
    const { script, check } = plan(wanted, known);
    this.#bansGiven = false;
    try {
      if (script !== "") {
        await this.#nft.check(check);
        await this.#nft.apply(script);
      }
      if (known.sets.get("registered4") === undefined) this.#registeredAtMs = this.#clock.now();
      await this.#record.note(wanted);
      if (refill) await this.#repeatBans(before);
    } catch (error) {
      // Perhaps it differs from what we know: next time everything is sent.
      this.#record.forget();
      this.#bansGiven ||= refill;
      this.#setFault(describeError(error));
      throw error;
    }
    this.#sinceMs ??= this.#clock.now();
    this.#setFault(null);
    if (script !== "") this.#emitter.emit("applied", this.#clock.now() - begun);
  }

  async #check(): Promise<boolean> {
    if (!this.#running) return false;
    if (this.#fault !== null) {
      await this.#record.begin();
      await this.#apply();
      return false;
    }
    const what = await this.#record.difference();
    if (what === null) {
      await this.#renewRegistered();
      return false;
    }
    this.#log.warn("the firewall's table is not as it was left", { what });
    // It may have been deleted and, by a change of the rules since, made anew without its bans.
    this.#bansGiven ||= this.#bans.size > 0;
    const repaired = await this.#apply().then(
      () => true,
      () => false,
    );
    if (repaired) this.#repairs++;
    this.#emitter.emit("drift", what, repaired);
    return true;
  }

  /** Their elements have a time-out, for the case that nobody is left to take them away. */
  async #renewRegistered(): Promise<void> {
    if (this.#clock.now() - this.#registeredAtMs < (REGISTERED_S / 2) * 1000) return;
    this.#record.forgetSets("registered4", "registered6");
    await this.#apply();
  }

  #bansLeft(): TimedBan[] {
    const now = this.#clock.now();
    for (const [source, endsMs] of this.#bans) if (endsMs <= now) this.#bans.delete(source);
    return [...this.#bans].map(([source, endsMs]) => ({ source, seconds: (endsMs - now) / 1000 }));
  }

  /** Bans that came or went while the others were being sent, and may have been flushed with them. */
  async #repeatBans(before: ReadonlyMap<string, number>): Promise<void> {
    for (const { source, seconds } of this.#bansLeft()) {
      if (before.get(source) !== this.#bans.get(source)) await this.ban(source, seconds);
    }
    for (const source of before.keys()) if (!this.#bans.has(source)) await this.release(source);
  }

  #setFault(fault: string | null): void {
    if (fault === this.#fault) return;
    this.#fault = fault;
    if (fault !== null) this.#log.error("the firewall's rules are not in force as wanted", { fault });
    this.#emitter.emit("fault", fault);
  }

  #arm(): void {
    this.#timer = this.#clock.at(this.#clock.now() + CHECK_MS, () => {
      void this.check()
        .catch((error: unknown) => this.#setFault(describeError(error)))
        .finally(() => {
          if (this.#running) this.#arm();
        });
    });
  }
}

function ignoreRefusal(error: unknown): unknown[] {
  if (!(error instanceof GatewayError && error.code === "nft-refused")) throw error;
  return [];
}

/** Its end, however it ended: whoever asked for it is told. */
function settled(promise: Promise<unknown>): Promise<void> {
  return promise.then(
    () => undefined,
    () => undefined,
  );
}
