import type { Limits } from "../config/schema.ts";

/** The window over which calls are counted: the last hour, sliding, ms. */
export const LIMIT_WINDOW_MS = 3_600_000;

/** Who makes a call: a PAX line, or an account or trunk that brings calls to the PAX. */
export interface CallSource {
  readonly kind: "line" | "account" | "trunk";
  readonly name: string;
}

/**
 * When each source's admitted calls of the last hour began, oldest first. Refused and emergency calls are not kept,
 * so a source never holds more entries than its limit, and sources without a call in the last hour are dropped.
 */
export type LimitState = ReadonlyMap<string, readonly number[]>;

export const noCalls: LimitState = new Map();

export interface CallAttempt {
  readonly source: CallSource;
  /** The number is marked as an emergency's: no limit blocks it, and it uses up nobody's limit. */
  readonly emergency: boolean;
  /** Monotonic time, ms. */
  readonly atMs: number;
}

export type LimitVerdict =
  | { readonly admitted: true }
  /** `retryAtMs`: when the next call of this source will be admitted. */
  | { readonly admitted: false; readonly reason: "calls-per-hour"; readonly limit: number; readonly retryAtMs: number };

/** Admits a call or not. Time and limits are arguments, so a changed limit counts from the next call on. */
export function admitCall(
  state: LimitState,
  attempt: CallAttempt,
  limits: Limits,
): { readonly state: LimitState; readonly verdict: LimitVerdict } {
  const recent = forgetOld(state, attempt.atMs);
  if (attempt.emergency) return { state: recent, verdict: { admitted: true } };
  const key = `${attempt.source.kind}:${attempt.source.name}`;
  const limit = attempt.source.kind === "line" ? limits.callsPerHourPerLine : limits.callsPerHourPerAccount;
  const calls = recent.get(key) ?? [];
  if (calls.length >= limit) {
    // With the limit lowered since, more than the oldest call must fall out of the window.
    const blocking = calls[calls.length - limit] ?? attempt.atMs;
    const verdict: LimitVerdict = {
      admitted: false,
      reason: "calls-per-hour",
      limit,
      retryAtMs: blocking + LIMIT_WINDOW_MS,
    };
    return { state: recent, verdict };
  }
  return { state: new Map(recent).set(key, [...calls, attempt.atMs]), verdict: { admitted: true } };
}

/** How long a call may last, ms; null without a limit (an emergency's number). */
export function longestCallMs(limits: Limits, emergency: boolean): number | null {
  return emergency ? null : limits.callMinutes * 60_000;
}

function forgetOld(state: LimitState, nowMs: number): LimitState {
  const kept = new Map<string, readonly number[]>();
  for (const [key, calls] of state) {
    const recent = calls.filter((atMs) => nowMs - atMs < LIMIT_WINDOW_MS);
    if (recent.length > 0) kept.set(key, recent);
  }
  return kept;
}
