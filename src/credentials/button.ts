import { assertNever } from "../base/assert-never.ts";
import type { ButtonMeaning, LedPattern } from "./types.ts";

/**
 * What a press of the button means. Invariants:
 * - nothing happens while it is held: whatever it means is done when it is let go, and the LED shows before that what
 *   letting go now would do; so a press can be given up at any moment;
 * - a button that is found pressed, is held too long or is lost in the middle does nothing, whatever happens next,
 *   until it has been seen released;
 * - a change that does not last `SETTLE_MS` is none: a contact that chatters neither begins nor ends a press.
 *
 * | let go after      | means         | LED before that |
 * | ----------------- | ------------- | --------------- |
 * | less than 50 ms   | nothing       | as it was       |
 * | 50 ms to 1.5 s    | identify      | pressed         |
 * | 1.5 s to 5 s      | cancelled     | pressed         |
 * | 5 s to 13 s       | reset         | armed-reset     |
 * | 13 s to 15 s      | cancelled     | pressed         |
 * | 15 s to 30 s      | factory reset | armed-factory   |
 * | longer            | nothing       | fault (stuck)   |
 */

/** A level counts once it has lasted this long, ms: contacts chatter up to 20 ms. */
export const SETTLE_MS = 30;
/** The shortest press, ms. */
export const SHORTEST_MS = 50;
export const IDENTIFY_BELOW_MS = 1_500;
export const RESET_FROM_MS = 5_000;
/** From here to the factory reset letting go does nothing: the two must not border on each other. */
export const RESET_BELOW_MS = 13_000;
export const FACTORY_FROM_MS = 15_000;
/** A finger does not hold that long; a short circuit does. */
export const STUCK_FROM_MS = 30_000;

/** What letting go now would do: 0 less than a reset, 1 reset, 2 nothing, 3 factory reset. */
type Stage = 0 | 1 | 2 | 3;
/** Of each stage: what the LED shows, and when it ends, ms after the press began. */
const STAGES: readonly [pattern: LedPattern, untilMs: number, next: Stage | null][] = [
  ["pressed", RESET_FROM_MS, 1],
  ["armed-reset", RESET_BELOW_MS, 2],
  ["pressed", FACTORY_FROM_MS, 3],
  ["armed-factory", STUCK_FROM_MS, null],
];

export type ButtonState =
  /** The contact is not open, or was lost. */
  | { readonly kind: "absent" }
  | { readonly kind: "released" }
  /** Pressed, perhaps. `sinceMs`: when the press began. */
  | { readonly kind: "closing"; readonly sinceMs: number }
  | { readonly kind: "pressed"; readonly sinceMs: number; readonly stage: Stage }
  /** Let go, perhaps, at `endMs`. */
  | { readonly kind: "opening"; readonly sinceMs: number; readonly endMs: number; readonly stage: Stage }
  /** Pressed, and nothing will come of it. `told`: that it is stuck. */
  | { readonly kind: "blocked"; readonly sinceMs: number; readonly told: boolean }
  /** Blocked, and let go, perhaps, at `endMs`. */
  | { readonly kind: "unblocking"; readonly sinceMs: number; readonly endMs: number; readonly told: boolean };

export type ButtonInput =
  /** The contact is there; `active`: it is pressed already. */
  | { readonly type: "opened"; readonly active: boolean; readonly atMs: number }
  | { readonly type: "changed"; readonly active: boolean; readonly atMs: number }
  /** What `dueMs` named has come. */
  | { readonly type: "due"; readonly atMs: number }
  | { readonly type: "lost"; readonly atMs: number };

export type ButtonEffect =
  | { readonly type: "means"; readonly meaning: ButtonMeaning }
  /** The button wants the LED for this; null: it has no more use for it. */
  | { readonly type: "show"; readonly pattern: LedPattern | null };

export interface ButtonStep {
  readonly state: ButtonState;
  readonly effects: readonly ButtonEffect[];
}

export const absent: ButtonState = { kind: "absent" };

export function stepButton(state: ButtonState, input: ButtonInput): ButtonStep {
  switch (input.type) {
    case "opened":
      if (!input.active) return { state: { kind: "released" }, effects: release(state) };
      return { state: { kind: "blocked", sinceMs: input.atMs, told: false }, effects: release(state) };
    case "lost":
      return { state: absent, effects: release(state) };
    case "changed":
      // Time may have passed unseen, when we were busy: what had come due by then comes first.
      return after(stepDue(state, input.atMs), (now) => stepChanged(now, input.active, input.atMs));
    case "due":
      return stepDue(state, input.atMs);
    default:
      return assertNever(input);
  }
}

/** When the state changes by itself, of the clock; null: never. */
export function dueMs(state: ButtonState): number | null {
  switch (state.kind) {
    case "absent":
    case "released":
      return null;
    case "closing":
      return state.sinceMs + SETTLE_MS;
    case "pressed":
      return state.sinceMs + (STAGES[state.stage]?.[1] ?? 0);
    case "opening":
    case "unblocking":
      return state.endMs + SETTLE_MS;
    case "blocked":
      return state.told ? null : state.sinceMs + STUCK_FROM_MS;
    default:
      return assertNever(state);
  }
}

/** What letting go after so long means; null: nothing that anybody is told of. */
export function meaningOf(heldMs: number): ButtonMeaning | null {
  if (heldMs < SHORTEST_MS) return null;
  if (heldMs < IDENTIFY_BELOW_MS) return "identify";
  if (heldMs < RESET_FROM_MS) return "cancelled";
  if (heldMs < RESET_BELOW_MS) return "reset";
  if (heldMs < FACTORY_FROM_MS) return "cancelled";
  if (heldMs < STUCK_FROM_MS) return "factory-reset";
  return "stuck";
}

function stepChanged(state: ButtonState, active: boolean, atMs: number): ButtonStep {
  switch (state.kind) {
    case "absent":
      return same(state);
    case "released":
      return same(active ? { kind: "closing", sinceMs: atMs } : state);
    case "closing":
      return same(active ? state : { kind: "released" });
    case "pressed":
      return same(active ? state : { ...state, kind: "opening", endMs: atMs });
    case "opening":
      return same(active ? { kind: "pressed", sinceMs: state.sinceMs, stage: state.stage } : state);
    case "blocked":
      return same(active ? state : { ...state, kind: "unblocking", endMs: atMs });
    case "unblocking":
      return same(active ? { kind: "blocked", sinceMs: state.sinceMs, told: state.told } : state);
    default:
      return assertNever(state);
  }
}

function stepDue(state: ButtonState, atMs: number): ButtonStep {
  const due = dueMs(state);
  if (due === null || atMs < due) return same(state);
  switch (state.kind) {
    case "absent":
    case "released":
      return same(state);
    case "closing":
      // Long ago, perhaps: what is due by now is shown at once.
      return after(pressed(state.sinceMs, 0), (now) => stepDue(now, atMs));
    case "pressed": {
      const next = STAGES[state.stage]?.[2] ?? null;
      return next === null ? stuck(state.sinceMs) : after(pressed(state.sinceMs, next), (now) => stepDue(now, atMs));
    }
    case "opening": {
      const meaning = meaningOf(state.endMs - state.sinceMs);
      const means: ButtonEffect[] = meaning === null ? [] : [{ type: "means", meaning }];
      return { state: { kind: "released" }, effects: [{ type: "show", pattern: null }, ...means] };
    }
    case "blocked":
      return stuck(state.sinceMs);
    case "unblocking":
      return { state: { kind: "released" }, effects: release(state) };
    default:
      return assertNever(state);
  }
}

function pressed(sinceMs: number, stage: Stage): ButtonStep {
  const pattern = STAGES[stage]?.[0] ?? "pressed";
  return { state: { kind: "pressed", sinceMs, stage }, effects: [{ type: "show", pattern }] };
}

function stuck(sinceMs: number): ButtonStep {
  const effects: ButtonEffect[] = [
    { type: "means", meaning: "stuck" },
    { type: "show", pattern: "fault" },
  ];
  return { state: { kind: "blocked", sinceMs, told: true }, effects };
}

/** The LED is given back by whatever had it. */
function release(state: ButtonState): ButtonEffect[] {
  const had = state.kind === "pressed" || state.kind === "opening" || "told" in state;
  return had ? [{ type: "show", pattern: null }] : [];
}

function same(state: ButtonState): ButtonStep {
  return { state, effects: [] };
}

function after(first: ButtonStep, next: (state: ButtonState) => ButtonStep): ButtonStep {
  const second = next(first.state);
  return { state: second.state, effects: [...first.effects, ...second.effects] };
}
