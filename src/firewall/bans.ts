import { assertNever } from "../base/assert-never.ts";
import type { Ban, BanReason, OrderedReason } from "./types.ts";

/**
 * Policy of bans. Invariants: a trusted source is never banned, by whatever; a source has one ban at a time; each ban
 * of a source is at least as long as the one before; memory is bounded, whatever strangers do.
 *
 * A good login takes no failure back: somebody with one account could guess at the others for ever between his own
 * logins. A phone that is registered is trusted anyway. An operator's release forgets everything, the count as well:
 * the operator has judged.
 */
export interface BanState {
  readonly sources: ReadonlyMap<string, SourceRecord>;
}

/** What is known of one source. */
export interface SourceRecord {
  /** Times of failed logins, Unix time, ms, ascending; no more than make a ban. */
  readonly failures: readonly number[];
  /** Its ban, running or the last one. */
  readonly ban: Ban | null;
}

export interface BanLimits {
  /** Failed logins that make a ban. */
  readonly failures: number;
  readonly failureHours: number;
  /** Length of the first, second, ... ban. */
  readonly banMinutes: readonly number[];
}

/** Times are Unix time, ms. Sources are in the form of `sourceOf`. */
export type BanInput =
  | { readonly type: "failed"; readonly source: string; readonly times: number; readonly atMs: number }
  /** By command, ours or another gateway's; `seconds` null for as long as its next ban would be. */
  | {
      readonly type: "ban";
      readonly source: string;
      readonly reason: OrderedReason;
      readonly seconds: number | null;
      readonly atMs: number;
    }
  | { readonly type: "release"; readonly source: string; readonly atMs: number }
  /** Time has passed, or who is trusted has changed. */
  | { readonly type: "look"; readonly atMs: number };

export type BanEffect =
  | { readonly type: "ban"; readonly ban: Ban }
  | { readonly type: "release"; readonly ban: Ban; readonly why: ReleaseReason };

export type ReleaseReason = "expired" | "operator" | "trusted" | "evicted";

export interface BanStep {
  readonly state: BanState;
  readonly effects: readonly BanEffect[];
}

export interface BanRules {
  readonly limits: BanLimits;
  /** Trunks, operators, registered phones: whether any of them is, or lies in, the source. */
  trusted(source: string): boolean;
}

export const noBans: BanState = { sources: new Map() };

/** Sources that are remembered at most. */
export const MAX_SOURCES = 8_192;
/** How long a ban that has ended makes the next one longer. */
export const REMEMBER_MS = 30 * 86_400_000;
/** Longest ban by command: a year. */
export const MAX_BAN_MS = 365 * 86_400_000;

export function step(state: BanState, input: BanInput, rules: BanRules): BanStep {
  switch (input.type) {
    case "failed":
      return failed(state, input, rules);
    case "ban":
      if (rules.trusted(input.source)) return { state, effects: [] };
      return impose(state, input, input.reason, input.seconds, rules);
    case "release": {
      const ban = running(state, input);
      const sources = new Map(state.sources);
      sources.delete(input.source);
      return { state: { sources }, effects: ban === null ? [] : [{ type: "release", ban, why: "operator" }] };
    }
    case "look":
      return look(state, input.atMs, rules);
    default:
      return assertNever(input);
  }
}

/** Bans in force. */
export function bansAt(state: BanState, atMs: number): Ban[] {
  return [...state.sources.values()].flatMap(({ ban }) => (ban !== null && ban.untilMs > atMs ? [ban] : []));
}

/** When the next ban ends; null when none runs. */
export function nextEnd(state: BanState, atMs: number): number | null {
  const ends = bansAt(state, atMs).map((ban) => ban.untilMs);
  return ends.length === 0 ? null : ends.reduce((least, end) => Math.min(least, end));
}

function running(state: BanState, { source, atMs }: { readonly source: string; readonly atMs: number }): Ban | null {
  const ban = state.sources.get(source)?.ban ?? null;
  return ban !== null && ban.untilMs > atMs ? ban : null;
}

function failed(state: BanState, input: Extract<BanInput, { type: "failed" }>, rules: BanRules): BanStep {
  const { source, atMs } = input;
  // What still comes from a banned source was on its way before.
  if (input.times < 1 || rules.trusted(source) || running(state, input) !== null) return { state, effects: [] };
  const { failures: needed, failureHours } = rules.limits;
  const since = atMs - failureHours * 3_600_000;
  const record = state.sources.get(source);
  const before = (record?.failures ?? []).filter((each) => each > since && each <= atMs);
  const failures = [...before, ...Array.from({ length: Math.min(input.times, needed) }, () => atMs)];
  if (failures.length >= needed) return impose(state, input, "logins", null, rules);
  return keep(state, source, { failures, ban: record?.ban ?? null }, atMs);
}

function impose(
  state: BanState,
  { source, atMs }: { readonly source: string; readonly atMs: number },
  reason: BanReason,
  seconds: number | null,
  { limits }: BanRules,
): BanStep {
  const last = state.sources.get(source)?.ban ?? null;
  const count = (last !== null && last.untilMs + REMEMBER_MS > atMs ? last.count : 0) + 1;
  const minutes = limits.banMinutes[Math.min(count, limits.banMinutes.length) - 1] ?? 0;
  const lengthMs = Math.min(seconds === null ? minutes * 60_000 : seconds * 1000, MAX_BAN_MS);
  const ban: Ban = { source, reason, count, sinceMs: atMs, untilMs: atMs + lengthMs };
  const kept = keep(state, source, { failures: [], ban }, atMs);
  return { state: kept.state, effects: [...kept.effects, { type: "ban", ban }] };
}

function look(state: BanState, atMs: number, { limits, trusted }: BanRules): BanStep {
  const sources = new Map<string, SourceRecord>();
  const effects: BanEffect[] = [];
  const since = atMs - limits.failureHours * 3_600_000;
  for (const [source, { failures, ban }] of state.sources) {
    if (trusted(source)) {
      // Also one whose time is up: the kernel may count its own seconds otherwise.
      if (ban !== null) effects.push({ type: "release", ban, why: "trusted" });
      continue;
    }
    const kept = { failures: failures.filter((each) => each > since), ban };
    const remembered = ban !== null && ban.untilMs + REMEMBER_MS > atMs;
    if (remembered || kept.failures.length > 0) sources.set(source, remembered ? kept : { ...kept, ban: null });
  }
  return { state: { sources }, effects };
}

/** Stores a record; when there are too many, the sixteenth that matters least goes. */
function keep(state: BanState, source: string, record: SourceRecord, atMs: number): BanStep {
  const sources = new Map(state.sources);
  sources.set(source, record);
  if (sources.size <= MAX_SOURCES) return { state: { sources }, effects: [] };
  const others = [...sources].filter(([each]) => each !== source);
  const ranked = others.sort((a, b) => compare(a[1], b[1], atMs)).slice(0, MAX_SOURCES / 16);
  const effects = ranked.flatMap(([each, { ban }]): BanEffect[] => {
    sources.delete(each);
    return ban !== null && ban.untilMs > atMs ? [{ type: "release", ban, why: "evicted" }] : [];
  });
  return { state: { sources }, effects };
}

/** Which matters less: no ban, fewer bans, an earlier end, fewer failures, older ones. */
function compare(a: SourceRecord, b: SourceRecord, atMs: number): number {
  const weights = [a, b].map(({ failures, ban }) => [
    ban !== null && ban.untilMs > atMs ? 1 : 0,
    ban?.count ?? 0,
    ban?.untilMs ?? 0,
    failures.length,
    failures.at(-1) ?? 0,
  ]);
  const [left = [], right = []] = weights;
  const at = left.findIndex((weight, each) => weight !== right[each]);
  return at < 0 ? 0 : (left[at] ?? 0) - (right[at] ?? 0);
}
