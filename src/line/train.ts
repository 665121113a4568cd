import type { PaxProfile } from "../config/pax-profile.ts";
import type { DigitErrorReason } from "./types.ts";

/**
 * What is known of a train of impulses while it comes in, and the judgement whether it can be believed.
 *
 * A mutilated pulse and a false extra impulse differ only in *when* they come: a break that lies where the next real
 * pulse would have been may be that pulse, cut short, and makes the train ambiguous (error); a short break that ends
 * after the next pulse's turn cannot be one, and is ignored.
 */
export interface Train {
  /** Something has been seen since the last digit; the end of the train will be judged. */
  open: boolean;
  /** End of the last credited break: the digit ends when the loop has been closed for `digitEndMs` since. */
  quietFrom: number;
  pulses: number;
  breakSum: number;
  breakMin: number;
  breakMax: number;
  makeSum: number;
  makeMin: number;
  makeMax: number;
  /** End of the train before, or -Infinity. */
  readonly previousEnd: number;
  /** Start of the first real pulse. */
  firstAt: number;
  /** Short breaks before any pulse, and late short breaks after one. More than one is not "isolated". */
  shortBefore: number;
  /** Start of a short break that may have been the train's first pulse, cut short; or -Infinity. */
  suspectAt: number;
  falseAfter: number;
  flashed: boolean;
  damaged: boolean;
  lostEdge: boolean;
  /** An error has been reported already; the rest of the train is swallowed. */
  told: boolean;
}

/** Longest and shortest mean period believed, ms: 14 and 7 ips with a tenth more for drift (EJ). */
const PERIOD_MIN_MS = 64;
const PERIOD_MAX_MS = 160;
/** Largest break share believed, percent: 80 % with 1 ms of jitter at 14 ips is 83 % (EJ). */
const BREAK_PERCENT_MAX = 85;
/** Longest make in terms of the mean break: 55 % is 0.82; a lost pulse at 80 % makes it 1.5 (EJ). */
const MAKE_TO_BREAK_MAX = 1.2;
/** Spread believed within a train: a filled-in make doubles a break, a lost pulse triples a make (EJ). */
const BREAK_SPREAD = 1.5;
const MAKE_SPREAD = 1.6;
const BREAK_SLACK_MS = 4;
const MAKE_SLACK_MS = 10;
/** No real pulse is this short (14 ips at 55 % is 39 ms): an isolated one is a hit or a false impulse, ms (EJ). */
const HIT_MAX_MS = 30;
/** A break shorter than this share of the train's mean break is not a pulse of that train (EJ). */
const SHORT_SHARE = 0.55;
/** A make shorter than this, ms, is none: 14 ips at 80 % with drift and jitter leaves 12 ms (EJ). */
const MAKE_MIN_MS = 10;
/** One pulse tells the period only within limits: at 55 % it is 1.82 breaks, at 7 ips 143 ms. */
const PERIOD_PER_BREAK_MAX = 1.82;
const SLOWEST_PERIOD_MS = 143;
/** A false impulse ends at least this far beyond the period in which a real one would have (drift; EJ). */
const TURN_MARGIN = 1.12;

/** A dial pauses at least this long between trains (SIN 351: 240 ms), so a break before that is a false impulse, ms. */
const SHORTEST_PAUSE_MS = 235;

/** A train that has not begun. `previousEnd` is the end of the one before. */
export function newTrain(previousEnd = Number.NEGATIVE_INFINITY): Train {
  return {
    previousEnd,
    firstAt: 0,
    suspectAt: Number.NEGATIVE_INFINITY,
    open: false,
    quietFrom: previousEnd,
    pulses: 0,
    breakSum: 0,
    breakMin: Number.POSITIVE_INFINITY,
    breakMax: 0,
    makeSum: 0,
    makeMin: Number.POSITIVE_INFINITY,
    makeMax: 0,
    shortBefore: 0,
    falseAfter: 0,
    flashed: false,
    damaged: false,
    lostEdge: false,
    told: false,
  };
}

/** Takes a break of a seized line into the train. `none`: nothing to report before the train ends. */
export function takeBreak(
  train: Train,
  startMs: number,
  endMs: number,
  profile: Pick<PaxProfile, "breakMinMs" | "breakMaxMs">,
): "none" | "flash" | "false" {
  const length = endMs - startMs;
  const make = startMs - train.quietFrom;
  const first = train.pulses === 0;
  const neverPulse = Math.max(profile.breakMinMs, HIT_MAX_MS);

  if (length > profile.breakMaxMs) {
    // A flash alone means nothing, but pulses on its heels would be a train whose beginning ran together.
    train.flashed = true;
    train.open = true;
    train.quietFrom = endMs;
    return "flash";
  }
  if (first && length < neverPulse) {
    train.shortBefore++;
    if (startMs - train.previousEnd >= SHORTEST_PAUSE_MS) train.suspectAt = startMs;
    if (train.shortBefore > 1 || train.flashed) train.damaged = true;
    train.open = true;
    train.quietFrom = endMs;
    return "false";
  }
  if (!first && length < Math.max(neverPulse, SHORT_SHARE * (train.breakSum / train.pulses))) {
    if (make + length > TURN_MARGIN * longestPeriod(train)) {
      train.falseAfter++;
      if (train.falseAfter > 1) train.damaged = true;
      return "false";
    }
    train.damaged = true;
    train.quietFrom = endMs;
    return "none";
  }
  // A real pulse after a false one within one train: no telling which was which.
  if (train.falseAfter > 0) train.damaged = true;
  train.open = true;
  train.quietFrom = endMs;
  train.pulses++;
  train.breakSum += length;
  if (length < train.breakMin) train.breakMin = length;
  if (length > train.breakMax) train.breakMax = length;
  if (first) {
    train.firstAt = startMs;
  } else {
    train.makeSum += make;
    if (make < train.makeMin) train.makeMin = make;
    if (make > train.makeMax) train.makeMax = make;
  }
  return "none";
}

/** The period of the train; of a single pulse, the longest it can belong to, ms. */
function longestPeriod(train: Train): number {
  const breakMs = train.breakSum / train.pulses;
  if (train.pulses < 2) return Math.min(PERIOD_PER_BREAK_MAX * breakMs, SLOWEST_PERIOD_MS);
  return breakMs + train.makeSum / (train.pulses - 1);
}

/** What a finished train amounts to. */
export function judgeTrain(train: Train): "digit" | "none" | DigitErrorReason {
  if (train.told) return "none";
  if (train.pulses > 10) return "too-many-pulses";
  if (train.flashed && train.pulses > 0) return "flash-in-train";
  if (train.damaged || train.lostEdge) return "damaged-train";
  if (train.pulses === 0) return "none";
  // No dial pauses so briefly: a pulse was lost between, and the "digit" before was half of one.
  if (train.firstAt - train.previousEnd < SHORTEST_PAUSE_MS) return "damaged-train";
  if (train.firstAt - train.suspectAt <= TURN_MARGIN * longestPeriod(train)) return "damaged-train";
  if (train.pulses === 1) return "digit";
  const breakMs = train.breakSum / train.pulses;
  const periodMs = breakMs + train.makeSum / (train.pulses - 1);
  const believable =
    periodMs >= PERIOD_MIN_MS &&
    periodMs <= PERIOD_MAX_MS &&
    100 * breakMs <= BREAK_PERCENT_MAX * periodMs &&
    train.makeMin >= MAKE_MIN_MS &&
    train.makeMax <= MAKE_TO_BREAK_MAX * breakMs &&
    train.breakMax <= BREAK_SPREAD * train.breakMin + BREAK_SLACK_MS &&
    train.makeMax <= MAKE_SPREAD * train.makeMin + MAKE_SLACK_MS;
  return believable ? "digit" : "damaged-train";
}
