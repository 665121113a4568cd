import { assertNever } from "../base/assert-never.ts";
import type { TrialView } from "./control.ts";
import type { TrialMemory } from "./trial-memory.ts";
import type { FirewallPolicy } from "./types.ts";

/**
 * Confirm or revert: a changed firewall must not lock out whoever changed it. Invariants:
 * - the policy in force is the configured one, or, once a trial has failed, the one confirmed before it;
 * - only `confirm`, the lack of anybody to lock out when the change comes, or a configuration that says "never" makes
 *   a changed policy the confirmed one. The first policy ever is confirmed by itself: there is none to go back to;
 * - a trial goes on over restarts with the time that it had left, and never gains any. That nobody is connected any
 *   more ends no trial: it is what a lock-out looks like;
 * - within a run only the monotonic clock counts. A wall clock that jumped ahead over a restart ends the trial, which
 *   is the safe side; one that jumped back leaves it what was left when it was last stored.
 */
export type TrialState =
  /** Nothing is known yet, nothing is in force. */
  | { readonly name: "empty" }
  | { readonly name: "confirmed"; readonly confirmed: FirewallPolicy }
  | {
      readonly name: "on-trial";
      readonly confirmed: FirewallPolicy;
      readonly policy: FirewallPolicy;
      /** Monotonic, ms. */
      readonly endsMs: number;
    }
  | {
      readonly name: "reverted";
      readonly confirmed: FirewallPolicy;
      /** What is configured and not in force. */
      readonly policy: FirewallPolicy;
      readonly sinceUnixMs: number;
    };

/** The two clocks, ms. */
export interface Moment {
  readonly monotonicMs: number;
  readonly unixMs: number;
}

export type TrialInput =
  /** What an earlier run has stored; heard in `empty` only. `configured` must follow. */
  | { readonly type: "loaded"; readonly memory: TrialMemory }
  /** The configuration's policy, at the start and whenever it changes. */
  | {
      readonly type: "configured";
      readonly policy: FirewallPolicy;
      /** Length of a trial, s; 0: changes are never on trial. */
      readonly confirmSeconds: number;
      /** Whether somebody is connected whom the change could lock out. Say true when it cannot be known. */
      readonly operatorConnected: boolean;
    }
  | { readonly type: "confirm" }
  /** The time that `wake` asked for, or any other. */
  | { readonly type: "time" };

/** To be performed in this order: what is stored first is right whenever the power goes. */
export type TrialEffect =
  | { readonly type: "store"; readonly memory: TrialMemory }
  | { readonly type: "enforce"; readonly policy: FirewallPolicy }
  /** Send `time` at this monotonic time, ms; null: no more. Takes the place of an earlier one. */
  | { readonly type: "wake"; readonly atMs: number | null }
  /** What people must know; null: nothing any more. */
  | { readonly type: "alert"; readonly text: string | null };

export interface TrialStep {
  readonly state: TrialState;
  readonly effects: readonly TrialEffect[];
}

export const emptyTrial: TrialState = { name: "empty" };

export function stepTrial(state: TrialState, input: TrialInput, now: Moment): TrialStep {
  switch (input.type) {
    case "loaded":
      return { state: state.name === "empty" ? recall(input.memory, now) : state, effects: [] };
    case "configured":
      return enter(configured(state, input, now), now);
    case "confirm":
      if (state.name !== "on-trial" && state.name !== "reverted") return { state, effects: [] };
      return enter({ name: "confirmed", confirmed: state.policy }, now);
    case "time":
      if (state.name !== "on-trial" || now.monotonicMs < state.endsMs) return { state, effects: [] };
      return enter(reverted(state, now), now);
    default:
      return assertNever(input);
  }
}

/** The policy that has to be in the kernel; null before the configuration is known. */
export function policyInForce(state: TrialState): FirewallPolicy | null {
  if (state.name === "empty") return null;
  return state.name === "on-trial" ? state.policy : state.confirmed;
}

/** For people and for the status. */
export function trialView(state: TrialState, now: Moment): TrialView {
  switch (state.name) {
    case "empty":
    case "confirmed":
      return { state: "confirmed" };
    case "on-trial": {
      const endsInS = Math.max(0, Math.ceil((state.endsMs - now.monotonicMs) / 1000));
      return { state: "on-trial", endsInS, changes: changesBetween(state.confirmed, state.policy) };
    }
    case "reverted": {
      const changes = changesBetween(state.confirmed, state.policy);
      return { state: "reverted", sinceMs: state.sinceUnixMs, changes };
    }
    default:
      return assertNever(state);
  }
}

/** Paths of what differs, such as `lists.operators`; a list differs as a whole. Sorted; empty when nothing does. */
export function changesBetween(one: FirewallPolicy, other: FirewallPolicy): readonly string[] {
  return differences(one, other, "").sort();
}

function configured(
  state: TrialState,
  { policy, confirmSeconds, operatorConnected }: Extract<TrialInput, { type: "configured" }>,
  now: Moment,
): TrialState {
  const confirmed: TrialState = { name: "confirmed", confirmed: policy };
  if (state.name === "empty" || confirmSeconds <= 0 || same(policy, state.confirmed)) return confirmed;
  if (state.name !== "confirmed" && same(policy, state.policy)) {
    // Not a change, but the one that is being tried, or was: a restart confirms nothing.
    return state.name === "on-trial" && now.monotonicMs >= state.endsMs ? reverted(state, now) : state;
  }
  if (!operatorConnected) return confirmed;
  const endsMs = now.monotonicMs + confirmSeconds * 1000;
  return { name: "on-trial", confirmed: state.confirmed, policy, endsMs };
}

function reverted({ confirmed, policy }: Extract<TrialState, { name: "on-trial" }>, now: Moment): TrialState {
  return { name: "reverted", confirmed, policy, sinceUnixMs: now.unixMs };
}

function recall({ confirmed, pending }: TrialMemory, now: Moment): TrialState {
  if (pending === null) return { name: "confirmed", confirmed };
  const { policy } = pending;
  if (pending.kind === "reverted") return { name: "reverted", confirmed, policy, sinceUnixMs: pending.sinceMs };
  const passedMs = Math.max(0, now.unixMs - pending.atMs);
  const leftMs = Math.max(0, pending.leftMs - passedMs);
  return { name: "on-trial", confirmed, policy, endsMs: now.monotonicMs + leftMs };
}

/** A state with all that follows from it: said again on every way into it, so that nothing of another one lasts. */
function enter(state: TrialState, now: Moment): TrialStep {
  const policy = policyInForce(state);
  if (state.name === "empty" || policy === null) return { state, effects: [] };
  const effects: TrialEffect[] = [
    { type: "store", memory: memoryOf(state, now) },
    { type: "enforce", policy },
    { type: "wake", atMs: state.name === "on-trial" ? state.endsMs : null },
    { type: "alert", text: alertOf(state) },
  ];
  return { state, effects };
}

function memoryOf(state: Exclude<TrialState, { name: "empty" }>, now: Moment): TrialMemory {
  const { confirmed } = state;
  if (state.name === "confirmed") return { version: 1, confirmed, pending: null };
  const { policy } = state;
  if (state.name === "reverted") {
    return { version: 1, confirmed, pending: { kind: "reverted", policy, sinceMs: state.sinceUnixMs } };
  }
  const leftMs = Math.max(0, state.endsMs - now.monotonicMs);
  return { version: 1, confirmed, pending: { kind: "on-trial", policy, leftMs, atMs: now.unixMs } };
}

function alertOf(state: Exclude<TrialState, { name: "empty" }>): string | null {
  if (state.name === "confirmed") return null;
  const what = `the change of the firewall (${changesBetween(state.confirmed, state.policy).join(", ")})`;
  const how = 'confirm it with "paxgate firewall confirm"';
  if (state.name === "on-trial") return `${what} is on trial: ${how}, or it is taken back`;
  return `${what} was not confirmed in time and is not in force: ${how}, or change the configuration`;
}

function same(one: FirewallPolicy, other: FirewallPolicy): boolean {
  return changesBetween(one, other).length === 0;
}

function differences(one: unknown, other: unknown, path: string): string[] {
  if (!isGroup(one) || !isGroup(other)) return canonical(one) === canonical(other) ? [] : [path];
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].flatMap((key) => differences(one[key], other[key], path === "" ? key : `${path}.${key}`));
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The same text for the same value, in whatever order its keys were written. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_, part: unknown) =>
      isGroup(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
    ) ?? ""
  );
}
