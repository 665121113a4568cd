import { assertNever } from "../base/assert-never.ts";
import type { Limits } from "../config/schema.ts";

/** The window over which calls are counted: the last hour, sliding, ms. */
export const LIMIT_WINDOW_MS = 3_600_000;

/** Who makes a call: a PAX line, an account, or somebody on the event network, who comes through a trunk. */
export type CallSource =
  | { readonly kind: "line" | "account"; readonly name: string }
  /** `caller` as the network gives it: empty for those who withhold it, who share one limit. Not to be trusted. */
  | { readonly kind: "trunk"; readonly name: string; readonly caller: string };

interface CountedCall {
  readonly atMs: number;
  /** Empty except through a trunk. */
  readonly caller: string;
}

/**
 * Admitted calls of the last hour of each line, account and trunk, oldest first. Refused and emergency calls are not
 * kept, so a list is never longer than its line's, account's or trunk's limit, however many caller numbers somebody
 * makes up; and what has not been used for an hour is dropped.
 */
export type LimitState = ReadonlyMap<string, readonly CountedCall[]>;

export const noCalls: LimitState = new Map();

export interface CallAttempt {
  readonly source: CallSource;
  /** The number is marked as an emergency's: no limit here blocks it, and it uses up nobody's limit. */
  readonly emergency: boolean;
  /** Monotonic time, ms. */
  readonly atMs: number;
}

export type LimitVerdict =
  | { readonly admitted: true }
  | {
      readonly admitted: false;
      readonly reason: "calls-per-hour";
      /** Whose limit is used up: `caller` is one number's through a trunk, `trunk` that of all of them together. */
      readonly of: "line" | "account" | "caller" | "trunk";
      readonly limit: number;
      /** When the next call of this source will be admitted. */
      readonly retryAtMs: number;
    };

/** Admits a call or not. Time and limits are arguments, so a changed limit counts from the next call on. */
export function admitCall(
  state: LimitState,
  attempt: CallAttempt,
  limits: Limits,
): { readonly state: LimitState; readonly verdict: LimitVerdict } {
  const recent = forgetOld(state, attempt.atMs);
  if (attempt.emergency) return { state: recent, verdict: { admitted: true } };
  const { source, atMs } = attempt;
  const key = `${source.kind}:${source.name}`;
  const calls = recent.get(key) ?? [];
  const caller = source.kind === "trunk" ? source.caller : "";
  const verdict = judge(source.kind, calls, caller, attempt.atMs, limits);
  if (!verdict.admitted) return { state: recent, verdict };
  return { state: new Map(recent).set(key, [...calls, { atMs, caller }]), verdict };
}

function judge(
  kind: CallSource["kind"],
  calls: readonly CountedCall[],
  caller: string,
  atMs: number,
  limits: Limits,
): LimitVerdict {
  switch (kind) {
    case "line":
      return within(calls, "line", limits.callsPerHourPerLine, atMs);
    case "account":
      return within(calls, "account", limits.callsPerHourPerAccount, atMs);
    case "trunk": {
      const all = within(calls, "trunk", limits.callsPerHourPerTrunk, atMs);
      if (!all.admitted) return all;
      // One caller must not be able to keep everybody else from the PAX.
      const his = calls.filter((call) => call.caller === caller);
      return within(his, "caller", limits.callsPerHourPerAccount, atMs);
    }
    default:
      return assertNever(kind);
  }
}

function within(
  calls: readonly CountedCall[],
  of: "line" | "account" | "caller" | "trunk",
  limit: number,
  atMs: number,
): LimitVerdict {
  if (calls.length < limit) return { admitted: true };
  // With the limit lowered since, more than the oldest call must fall out of the window.
  const blocking = calls[calls.length - limit]?.atMs ?? atMs;
  return { admitted: false, reason: "calls-per-hour", of, limit, retryAtMs: blocking + LIMIT_WINDOW_MS };
}

/** How long a call may last, ms; null without a limit (an emergency's number). */
export function longestCallMs(limits: Limits, emergency: boolean): number | null {
  return emergency ? null : limits.callMinutes * 60_000;
}

function forgetOld(state: LimitState, nowMs: number): LimitState {
  const kept = new Map<string, readonly CountedCall[]>();
  for (const [key, calls] of state) {
    const recent = calls.filter(({ atMs }) => nowMs - atMs < LIMIT_WINDOW_MS);
    if (recent.length > 0) kept.set(key, recent);
  }
  return kept;
}
