import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { readBans, remaining, writeBans } from "./ban-record.ts";
import {
  type BanEffect,
  type BanInput,
  type BanLimits,
  bansAt,
  nextEnd,
  noBans,
  type ReleaseReason,
  step,
} from "./bans.ts";
import { type CulpritOptions, Culprits } from "./culprit-service.ts";
import { sourceOf } from "./evidence.ts";
import { literals } from "./model.ts";
import type { SecurityEventPort, StatePort } from "./port.ts";
import { isUnusable } from "./special-networks.ts";
import type { Ban, OrderedReason } from "./types.ts";

/** What of the kernel's rules bans need. Sources are addresses (IPv4) and /64 networks (IPv6). */
export interface BanRulesPort extends Pick<CulpritOptions, "refusals"> {
  /** Drops everything from a source, and to it from the SIP port; for one that is banned the new time counts. */
  ban(source: string, seconds: number): Promise<void>;
  /** Nothing happens when it is not banned. */
  release(source: string): Promise<void>;
}

export interface BanOptions {
  readonly limits: BanLimits;
  /** Never banned: whether a trunk, an operator or a registered phone is, or lies in, the source. Asked each time. */
  trusted(source: string): boolean;
  readonly events: SecurityEventPort;
  readonly state: StatePort;
  readonly kernel: BanRulesPort;
  readonly clock: Clock;
  /** Unix time, ms. */
  wallNow(): number;
}

export interface BanEvents {
  banned: [ban: Ban];
  released: [ban: Ban, why: ReleaseReason];
}

/** What is no ban is written at most this often, ms: a flood must not wear the SD card out. */
const WRITE_MS = 30_000;
const WRITE_BAN_MS = 1_000;
/** From so many writes in a minute on, bans wait as well: somebody with many addresses must not wear it out either. */
const MANY_WRITES = 10;
/** How often those that the kernel did not take are tried again, and who is trusted is looked at, ms. */
const CHECK_MS = 5_000;

/** Joins security events, the kernel's view, the policy and the state: who misbehaves is banned, over restarts too. */
export class BanService implements Service {
  readonly name = "bans";
  readonly #options: BanOptions;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<BanEvents>();
  readonly #disposers: Dispose[] = [];
  readonly #timers = new Map<"write" | "check", { atMs: number; dispose: Dispose }>();
  /** Sources whose ban or release the kernel has not taken yet. */
  readonly #owed = new Set<string>();
  /** Those of them that it did not take, and how many of them the log has told of. */
  readonly #refused = new Set<string>();
  #refusedTold = 0;
  #storeFault: string | null = null;
  #state = noBans;
  #culprits: Culprits | undefined;
  #settling: Promise<void> = Promise.resolve();
  #writing: Promise<void> = Promise.resolve();
  #wroteMs = Number.NEGATIVE_INFINITY;
  /** When the last ones were. */
  #writes: readonly number[] = [];
  #checkedMs = 0;
  #running = false;

  constructor(options: BanOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  on<K extends keyof BanEvents>(event: K, listener: (...args: BanEvents[K]) => void): Dispose {
    return this.#emitter.on(event, listener);
  }

  /** Bans in force. */
  get bans(): readonly Ban[] {
    return bansAt(this.#state, this.#options.wallNow());
  }

  /** What is wrong, in words. */
  get faults(): readonly string[] {
    const asked = this.#culprits?.fault ?? null;
    return [
      ...(this.#refused.size > 0 ? [`the kernel does not take ${this.#refused.size} bans or releases`] : []),
      ...(this.#storeFault === null ? [] : [`bans cannot be stored: ${this.#storeFault}`]),
      ...(asked === null ? [] : [`the kernel does not tell who failed to log in: ${asked}`]),
    ];
  }

  /** Failed logins that could be laid at nobody's door. */
  get unattributed(): number {
    return this.#culprits?.unattributed ?? 0;
  }

  /** Takes up what was stored and puts the bans that still run into the kernel. */
  async start(signal: AbortSignal): Promise<void> {
    const { state, events, kernel, clock, trusted, wallNow } = this.#options;
    const stored = await state.read().catch((error: unknown) => {
      this.#log.error("the stored bans are lost", { error: describeError(error) });
      return null;
    });
    signal.throwIfAborted();
    const read = readBans(stored, wallNow());
    if (read.refused > 0) this.#log.warn("stored bans not in form were left out", { refused: read.refused });
    this.#state = read.state;
    this.#checkedMs = wallNow();
    this.#running = true;
    this.reconsider();
    await this.reapply();
    const onFailures = (failures: ReadonlyMap<string, number>) => {
      for (const [source, times] of failures) this.#step({ type: "failed", source, times, atMs: wallNow() });
    };
    const culprits = new Culprits({ refusals: () => kernel.refusals(), trusted, clock, onFailures }, this.#log);
    this.#culprits = culprits;
    await culprits.begin();
    this.#disposers.push(
      events.onEvent((event) => {
        if (event.proven) culprits.failed(event.address);
      }),
    );
    this.#armCheck();
  }

  async stop(): Promise<void> {
    for (const dispose of this.#disposers.splice(0)) dispose();
    await this.#culprits?.stop();
    this.#running = false;
    const unwritten = this.#timers.has("write");
    for (const { dispose } of this.#timers.values()) dispose();
    this.#timers.clear();
    if (unwritten) this.#write();
    await this.#settling;
    await this.#writing;
  }

  /** Puts every running ban into the kernel (again), with the time that is left of it. */
  async reapply(): Promise<void> {
    for (const ban of this.bans) await this.#settle(ban.source);
  }

  /**
   * By command. False for what is no address or /64, or none that anybody sends from, and for a trusted source.
   * @param minutes how long; as long as its next ban would be when left out
   */
  ban(address: string, minutes?: number, reason: OrderedReason = "operator"): boolean {
    const source = sourceOf(address);
    if (source === null || literals([source]).some(isUnusable)) return false;
    const seconds = minutes === undefined ? null : minutes * 60;
    return this.#step({ type: "ban", source, reason, seconds, atMs: this.#options.wallNow() }) > 0;
  }

  /** By command; forgets everything of the source. False when it was not banned. */
  release(address: string): boolean {
    const source = sourceOf(address);
    return source !== null && this.#step({ type: "release", source, atMs: this.#options.wallNow() }) > 0;
  }

  /** Who is trusted has changed: bans of those who are now trusted end. */
  reconsider(): void {
    this.#step({ type: "look", atMs: this.#options.wallNow() });
  }

  /** How many effects it had. */
  #step(input: BanInput): number {
    const before = this.#state;
    const { state, effects } = step(before, input, this.#options);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    if (effects.length > 0) this.#arm("write", 0, this.#write);
    else if (state !== before && input.type !== "look") this.#arm("write", WRITE_MS, this.#write);
    return effects.length;
  }

  #perform(effect: BanEffect): void {
    const { ban } = effect;
    void this.#settle(ban.source);
    if (effect.type === "ban") {
      const minutes = Math.round((ban.untilMs - ban.sinceMs) / 60_000);
      this.#log.warn("banned", { source: ban.source, reason: ban.reason, count: ban.count, minutes });
      this.#emitter.emit("banned", ban);
      this.#armCheck();
    } else {
      this.#log.info("released", { source: ban.source, why: effect.why });
      this.#emitter.emit("released", ban, effect.why);
    }
  }

  /** Makes the kernel agree about one source, one after the other; what fails is tried again. */
  #settle(source: string): Promise<void> {
    this.#owed.add(source);
    this.#settling = this.#settling.then(() => this.#settleOne(source));
    return this.#settling;
  }

  /** By what is so when its turn comes: a ban that was released meanwhile must not come after its release. */
  async #settleOne(source: string): Promise<void> {
    const { kernel, wallNow } = this.#options;
    const found = remaining(this.#state, source, wallNow());
    try {
      await (found === null ? kernel.release(source) : kernel.ban(source, found));
      this.#owed.delete(source);
      this.#refused.delete(source);
    } catch (error) {
      this.#refused.add(source);
      if (this.#refusedTold === 0) this.#tellRefused(describeError(error));
    }
  }

  /** When their number has changed: a kernel that takes none is asked every 5 s for each. */
  #tellRefused(error?: string): void {
    const { size } = this.#refused;
    if (size === this.#refusedTold) return;
    this.#refusedTold = size;
    if (size === 0) this.#log.info("the kernel has taken all bans");
    else this.#log.error("the kernel does not take bans", { count: size, ...(error === undefined ? {} : { error }) });
  }

  #check(): void {
    const atMs = this.#options.wallNow();
    for (const source of this.#owed) void this.#settle(source);
    void this.#settling.then(() => this.#tellRefused());
    // The kernel ends a ban by itself.
    const ended = bansAt(this.#state, this.#checkedMs).filter((ban) => ban.untilMs <= atMs);
    this.#checkedMs = atMs;
    for (const ban of ended) this.#emitter.emit("released", ban, "expired");
    this.reconsider();
    this.#armCheck();
  }

  /** At the usual time, or when the next ban ends. */
  #armCheck(): void {
    const atMs = this.#options.wallNow();
    const end = nextEnd(this.#state, atMs);
    this.#arm("check", Math.min(CHECK_MS, end === null ? CHECK_MS : end - atMs), () => this.#check());
  }

  readonly #write = (): void => {
    const { clock, state } = this.#options;
    this.#wroteMs = clock.now();
    this.#writes = [...this.#writes, this.#wroteMs].slice(-MANY_WRITES);
    this.#writing = this.#writing.then(() =>
      // As it is when its turn comes.
      state.write(writeBans(this.#state)).then(
        () => {
          this.#storeFault = null;
        },
        (error: unknown) => {
          const words = describeError(error);
          if (this.#storeFault !== words) this.#log.error("bans could not be stored", { error: words });
          this.#storeFault = words;
          this.#arm("write", WRITE_MS, this.#write);
        },
      ),
    );
  };

  /** Time between two writes, ms. */
  #restMs(): number {
    const [first = Number.NEGATIVE_INFINITY] = this.#writes;
    const many = this.#writes.length === MANY_WRITES && this.#options.clock.now() - first < 60_000;
    return many ? WRITE_MS : WRITE_BAN_MS;
  }

  /** Arms a timer, or brings one forward; a write waits for its turn. */
  #arm(which: "write" | "check", afterMs: number, fire: () => void): void {
    if (!this.#running) return;
    const { clock } = this.#options;
    const atMs = Math.max(clock.now() + afterMs, which === "write" ? this.#wroteMs + this.#restMs() : 0);
    const armed = this.#timers.get(which);
    if (armed !== undefined && armed.atMs <= atMs) return;
    armed?.dispose();
    const dispose = clock.at(atMs, () => {
      this.#timers.delete(which);
      fire();
    });
    this.#timers.set(which, { atMs, dispose });
  }
}
