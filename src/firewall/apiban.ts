import { assertNever } from "../base/assert-never.ts";
import { type ApibanAnswer, isCursor, type Page, readAnswer } from "./apiban-answer.ts";
import { MAX_ADDRESSES } from "./block-list.ts";
import type { FetchAnswer } from "./port.ts";
import {
  countOf,
  forget,
  isTold4,
  NOBODY,
  oldest,
  packTold,
  type ToldAddresses,
  tell,
  unpackTold,
} from "./told-addresses.ts";

/**
 * Asks APIBAN for the addresses that attack elsewhere, page after page. Invariants:
 * - the cursor and the addresses it stands for are kept together, after every page: whatever interrupts a round, the
 *   next one goes on where it ended;
 * - an address counts for seven days from when it was last told, whether APIBAN can be reached or not;
 * - never two requests at a time, and none before the wait that a refusal asks for is over.
 */

/** How long APIBAN itself takes an address for active, s. */
export const ACTIVE_S = 7 * 86_400;
/** Pages of one round; the rest comes in the next one. */
const MAX_PAGES = 400;
const FIRST_CURSOR = "100";
/** Times are kept to ten minutes, so that the state file groups what was told together. */
const GRAIN_S = 600;
const LIMITED_MS = { first: 30_000, most: 1_800_000 };
const FAILED_MS = { first: 60_000, most: 3_600_000 };
/** A key that is refused stays so, mostly. */
const FORBIDDEN_MS = 12 * 3_600_000;
/** No wait is as long as this. */
const LONGEST_MS = 2 * 86_400_000;
/** A command does not ask more often than this either. */
const MIN_GAP_MS = 60_000;

/** What became of the addresses of the latest round. */
export interface RoundCounts {
  readonly added: number;
  readonly alreadyThere: number;
  /** On one of our own lists, so not blocked. */
  readonly skipped: number;
  /** Malformed, private, loopback, or more than we keep. */
  readonly refused: number;
}

export interface ApibanState {
  readonly cursor: string;
  readonly told: ToldAddresses;
  readonly phase: "idle" | "asking" | "waiting";
  /** Pages of this round. */
  readonly pages: number;
  /** Unix time, ms, of the next request; while asking, of no meaning. */
  readonly nextMs: number;
  readonly lastAskMs: number;
  /** Refusals or failures in a row. */
  readonly setbacks: number;
  readonly round: RoundCounts;
  /** Unix time, ms, of the last page or end of list; null before. */
  readonly lastAnswerMs: number | null;
  readonly fault: string | null;
}

/** `protects4`, `protects6`: whether an address is on one of our own lists. */
export interface ApibanContext {
  readonly refreshMs: number;
  readonly protects4: (address: number) => boolean;
  readonly protects6: (address: string) => boolean;
}

/** `nowMs`: Unix time. `jitter`: 0 to 1, so that many gateways do not come back at the same moment. */
export type ApibanInput = { readonly nowMs: number; readonly jitter: number } & (
  | { readonly type: "tick" }
  | { readonly type: "refresh" }
  | { readonly type: "answer"; readonly answer: FetchAnswer }
  | { readonly type: "failed"; readonly why: string }
);

export type ApibanEffect =
  | { readonly type: "ask"; readonly cursor: string }
  /** Call again with `tick` at this Unix time, ms. */
  | { readonly type: "wake"; readonly atMs: number }
  /** The addresses have changed. */
  | { readonly type: "changed" }
  /** Store the state. */
  | { readonly type: "persist" }
  | { readonly type: "round-over"; readonly round: RoundCounts }
  | { readonly type: "fault"; readonly fault: string };

export interface ApibanStep {
  readonly state: ApibanState;
  readonly effects: readonly ApibanEffect[];
}

const NONE: RoundCounts = { added: 0, alreadyThere: 0, skipped: 0, refused: 0 };

/** From what was stored, which may be anything; then from nothing. */
export function initialApiban(stored: unknown): ApibanState {
  const begin: ApibanState = {
    cursor: FIRST_CURSOR,
    told: NOBODY,
    phase: "idle",
    pages: 0,
    nextMs: 0,
    lastAskMs: Number.NEGATIVE_INFINITY,
    setbacks: 0,
    round: NONE,
    lastAnswerMs: null,
    fault: null,
  };
  if (typeof stored !== "object" || stored === null) return begin;
  const { cursor, told, lastAnswerMs } = stored as Readonly<Record<string, unknown>>;
  const addresses = unpackTold(told, MAX_ADDRESSES);
  // A cursor without its addresses would skip them for good.
  if (!isCursor(cursor) || addresses === null) return begin;
  return { ...begin, cursor, told: addresses, lastAnswerMs: typeof lastAnswerMs === "number" ? lastAnswerMs : null };
}

/** What to store; `initialApiban` reads it. */
export function storedApiban(state: ApibanState): unknown {
  return { cursor: state.cursor, told: packTold(state.told), lastAnswerMs: state.lastAnswerMs };
}

export function step(before: ApibanState, input: ApibanInput, context: ApibanContext): ApibanStep {
  const { state, effects } = expire(before, input.nowMs);
  switch (input.type) {
    case "tick":
      if (state.phase === "asking") return { state, effects };
      return isDue(state, input.nowMs) ? join(effects, ask(state, input.nowMs)) : join(effects, wait(state));
    case "refresh": {
      const early = state.phase !== "idle" || input.nowMs - state.lastAskMs < MIN_GAP_MS;
      return early ? { state, effects } : join(effects, ask(state, input.nowMs));
    }
    case "failed":
      return state.phase === "asking" ? join(effects, setBack(state, input, input.why, FAILED_MS)) : { state, effects };
    case "answer":
      if (state.phase !== "asking") return { state, effects };
      return join(effects, answered(state, readAnswer(input.answer), input, context));
    default:
      return assertNever(input);
  }
}

function answered(state: ApibanState, answer: ApibanAnswer, input: ApibanInput, context: ApibanContext): ApibanStep {
  switch (answer.type) {
    case "page":
      return tookPage(state, answer.page, input, context);
    case "end":
      return endRound({ ...state, lastAnswerMs: input.nowMs, fault: null, setbacks: 0 }, input, context);
    case "forbidden":
      return rest(state, input.nowMs + FORBIDDEN_MS, "APIBAN refuses the key", "idle");
    case "limited": {
      const least = Math.min(answer.retryAfterS ?? 0, 3_600) * 1_000;
      return setBack(state, input, "APIBAN asks for patience", LIMITED_MS, least);
    }
    case "bad":
      return setBack(state, input, `not an answer of APIBAN's: ${answer.why}`, FAILED_MS);
    default:
      return assertNever(answer);
  }
}

function tookPage(state: ApibanState, page: Page, input: ApibanInput, context: ApibanContext): ApibanStep {
  const stuck = page.cursor === state.cursor;
  const { round } = state;
  let { added, alreadyThere, skipped } = round;
  let refused = round.refused + page.refused;
  let room = MAX_ADDRESSES - countOf(state.told);
  const admit = (known: boolean, protectedByUs: boolean): boolean => {
    if (!known && room <= 0) {
      refused++;
      return false;
    }
    if (!known) room--;
    if (protectedByUs) skipped++;
    else if (known) alreadyThere++;
    else added++;
    return true;
  };
  // Kept also when one of our lists protects it now: those lists change.
  const four = page.addresses4.filter((address) => admit(isTold4(state.told, address), context.protects4(address)));
  const six = page.addresses6.filter((address) => admit(state.told.told6.has(address), context.protects6(address)));
  const toldS = Math.floor(input.nowMs / 1_000 / GRAIN_S) * GRAIN_S;
  const next: ApibanState = {
    ...state,
    told: tell(state.told, four, six, toldS),
    cursor: page.cursor,
    pages: state.pages + 1,
    setbacks: 0,
    fault: null,
    lastAnswerMs: input.nowMs,
    round: { added, alreadyThere, skipped, refused },
  };
  const kept: readonly ApibanEffect[] = [{ type: "persist" }, { type: "changed" }];
  if (stuck && page.addresses4.length + page.addresses6.length > 0) {
    return join(kept, setBack(next, input, "APIBAN's cursor does not move", FAILED_MS));
  }
  // An endless list would be asked for without end.
  if (stuck || next.pages >= MAX_PAGES || room <= 0) return join(kept, endRound(next, input, context));
  return join(kept, { state: { ...next, lastAskMs: input.nowMs }, effects: [{ type: "ask", cursor: next.cursor }] });
}

function ask(state: ApibanState, nowMs: number): ApibanStep {
  // A wait within a round goes on with it.
  const fresh = state.phase === "idle" ? { round: NONE, pages: 0 } : {};
  return {
    state: { ...state, ...fresh, phase: "asking", lastAskMs: nowMs },
    effects: [{ type: "ask", cursor: state.cursor }],
  };
}

function endRound(state: ApibanState, input: ApibanInput, { refreshMs }: ApibanContext): ApibanStep {
  const nextMs = input.nowMs + refreshMs * (1 + input.jitter / 10);
  const over = wait({ ...state, phase: "idle", nextMs });
  // Nothing to store: every page has been, and a card is written to as little as possible.
  return join([{ type: "round-over", round: state.round }], over);
}

function setBack(
  state: ApibanState,
  { nowMs, jitter }: ApibanInput,
  fault: string,
  limits: { readonly first: number; readonly most: number },
  leastMs = 0,
): ApibanStep {
  const doubled = Math.min(limits.most, limits.first * 2 ** Math.min(state.setbacks, 20));
  const waitMs = Math.max(doubled, leastMs) * (1 + jitter / 5);
  return rest({ ...state, setbacks: state.setbacks + 1 }, nowMs + waitMs, fault, "waiting");
}

function rest(state: ApibanState, nextMs: number, fault: string, phase: "idle" | "waiting"): ApibanStep {
  return join([{ type: "fault", fault }], wait({ ...state, phase, nextMs, fault }));
}

/** Until the next request, or until the first address ends, whichever comes first. */
function wait(state: ApibanState): ApibanStep {
  const first = oldest(state.told);
  const ends = first === null ? Number.POSITIVE_INFINITY : (first + ACTIVE_S + 1) * 1_000;
  return { state, effects: [{ type: "wake", atMs: Math.min(state.nextMs, ends) }] };
}

function isDue({ nextMs }: ApibanState, nowMs: number): boolean {
  // A clock that was set back must not make us wait for its old time.
  return nowMs >= nextMs || nextMs - nowMs > LONGEST_MS;
}

function expire(state: ApibanState, nowMs: number): ApibanStep {
  const told = forget(state.told, Math.floor(nowMs / 1_000) - ACTIVE_S);
  if (told === state.told) return { state, effects: [] };
  // All at once: we were off for a week, or the clock was wrong until now. What came before the cursor is asked for again.
  const cursor = countOf(told) === 0 && state.phase !== "asking" ? FIRST_CURSOR : state.cursor;
  return { state: { ...state, told, cursor }, effects: [{ type: "persist" }, { type: "changed" }] };
}

function join(effects: readonly ApibanEffect[], more: ApibanStep): ApibanStep {
  return { state: more.state, effects: [...effects, ...more.effects] };
}
