import type { DigitMap, PaxProfile } from "../config/pax-profile.ts";
import { judgeTrain, newTrain, type Train, takeBreak } from "./train.ts";
import type { DialHealth, DigitErrorReason } from "./types.ts";

/**
 * Impulse decoder of one line's loop. It knows only kernel edge timestamps and the promise "no edge before T is still
 * to come", so that a stalled process decides as a prompt one does: late, but the same.
 *
 * The state is changed in place (this is the one hot path of the line); everything it knows is in it.
 *
 * Invariants:
 * - A digit is reported only if every break and make of its train agrees with the others; else it is an error.
 * - Of one train comes at most one digit or error.
 * - What follows a `first-break` is always an output that ends it: who mutes at the one can rely on the other.
 * - Nothing is decided while a transition still bounces.
 * - An edge that repeats the level is bounce within a transition, and may begin one: the kernel reads the level only when it
 *   serves the interrupt. One that stands alone hides a lost edge: the train is an error.
 */

export type DecoderInput =
  | { readonly type: "edge"; readonly closed: boolean; readonly atMs: number }
  /** No edge before `atMs` is still to come. */
  | { readonly type: "time"; readonly atMs: number };

/** `atMs` is the time of what was seen, not of the decision; a clear is seen when the loop has been open for its time. */
export type DecoderOutput =
  | { readonly type: "seize"; readonly atMs: number }
  /** The first break of a train, as soon as it is too long for a hit: the dial tone stops, the audio is muted. */
  | { readonly type: "first-break"; readonly atMs: number }
  | {
      readonly type: "digit";
      readonly digit: number;
      readonly pulses: number;
      readonly health: DialHealth;
      readonly atMs: number;
    }
  | { readonly type: "error"; readonly reason: DigitErrorReason; readonly atMs: number }
  /** A break was seen that was no pulse: a false impulse or a hit. Nothing was dialled. */
  | { readonly type: "false-break"; readonly lengthMs: number; readonly atMs: number }
  | { readonly type: "flash"; readonly atMs: number }
  /** A train that was announced is over and means nothing, because an error was reported of it before. */
  | { readonly type: "swallowed"; readonly atMs: number }
  | { readonly type: "clear"; readonly atMs: number };

/** The values of a profile that the decoder uses. */
export type DecoderProfile = Pick<
  PaxProfile,
  "digitMap" | "debounceMs" | "breakMinMs" | "breakMaxMs" | "digitEndMs" | "clearMs" | "seizeMs"
>;

export interface DecoderState {
  readonly profile: DecoderProfile;
  /** Level after the last edge, and the level that is believed (stable for `debounceMs`). */
  raw: boolean;
  level: boolean;
  /** When the believed level began: the first edge of its transition, so that bounce does not change lengths. */
  since: number;
  /** First edge of a transition that is not believed yet, or NaN. */
  burstAt: number;
  /** That first edge repeated the level: either an interrupt read late, or the edge before it was lost. */
  repeated: boolean;
  lastEdgeAt: number;
  /** The line is seized. */
  held: boolean;
  train: Train;
  /** `first-break` has been reported, and nothing since that ended it. */
  announced: boolean;
  /** A digit or error was decided up to this time: an edge before it contradicts the decision. */
  decidedAt: number;
}

const NOTHING: readonly DecoderOutput[] = [];

/** A decoder for a line whose loop is now `closed`. A loop that is closed from the start counts as seized. */
export function newDecoder(profile: DecoderProfile, closed = false, atMs = 0): DecoderState {
  return {
    profile,
    raw: closed,
    level: closed,
    since: atMs,
    burstAt: Number.NaN,
    repeated: false,
    lastEdgeAt: Number.NEGATIVE_INFINITY,
    held: closed,
    train: newTrain(),
    announced: false,
    decidedAt: Number.NEGATIVE_INFINITY,
  };
}

/** Takes one input and returns what it decided, mostly nothing. */
export function decoderStep(state: DecoderState, input: DecoderInput): readonly DecoderOutput[] {
  if (input.type === "time") return settle(state, input.atMs, NOTHING);
  const { closed, atMs } = input;
  if (atMs < state.decidedAt || atMs < state.lastEdgeAt) return lateEdge(state, closed, atMs);
  const out = settle(state, atMs, NOTHING);
  const repeated = closed === state.raw;
  // What the first reading of the level knew already.
  if (repeated && atMs <= state.since) return out;
  state.raw = closed;
  state.lastEdgeAt = atMs;
  // Within a transition the edges between two of one direction were too quick to matter.
  if (Number.isNaN(state.burstAt)) {
    state.burstAt = atMs;
    state.repeated = repeated;
  }
  return out;
}

/** When `time` must be given next if no edge comes, or Infinity. */
export function nextDeadline(state: DecoderState): number {
  const { profile, since, train } = state;
  if (!Number.isNaN(state.burstAt)) return state.lastEdgeAt + profile.debounceMs;
  if (!state.level) {
    if (!state.held) return Number.POSITIVE_INFINITY;
    return state.announced ? since + profile.clearMs : since + profile.breakMinMs;
  }
  if (!state.held) return since + profile.seizeMs;
  return train.open ? train.quietFrom + profile.digitEndMs : Number.POSITIVE_INFINITY;
}

/** Decides everything that follows from there being no further edge before `atMs`. */
function settle(state: DecoderState, atMs: number, before: readonly DecoderOutput[]): readonly DecoderOutput[] {
  let out = before;
  for (;;) {
    const due = nextDeadline(state);
    if (!(due <= atMs)) return out;
    if (!Number.isNaN(state.burstAt)) {
      const start = state.burstAt;
      state.burstAt = Number.NaN;
      if (state.raw === state.level) {
        // It was a hit and has gone; or no transition came of an edge that repeated the level.
        if (state.repeated && state.held) edgeLost(state, start);
        continue;
      }
      const length = start - state.since;
      state.level = state.raw;
      state.since = start;
      if (state.level && state.held) out = breakEnded(state, start, length, out);
    } else if (!state.level) {
      if (!state.announced) {
        state.announced = true;
        out = push(out, { type: "first-break", atMs: state.since });
      } else {
        state.held = false;
        state.decidedAt = due;
        endTrain(state);
        out = push(out, { type: "clear", atMs: due });
      }
    } else if (!state.held) {
      state.held = true;
      state.announced = false;
      out = push(out, { type: "seize", atMs: state.since });
    } else {
      state.decidedAt = due;
      out = trainEnded(state, out);
    }
  }
}

/** A believed break of a seized line has ended: pulse, flash, false impulse or damage. */
function breakEnded(
  state: DecoderState,
  endedAt: number,
  lengthMs: number,
  out: readonly DecoderOutput[],
): readonly DecoderOutput[] {
  const verdict = takeBreak(state.train, endedAt - lengthMs, endedAt, state.profile);
  if (verdict !== "none") state.announced = false;
  if (verdict === "flash") return push(out, { type: "flash", atMs: endedAt });
  if (verdict === "false") return push(out, { type: "false-break", lengthMs, atMs: endedAt });
  return out;
}

/** An edge is missing before `atMs`: the train's lengths are not to be trusted, or a whole train was lost but for this. */
function edgeLost(state: DecoderState, atMs: number): void {
  const { train } = state;
  train.lostEdge = true;
  train.open = true;
  if (state.level) train.quietFrom = Math.max(train.quietFrom, atMs);
}

/** The make after a train has lasted: it is a digit, an error, or nothing. */
function trainEnded(state: DecoderState, out: readonly DecoderOutput[]): readonly DecoderOutput[] {
  const { train, announced } = state;
  const atMs = train.quietFrom;
  const verdict = judgeTrain(train);
  endTrain(state);
  if (verdict === "none") return announced ? push(out, { type: "swallowed", atMs }) : out;
  if (verdict !== "digit") return push(out, { type: "error", reason: verdict, atMs });
  const { pulses } = train;
  const digit = digitOf(pulses, state.profile.digitMap);
  return push(out, { type: "digit", digit, pulses, health: dialHealth(train), atMs });
}

/** An edge that should have come earlier. If a digit was made of its absence, the caller must hear that it went wrong. */
function lateEdge(state: DecoderState, closed: boolean, atMs: number): readonly DecoderOutput[] {
  const contradiction = state.held;
  const at = Math.max(atMs, state.decidedAt, state.lastEdgeAt);
  if (closed !== state.raw) {
    state.raw = closed;
    if (Number.isNaN(state.burstAt)) {
      state.burstAt = at;
      state.repeated = false;
    }
  }
  state.lastEdgeAt = at;
  if (!contradiction) return NOTHING;
  const told = state.train.told;
  // What is left of this train means nothing: it is swallowed until the loop has been quiet.
  state.train = newTrain(state.train.quietFrom);
  state.train.open = true;
  state.train.told = true;
  state.train.quietFrom = at;
  if (told) return NOTHING;
  state.announced = false;
  return [{ type: "error", reason: "late-edges", atMs }];
}

function endTrain(state: DecoderState): void {
  const { pulses, told, quietFrom, previousEnd } = state.train;
  state.train = newTrain(pulses > 0 || told ? quietFrom : previousEnd);
  state.announced = false;
}

/** The digit that 1 to 10 pulses stand for. */
export function digitOf(pulses: number, map: DigitMap): number {
  switch (map) {
    case "uk":
      return pulses % 10;
    case "sweden":
      return pulses - 1;
    case "new-zealand":
      return 10 - pulses;
  }
}

/** Speed and ratio of a train; NaN for one pulse, which has no period. */
function dialHealth(train: Train): DialHealth {
  if (train.pulses < 2) return { ips: Number.NaN, breakPercent: Number.NaN };
  const breakMs = train.breakSum / train.pulses;
  const periodMs = breakMs + train.makeSum / (train.pulses - 1);
  return { ips: 1000 / periodMs, breakPercent: (100 * breakMs) / periodMs };
}

function push(out: readonly DecoderOutput[], output: DecoderOutput): readonly DecoderOutput[] {
  return out === NOTHING ? [output] : [...out, output];
}
