import { assertNever } from "../base/assert-never.ts";
import { specOf } from "./topics.ts";
import type { SiteMessage } from "./types.ts";

/**
 * What other sites on the broker say of themselves. Everything here was written by somebody else. Invariants: at most
 * `MAX_SITES` sites with `MAX_TOPICS` topics each; only what the registry of topics knows and finds in form is kept;
 * no control characters; our own site never appears.
 */
export interface FleetState {
  readonly sites: ReadonlyMap<string, SiteRecord>;
  readonly counts: FleetCounts;
}

export interface SiteRecord {
  /** Retained payloads by topic. */
  readonly topics: ReadonlyMap<string, unknown>;
  /** What its availability says. */
  readonly online: boolean;
  /** No heartbeat for three of its intervals, or it is offline. */
  readonly stale: boolean;
  /** When its last sign of life came, by our clock; null: none that is known to be new. */
  readonly heardMs: number | null;
  /** When the last heartbeat came since its birth; null: none yet. */
  readonly beatMs: number | null;
  /** Between its heartbeats, ms. */
  readonly intervalMs: number;
  /** When it was last heard of, or became stale. */
  readonly changedMs: number;
  /** How many more messages it may send at `creditAtMs`. */
  readonly credit: number;
  readonly creditAtMs: number;
}

/** Messages that were left out. */
export interface FleetCounts {
  /** No topic of ours, not in form, too long. */
  readonly invalid: number;
  /** Too many sites or topics. */
  readonly crowded: number;
  /** More than a site may send. */
  readonly hurried: number;
}

/** What the registry of topics says of one: null for a topic that is not there, or is not for the fleet. */
export type TopicCheck = (topic: string) => { readonly retain: boolean; valid(payload: unknown): boolean } | null;

/** By the gateway's own registry of topics: all sites speak the same. */
export const registered: TopicCheck = (topic) => {
  const spec = specOf(topic);
  if (spec === undefined) return null;
  return { retain: spec.retained, valid: (payload) => spec.schema.safeParse(payload).success };
};

export interface FleetRules {
  readonly base: string;
  readonly ownSite: string;
  /** How often we send heartbeats ourselves, ms: others too, until two of theirs have come. */
  readonly heartbeatMs: number;
  readonly check: TopicCheck;
}

/** Times are monotonic but `wallMs`, Unix time. `text` null: it was no UTF-8, or too long. */
export type FleetInput =
  | {
      readonly type: "message";
      readonly topic: string;
      readonly text: string | null;
      readonly retained: boolean;
      readonly nowMs: number;
      readonly wallMs: number;
    }
  | { readonly type: "look"; readonly nowMs: number };

export interface FleetStep {
  readonly state: FleetState;
  /** What a page has to be told. A stale site's `availability` is `offline`, whatever the broker keeps. */
  readonly messages: readonly SiteMessage[];
}

export const MAX_SITES = 32;
export const MAX_TOPICS = 200;
/** Longest payload, characters. */
export const MAX_TEXT = 16_384;
/** Messages of one site at once, and in a second for long. A site's retained ones come all at once. */
const BURST = 400;
const PER_SECOND = 50;
const MISSED = 3;
/** As the configuration allows (status.heartbeatSeconds), ms. */
const MOST_MS = 600_000;
/** Of no use to a page of other sites, and requests and answers are nobody's but theirs. */
const PRIVATE = /^(?:request|response)\/|^guard\/bans$/;
const SITE = /^[A-Za-z0-9_-]{1,64}$/;
/** Below a site: one to four levels. */
const TOPIC = /^[A-Za-z0-9_-]{1,64}(?:\/[A-Za-z0-9_-]{1,64}){0,3}$/;
/** Controls (C0, DEL, C1), line separators, and what turns the direction of text round. */
const HOSTILE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

export const noFleet: FleetState = { sites: new Map(), counts: { invalid: 0, crowded: 0, hurried: 0 } };

/** What to subscribe to for all sites. */
export function fleetFilter(base: string): string {
  return `${base}/+/#`;
}

/** Site and topic below it; null when it is none of ours. */
export function placeOf(base: string, topic: string): { readonly site: string; readonly topic: string } | null {
  if (!topic.startsWith(`${base}/`)) return null;
  const end = topic.indexOf("/", base.length + 1);
  if (end < 0) return null;
  const site = topic.slice(base.length + 1, end);
  const below = topic.slice(end + 1);
  return SITE.test(site) && TOPIC.test(below) ? { site, topic: below } : null;
}

export function step(state: FleetState, input: FleetInput, rules: FleetRules): FleetStep {
  switch (input.type) {
    case "message":
      return take(state, input, rules);
    case "look":
      return look(state, input.nowMs);
    default:
      return assertNever(input);
  }
}

/** Everything that is retained, site by site. */
export function snapshotOf({ sites }: FleetState): readonly SiteMessage[] {
  return [...sites].flatMap(([site, record]) =>
    [...record.topics].map(([topic, payload]) => told(site, topic, payload, record)),
  );
}

type Taken = Extract<FleetInput, { type: "message" }>;

function take(state: FleetState, input: Taken, rules: FleetRules): FleetStep {
  const place = placeOf(rules.base, input.topic);
  if (place === null) return left(state, "invalid");
  const { site, topic } = place;
  if (site === rules.ownSite || PRIVATE.test(topic)) return { state, messages: [] };
  const known = state.sites.get(site);
  // A retained message that is deleted: an alert that is over, a line that is no more.
  const deleted = input.text === "";
  const spec = rules.check(topic);
  const payload = deleted ? null : payloadOf(topic, input.text);
  if (spec === null || payload === undefined) return left(state, "invalid");
  if (!deleted && (!spec.valid(payload) || !ofSite(site, topic, payload))) return left(state, "invalid");
  if (deleted && known?.topics.has(topic) !== true) return { state, messages: [] };
  // An event alone makes no site: nothing would say when it is gone.
  if (!spec.retain && known === undefined) return { state, messages: [] };
  const before = known ?? newSite(input.nowMs, rules);
  const credit = Math.min(BURST, before.credit + ((input.nowMs - before.creditAtMs) * PER_SECOND) / 1_000);
  if (credit < 1) return left(state, "hurried");
  const topics = new Map(before.topics);
  if (deleted) topics.delete(topic);
  else if (spec.retain) topics.set(topic, payload);
  const sites = known === undefined ? withRoom(state.sites) : new Map(state.sites);
  if (sites === null || topics.size > MAX_TOPICS) return left(state, "crowded");
  const paid = { ...before, topics, credit: credit - 1, creditAtMs: input.nowMs };
  const record = heard(paid, topic, payload, input, rules.heartbeatMs);
  if (topics.size === 0) sites.delete(site);
  else sites.set(site, record);
  const said = topic === "availability" || before.stale === record.stale ? [] : availability(site, record);
  const message = { ...told(site, topic, payload, record), retain: deleted || spec.retain };
  return { state: { ...state, sites }, messages: [message, ...said] };
}

/** What availability and heartbeats say of whether the site is there. */
function heard(record: SiteRecord, topic: string, payload: unknown, input: Taken, heartbeatMs: number): SiteRecord {
  const { nowMs, wallMs, retained } = input;
  if (topic === "availability") {
    const online = payload === "online";
    // A birth is a sign of life too; one that the broker kept is not.
    const heardMs = online && !retained ? nowMs : record.heardMs;
    return judged({ ...record, online, heardMs: online ? heardMs : null, beatMs: null }, nowMs);
  }
  if (topic !== "heartbeat") return record;
  if (payload === null) return judged({ ...record, heardMs: null, beatMs: null }, nowMs);
  const age = wallMs - atOf(payload);
  // Clocks of sites may differ: only of a kept heartbeat is the time that it says asked.
  if (retained) return judged({ ...record, heardMs: age >= 0 && age < MOST_MS ? nowMs - age : null }, nowMs);
  // It may send less often than we do. One that sends more often is not missed sooner: a new connection repeats some.
  const gap = record.beatMs === null ? record.intervalMs : nowMs - record.beatMs;
  const intervalMs = Math.min(MOST_MS, Math.max(heartbeatMs, gap));
  return judged({ ...record, heardMs: nowMs, beatMs: nowMs, intervalMs }, nowMs);
}

function judged(record: SiteRecord, nowMs: number): SiteRecord {
  const silent = record.heardMs === null || nowMs - record.heardMs > MISSED * record.intervalMs;
  const stale = !record.online || silent;
  return stale === record.stale ? record : { ...record, stale, changedMs: nowMs };
}

function look(state: FleetState, nowMs: number): FleetStep {
  const messages: SiteMessage[] = [];
  const sites = new Map(state.sites);
  for (const [site, before] of sites) {
    const record = judged(before, nowMs);
    if (record === before) continue;
    sites.set(site, record);
    messages.push(...availability(site, record));
  }
  return { state: messages.length === 0 ? state : { ...state, sites }, messages };
}

/** With room for one more: the site that has been stale longest makes it. Null when all are there. */
function withRoom(all: ReadonlyMap<string, SiteRecord>): Map<string, SiteRecord> | null {
  const sites = new Map(all);
  if (sites.size < MAX_SITES) return sites;
  const stale = [...sites].filter(([, record]) => record.stale).sort(([, a], [, b]) => a.changedMs - b.changedMs);
  const [oldest] = stale[0] ?? [];
  if (oldest === undefined) return null;
  sites.delete(oldest);
  return sites;
}

function newSite(nowMs: number, { heartbeatMs }: FleetRules): SiteRecord {
  const never = { topics: new Map(), online: false, stale: true, heardMs: null, beatMs: null };
  return { ...never, intervalMs: heartbeatMs, changedMs: nowMs, credit: BURST, creditAtMs: nowMs };
}

/** Undefined when it is no payload that anybody could take. */
function payloadOf(topic: string, text: string | null): unknown {
  if (text === null || text.length > MAX_TEXT) return undefined;
  if (topic === "availability") return text;
  try {
    const payload: unknown = JSON.parse(text, (key, value: unknown) => {
      if (HOSTILE.test(key) || (typeof value === "string" && HOSTILE.test(value))) throw new Error("hostile text");
      return value;
    });
    return payload;
  } catch {
    return undefined;
  }
}

/** A site may not speak in another's name. */
function ofSite(site: string, topic: string, payload: unknown): boolean {
  return topic !== "gateway" || (payload as { readonly site?: unknown }).site === site;
}

function atOf(payload: unknown): number {
  const { atMs } = payload as { readonly atMs?: unknown };
  return typeof atMs === "number" ? atMs : 0;
}

function availability(site: string, record: SiteRecord): readonly SiteMessage[] {
  const said = record.topics.get("availability");
  return said === undefined ? [] : [told(site, "availability", said, record)];
}

function told(site: string, topic: string, payload: unknown, record: SiteRecord): SiteMessage {
  const stale = topic === "availability" && payload !== null && record.stale;
  return { site, topic, payload: stale ? "offline" : payload, retain: true };
}

function left(state: FleetState, why: keyof FleetCounts): FleetStep {
  return { state: { ...state, counts: { ...state.counts, [why]: state.counts[why] + 1 } }, messages: [] };
}
