import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { IpNetwork } from "../base/ip.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { fleetFilter, placeOf } from "./fleet.ts";
import type { BrokerLink, IncomingMessage } from "./port.ts";
import {
  initialSharedBans,
  MAX_BAN_BYTES,
  MAX_SHARED_MINUTES,
  type SharedBanRefusal,
  type SharedBanRules,
  type Signer,
  signBan,
  step,
} from "./shared-ban.ts";

/** Topic of the bans below `<base>/<site>/`. */
const TOPIC = "guard/bans";
const LOG_EVERY_MS = 60_000;

/** A ban of the guard, as far as others are told of it. */
export interface OwnBan {
  readonly source: string;
  readonly reason: string;
  readonly untilMs: number;
}

/** What of the guard is needed. */
export interface SharedBanGuard {
  /** Networks that no ban from elsewhere may touch, now: trusted, allowed, management, our own addresses. */
  protects(): readonly IpNetwork[];
  /** Bans in force. */
  bans(): Promise<readonly OwnBan[]>;
  /** With the reason `fleet`. Rejects for a trusted source, a registered phone too. */
  ban(address: string, minutes: number): Promise<unknown>;
  onBanned(listener: (ban: OwnBan) => void): Dispose;
}

export interface SharedBanOptions {
  /** First level of the topics. */
  readonly base: string;
  readonly site: string;
  /** The fleet's key. */
  readonly key: string;
  /** Tell others. */
  readonly share: boolean;
  /** Sites whose bans count here. */
  readonly accept: readonly string[];
  /** Unix time, ms. */
  readonly unixMs: () => number;
}

export type SharedBanCounts = Readonly<Record<SharedBanRefusal | "sent" | "banned" | "known" | "failed", number>>;

/** Tells the fleet of our bans, and bans whom the fleet has banned. */
export class SharedBanService implements Service {
  readonly name = "shared bans";
  readonly #options: SharedBanOptions;
  readonly #link: Pick<BrokerLink, "subscribe" | "onMessage" | "publish">;
  readonly #guard: SharedBanGuard;
  readonly #log: Log;
  readonly #signer: Signer;
  readonly #disposers: Dispose[] = [];
  readonly #counts: Record<keyof SharedBanCounts, number> = {
    ...{ sent: 0, banned: 0, known: 0, failed: 0, own: 0, "not-accepted": 0, retained: 0, form: 0, mac: 0 },
    ...{ clock: 0, stale: 0, replayed: 0, rate: 0, address: 0, protected: 0 },
  };
  #state = initialSharedBans(0);
  #toldMs = Number.NEGATIVE_INFINITY;
  #applying: Promise<void> = Promise.resolve();

  constructor(
    options: SharedBanOptions,
    link: Pick<BrokerLink, "subscribe" | "onMessage" | "publish">,
    guard: SharedBanGuard,
    log: Log,
  ) {
    this.#options = options;
    this.#link = link;
    this.#guard = guard;
    this.#log = log;
    this.#signer = signerOf(options.key);
  }

  /** What became of the messages so far. */
  get counts(): SharedBanCounts {
    return { ...this.#counts };
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { base, share, accept, unixMs } = this.#options;
    this.#state = initialSharedBans(unixMs());
    if (share) this.#disposers.push(this.#guard.onBanned((ban) => this.#tell(ban)));
    if (accept.length === 0) return;
    this.#disposers.push(this.#link.onMessage((message) => this.#take(message)));
    // The same filter as the fleet's view: overlapping ones would bring some brokers to send everything twice.
    this.#link.subscribe(fleetFilter(base));
  }

  async stop(): Promise<void> {
    for (const dispose of this.#disposers.splice(0)) dispose();
    await this.#applying;
  }

  #tell(ban: OwnBan): void {
    const { base, site, unixMs } = this.#options;
    const nowMs = unixMs();
    // What another site has told is not told on: that would go in circles.
    if (ban.reason === "fleet") return;
    const message = signBan({ ...ban, site }, randomBytes(16).toString("hex"), nowMs, this.#signer);
    if (message === null) return;
    if (this.#link.publish(`${base}/${site}/${TOPIC}`, JSON.stringify(message), { retain: false, qos: 0 })) {
      this.#counts.sent++;
    }
  }

  #take(message: IncomingMessage): void {
    const { base, site, accept, unixMs } = this.#options;
    const place = placeOf(base, message.topic);
    if (place === null || place.topic !== TOPIC) return;
    if (message.payload.byteLength > MAX_BAN_BYTES) {
      this.#refused("form", place.site);
      return;
    }
    const rules: SharedBanRules = {
      ownSite: site,
      accept: new Set(accept),
      signer: this.#signer,
      protects: this.#guard.protects(),
    };
    const payload = Buffer.from(message.payload).toString("utf8");
    const input = { site: place.site, payload, retained: message.retained, nowMs: unixMs() };
    const { state, outcome } = step(this.#state, input, rules);
    this.#state = state;
    if (!outcome.ok) {
      this.#refused(outcome.why, place.site);
      return;
    }
    const { address } = outcome.ban;
    this.#applying = this.#applying.then(() => this.#apply(address, outcome.minutes, place.site));
  }

  async #apply(address: string, minutes: number, from: string): Promise<void> {
    try {
      const untilMs = this.#options.unixMs() + Math.min(minutes, MAX_SHARED_MINUTES) * 60_000;
      // A ban by command replaces the one that runs: another site must not shorten ours.
      const running = (await this.#guard.bans()).find(({ source }) => source === address);
      if (running !== undefined && running.untilMs >= untilMs) {
        this.#counts.known++;
        return;
      }
      await this.#guard.ban(address, minutes);
      this.#counts.banned++;
      this.#log.warn("banned for the fleet", { source: address, from, minutes });
    } catch (error) {
      this.#counts.failed++;
      this.#log.info("a ban of the fleet was not taken", { source: address, from, error: describeError(error) });
    }
  }

  /** Anybody at the broker can send these: they are counted, and the log tells of them now and then. */
  #refused(why: SharedBanRefusal, from: string): void {
    this.#counts[why]++;
    if (why === "own" || why === "not-accepted") return;
    const nowMs = this.#options.unixMs();
    if (Math.abs(nowMs - this.#toldMs) < LOG_EVERY_MS) return;
    this.#toldMs = nowMs;
    this.#log.warn("a ban of the fleet was refused", { from, why });
  }
}

function signerOf(key: string): Signer {
  const sign = (text: string) => createHmac("sha256", key).update(text).digest("hex");
  return {
    sign,
    same: (one, other) => one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other)),
  };
}
