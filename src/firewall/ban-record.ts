import { type BanState, MAX_BAN_MS, MAX_SOURCES, noBans, REMEMBER_MS, type SourceRecord } from "./bans.ts";
import { sourceOf } from "./evidence.ts";
import type { Ban, BanReason } from "./types.ts";

/** Bans as they are kept over restarts. Version 1: each source with its failures and its last ban. */

const VERSION = 1;
const REASONS: readonly BanReason[] = ["logins", "operator", "fleet"];
const MAX_FAILURES = 100;
const MAX_COUNT = 1_000_000;

/** Plain data for the state file. */
export function writeBans(state: BanState): unknown {
  const sources = [...state.sources].map(([source, { failures, ban }]) => ({ source, failures, ban }));
  return { version: VERSION, sources };
}

export interface ReadBans {
  readonly state: BanState;
  /** Entries, or the whole, that were not in form and are left out. */
  readonly refused: number;
}

/**
 * Bans from what was stored, which may be anything. A ban that is over is kept only for its count. A clock that was set
 * back makes no ban longer: none ends later than its own length from now.
 */
export function readBans(stored: unknown, atMs: number): ReadBans {
  if (stored === null) return { state: noBans, refused: 0 };
  if (!isRecord(stored) || stored["version"] !== VERSION || !Array.isArray(stored["sources"])) {
    return { state: noBans, refused: 1 };
  }
  const sources = new Map<string, SourceRecord>();
  let refused = 0;
  for (const entry of stored["sources"].slice(0, MAX_SOURCES)) {
    const read = readEntry(entry, atMs);
    if (read === null || sources.has(read.source)) refused++;
    else if (read.record.ban !== null || read.record.failures.length > 0) sources.set(read.source, read.record);
  }
  return { state: { sources }, refused: refused + Math.max(0, stored["sources"].length - MAX_SOURCES) };
}

/** Seconds for which a source is still to be banned; null when it is not. */
export function remaining(state: BanState, source: string, atMs: number): number | null {
  const untilMs = state.sources.get(source)?.ban?.untilMs ?? 0;
  return untilMs > atMs ? Math.ceil((untilMs - atMs) / 1000) : null;
}

function readEntry(entry: unknown, atMs: number): { source: string; record: SourceRecord } | null {
  if (!isRecord(entry)) return null;
  const { source, failures, ban } = entry;
  if (typeof source !== "string" || sourceOf(source) !== source) return null;
  if (!Array.isArray(failures) || failures.length > MAX_FAILURES || !failures.every(isTime)) return null;
  const past = failures.filter((each) => each <= atMs).sort((a, b) => a - b);
  if (ban === null) return { source, record: { failures: past, ban: null } };
  const read = readBan(ban, source, atMs);
  return read === null ? null : { source, record: { failures: past, ban: read === "forgotten" ? null : read } };
}

function readBan(ban: unknown, source: string, atMs: number): Ban | "forgotten" | null {
  if (!isRecord(ban) || ban["source"] !== source) return null;
  const { count, sinceMs, untilMs } = ban;
  const reason = REASONS.find((each) => each === ban["reason"]);
  if (reason === undefined || !isTime(sinceMs) || !isTime(untilMs)) return null;
  const lengthMs = untilMs - sinceMs;
  if (!isTime(count) || count < 1 || count > MAX_COUNT || lengthMs < 0 || lengthMs > MAX_BAN_MS) return null;
  if (untilMs + REMEMBER_MS <= atMs) return "forgotten";
  return { source, reason, count, sinceMs: Math.min(sinceMs, atMs), untilMs: Math.min(untilMs, atMs + lengthMs) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A whole number that is not negative. */
function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
