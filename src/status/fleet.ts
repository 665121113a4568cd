import { assertNever } from "../base/assert-never.ts";
import { type Credit, costOf, earned, freshCredit, returned, spent } from "./fleet-credit.ts";
import { atOf, bytesOf, ofSite, payloadOf, textOf } from "./fleet-payload.ts";
import { specOf } from "./topics.ts";
import type { SiteMessage } from "./types.ts";

/**
 * What other sites on the broker say of themselves. Everything here was written by somebody else. Invariants: at most
 * `MAX_SITES` sites with `MAX_TOPICS` topics each, `MAX_SITE_BYTES` of one and `MAX_BYTES` of all; nothing is decoded
 * or parsed that has not been paid for; only what the registry of topics knows and finds in form is kept; no control
 * characters; our own site never appears.
 */
export interface FleetState {
  readonly sites: ReadonlyMap<string, SiteRecord>;
  readonly counts: FleetCounts;
  /** What sites that are not known may send, all of them together. */
  readonly strangers: Credit;
}

/** A retained payload, and the bytes that it takes. */
export interface Kept {
  readonly payload: unknown;
  readonly bytes: number;
}

export interface SiteRecord {
  /** Retained payloads by topic. */
  readonly topics: ReadonlyMap<string, Kept>;
  /** Of all of them. */
  readonly bytes: number;
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
  readonly credit: Credit;
}

/** Messages that were left out. */
export interface FleetCounts {
  /** No topic of ours, not in form, too long. */
  readonly invalid: number;
  /** Too many sites, topics or bytes. */
  readonly crowded: number;
  /** More than a site may send, or all that are not known. */
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

/** Times are monotonic but `wallMs`, Unix time. */
export type FleetInput =
  | {
      readonly type: "message";
      readonly topic: string;
      readonly payload: Uint8Array;
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
/** What may be kept of one site and of all, bytes as the page gets it. A site with 16 lines takes about 20 KB. */
export const MAX_SITE_BYTES = 131_072;
export const MAX_BYTES = 1_048_576;
const MISSED = 3;
/** As the configuration allows (status.heartbeatSeconds), ms. */
const MOST_MS = 600_000;
/** Of no use to a page of other sites, and requests and answers are nobody's but theirs. */
const PRIVATE = /^(?:request|response)\/|^guard\/bans$/;
const SITE = /^[A-Za-z0-9_-]{1,64}$/;
/** Below a site: one to four levels. */
const TOPIC = /^[A-Za-z0-9_-]{1,64}(?:\/[A-Za-z0-9_-]{1,64}){0,3}$/;

export const noFleet: FleetState = {
  sites: new Map(),
  counts: { invalid: 0, crowded: 0, hurried: 0 },
  strangers: freshCredit(0),
};

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
    [...record.topics].map(([topic, { payload }]) => told(site, topic, payload, record)),
  );
}

type Taken = Extract<FleetInput, { type: "message" }>;

/** What is known of a message before it is read. */
interface Place {
  readonly site: string;
  readonly topic: string;
}

function take(state: FleetState, input: Taken, rules: FleetRules): FleetStep {
  const place = placeOf(rules.base, input.topic);
  if (place === null) return left(state, "invalid");
  if (place.site === rules.ownSite || PRIVATE.test(place.topic)) return { state, messages: [] };
  // Reading is what costs: whoever floods pays first, in its own name or from what all unknown names have together.
  const known = state.sites.get(place.site);
  const cost = costOf(input.payload.byteLength);
  const credit = spent(known?.credit ?? state.strangers, cost, input.nowMs);
  if (credit === null) return left(state, "hurried");
  if (known === undefined) {
    const first = { ...newSite(input.nowMs, rules), credit: earned(freshCredit(input.nowMs), input.nowMs, -cost) };
    return read({ ...state, strangers: credit }, first, place, input, rules);
  }
  const paid = { ...known, credit };
  const sites = new Map(state.sites).set(place.site, paid);
  return read({ ...state, sites }, paid, place, input, rules);
}

/** A message that has been paid for. `before`: its site, new or as it is in the state. */
function read(
  state: FleetState,
  before: SiteRecord,
  { site, topic }: Place,
  input: Taken,
  rules: FleetRules,
): FleetStep {
  const spec = rules.check(topic);
  if (spec === null) return left(state, "invalid");
  // A retained message that is deleted: an alert that is over, a line that is no more.
  const deleted = input.payload.byteLength === 0;
  const payload = deleted ? null : payloadOf(topic, textOf(input.payload));
  if (payload === undefined) return left(state, "invalid");
  if (!deleted && (!spec.valid(payload) || !ofSite(site, topic, payload))) return left(state, "invalid");
  if (deleted && !before.topics.has(topic)) return { state, messages: [] };
  // An event alone makes no site: nothing would say when it is gone.
  if (!spec.retain && !state.sites.has(site)) return { state, messages: [] };
  const topics = new Map(before.topics);
  let { bytes } = before;
  if (deleted || spec.retain) bytes -= topics.get(topic)?.bytes ?? 0;
  if (deleted) topics.delete(topic);
  else if (spec.retain) {
    const kept = { payload, bytes: bytesOf(site, topic, payload) };
    topics.set(topic, kept);
    bytes += kept.bytes;
  }
  // What makes nothing larger is never turned away.
  const grown = bytes > before.bytes || topics.size > before.topics.size;
  if (grown && (topics.size > MAX_TOPICS || bytes > MAX_SITE_BYTES)) return left(state, "crowded");
  const made = grown ? withRoom(state, site, bytes, input.nowMs) : state;
  if (made === null) return left(state, "crowded");
  const record = heard({ ...before, topics, bytes }, topic, payload, input, rules.heartbeatMs);
  const next =
    topics.size === 0
      ? without(made, site, record, input.nowMs)
      : { ...made, sites: new Map(made.sites).set(site, record) };
  const said = topic === "availability" || before.stale === record.stale ? [] : availability(site, record);
  const message = { ...told(site, topic, payload, record), retain: deleted || spec.retain };
  return { state: next, messages: [message, ...said] };
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

/** With room for a site of so many bytes: whoever has been stale longest makes it. Null when nobody is left to. */
function withRoom(state: FleetState, site: string, bytes: number, nowMs: number): FleetState | null {
  const others = [...state.sites].filter(([name]) => name !== site);
  const stale = others.filter(([, { stale }]) => stale).sort(([, a], [, b]) => a.changedMs - b.changedMs);
  let count = others.length;
  let total = others.reduce((sum, [, record]) => sum + record.bytes, bytes);
  let made = state;
  for (const [oldest, record] of stale) {
    if (count < MAX_SITES && total <= MAX_BYTES) break;
    made = without(made, oldest, record, nowMs);
    count -= 1;
    total -= record.bytes;
  }
  return count < MAX_SITES && total <= MAX_BYTES ? made : null;
}

/** What a site that goes has used is used: or whoever comes and goes would have a new credit each time. */
function without(state: FleetState, site: string, { credit }: SiteRecord, nowMs: number): FleetState {
  const sites = new Map(state.sites);
  sites.delete(site);
  return { ...state, sites, strangers: returned(state.strangers, credit, nowMs) };
}

function newSite(nowMs: number, { heartbeatMs }: FleetRules): SiteRecord {
  const never = { topics: new Map(), bytes: 0, online: false, stale: true, heardMs: null, beatMs: null };
  return { ...never, intervalMs: heartbeatMs, changedMs: nowMs, credit: freshCredit(nowMs) };
}

function availability(site: string, record: SiteRecord): readonly SiteMessage[] {
  const said = record.topics.get("availability");
  return said === undefined ? [] : [told(site, "availability", said.payload, record)];
}

function told(site: string, topic: string, payload: unknown, record: SiteRecord): SiteMessage {
  const stale = topic === "availability" && payload !== null && record.stale;
  return { site, topic, payload: stale ? "offline" : payload, retain: true };
}

function left(state: FleetState, why: keyof FleetCounts): FleetStep {
  return { state: { ...state, counts: { ...state.counts, [why]: state.counts[why] + 1 } }, messages: [] };
}
