import { assertNever } from "../base/assert-never.ts";

/**
 * One monitored contact, debounced. Invariants: a level counts when it has stood for `debounceMs` without a break; an
 * operation is counted when it becomes active, never when it is first seen or seen again after it was lost; what can't
 * be read is null, not "at rest".
 */

export interface ContactState {
  /** What counts; null: it can't be read. */
  readonly active: boolean | null;
  /** The level that waits to be believed, and since when (the clock's ms); null: the contact stands still. */
  readonly candidate: { readonly active: boolean; readonly dueMs: number } | null;
  /** Why it can't be read. */
  readonly fault: string | null;
}

export type ContactInput =
  /** It has been opened, and this is how it stands. */
  | { readonly type: "opened"; readonly active: boolean }
  /** A change, bounces too. */
  | { readonly type: "level"; readonly active: boolean }
  | { readonly type: "due" }
  | { readonly type: "lost"; readonly fault: string };

export type ContactEffect =
  /** `active` or `fault` is another one than before. */
  { readonly type: "changed" } | { readonly type: "operated" };

/** A contact that nobody has opened yet. */
export const unknownContact: ContactState = { active: null, candidate: null, fault: null };

export function stepContact(
  state: ContactState,
  input: ContactInput,
  nowMs: number,
  debounceMs: number,
): { readonly state: ContactState; readonly effects: readonly ContactEffect[] } {
  switch (input.type) {
    case "opened":
      return became({ active: input.active, candidate: null, fault: null }, state);
    case "lost":
      return became({ active: null, candidate: null, fault: input.fault }, state);
    case "level":
      return level(state, input.active, nowMs, debounceMs);
    case "due": {
      const { candidate } = state;
      if (candidate === null || nowMs < candidate.dueMs) return { state, effects: [] };
      return settled(state, candidate.active);
    }
    default:
      return assertNever(input);
  }
}

function level(state: ContactState, active: boolean, nowMs: number, debounceMs: number) {
  // A level of a contact that is lost is one that was under way: how it stands is read when it is opened again.
  if (state.active === null) return { state, effects: [] };
  if (active === state.active) return { state: { ...state, candidate: null }, effects: [] };
  if (state.candidate !== null) return { state, effects: [] };
  if (debounceMs === 0) return settled(state, active);
  return { state: { ...state, candidate: { active, dueMs: nowMs + debounceMs } }, effects: [] };
}

function settled(state: ContactState, active: boolean) {
  const effects: ContactEffect[] = active ? [{ type: "changed" }, { type: "operated" }] : [{ type: "changed" }];
  return { state: { ...state, active, candidate: null }, effects };
}

function became(after: ContactState, before: ContactState) {
  const same = after.active === before.active && after.fault === before.fault;
  const effects: ContactEffect[] = same ? [] : [{ type: "changed" }];
  return { state: after, effects };
}

/** Longest wait before a contact that is not there is looked for again, ms. */
const LONGEST_RETRY_MS = 60_000;

/** Wait before attempt `failures` + 1, ms: 1 s, doubled each time, at most a minute. */
export function retryAfterMs(failures: number): number {
  return Math.min(LONGEST_RETRY_MS, 1_000 * 2 ** Math.min(10, Math.max(0, failures - 1)));
}
