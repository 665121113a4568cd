/**
 * Edge trains as real dials and relays send them: speed, ratio, bounce, drift and the false extra impulse. Pure and
 * seeded, so that a failing train can be had again. Used by the simulated PAX, the benchmarks and the tests.
 */

/** One change of the loop. `atMs` in milliseconds; trains are closed before their first edge and after their last. */
export interface TrainEdge {
  readonly closed: boolean;
  readonly atMs: number;
}

/** A source of numbers in [0, 1). */
export type Random = () => number;

/** The mulberry32 generator: small, quick, the same on every machine. Not for secrets. */
export function seededRandom(seed: number): Random {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The late, short break that a tie line may send as its relay TC releases after the last pulse of a train. */
export interface FalseImpulse {
  /** From the end of the last real break to the start of the false one, ms. */
  readonly afterMs: number;
  /** Its length, ms. */
  readonly lengthMs: number;
}

/** How one train is sent. */
export interface TrainSpec {
  /** Number of real pulses, 1 or more. */
  readonly pulses: number;
  /** Speed, impulses per second. */
  readonly ips: number;
  /** Share of the break in the period, percent. */
  readonly breakPercent: number;
  /** Every transition bounces for up to this long, ms. */
  readonly bounceMs?: number;
  /** Change of the period from the first pulse to the last, percent; a tired governor slows down. */
  readonly driftPercent?: number;
  /** Every transition may be early or late by up to this much, ms. */
  readonly jitterMs?: number;
  readonly falseImpulse?: FalseImpulse | null;
}

/** The envelope that must be decoded without error: every dial in use, with margin (see `line-signalling`). */
export const ENVELOPE = {
  minIps: 7,
  maxIps: 14,
  minBreakPercent: 55,
  maxBreakPercent: 80,
  maxBounceMs: 5,
  maxDriftPercent: 8,
  maxJitterMs: 1,
} as const;

/** One transition with its bounces: flips in pairs, the last within `bounceMs`, so that it ends at `closed`. */
function pushTransition(out: TrainEdge[], closed: boolean, atMs: number, bounceMs: number, random: Random): void {
  out.push({ closed, atMs });
  if (bounceMs <= 0) return;
  const flips = Math.floor(random() * 4) * 2;
  if (flips === 0) return;
  const times = Array.from({ length: flips }, () => atMs + random() * bounceMs).sort((a, b) => a - b);
  for (const [i, time] of times.entries()) out.push({ closed: i % 2 === 0 ? !closed : closed, atMs: time });
}

/** The edges of one train whose first break starts at `atMs`. */
export function generateTrain(spec: TrainSpec, atMs: number, random: Random): TrainEdge[] {
  const { pulses, ips, breakPercent, bounceMs = 0, driftPercent = 0, jitterMs = 0, falseImpulse = null } = spec;
  const out: TrainEdge[] = [];
  let at = atMs;
  let lastMakeAt = atMs;
  const jitter = () => (random() * 2 - 1) * jitterMs;
  for (let pulse = 0; pulse < pulses; pulse++) {
    const drift = pulses === 1 ? 1 : 1 + (driftPercent / 100) * (pulse / (pulses - 1));
    const period = (1000 / ips) * drift;
    pushTransition(out, false, pulse === 0 ? at : at + jitter(), bounceMs, random);
    lastMakeAt = at + (period * breakPercent) / 100 + jitter();
    pushTransition(out, true, lastMakeAt, bounceMs, random);
    at += period;
  }
  if (falseImpulse !== null) {
    const start = lastMakeAt + falseImpulse.afterMs;
    // A relay contact's short break has no long bounce of its own: at most a fifth of its length.
    const bounce = Math.min(bounceMs, falseImpulse.lengthMs / 5);
    pushTransition(out, false, start, bounce, random);
    pushTransition(out, true, start + falseImpulse.lengthMs, bounce, random);
  }
  return out;
}

/**
 * A train from anywhere in the envelope, uniformly. With `withFalseImpulse` a late, short break follows: past the turn
 * of a next real pulse, before a next train can begin, and 7-29 ms long (a relay's transit; EJ).
 */
export function randomTrainSpec(pulses: number, random: Random, withFalseImpulse = false): TrainSpec {
  const between = (min: number, max: number) => min + random() * (max - min);
  const ips = between(ENVELOPE.minIps, ENVELOPE.maxIps);
  return {
    pulses,
    ips,
    breakPercent: between(ENVELOPE.minBreakPercent, ENVELOPE.maxBreakPercent),
    bounceMs: between(0, ENVELOPE.maxBounceMs),
    driftPercent: between(-ENVELOPE.maxDriftPercent, ENVELOPE.maxDriftPercent),
    jitterMs: between(0, ENVELOPE.maxJitterMs),
    falseImpulse: withFalseImpulse
      ? { afterMs: between(Math.min(FALSE_IMPULSE_PERIODS * (1000 / ips), 165), 230), lengthMs: between(7, 29) }
      : null,
  };
}

/** A false impulse starts this many periods after the last real break: past the turn of the slowest next pulse. */
const FALSE_IMPULSE_PERIODS = 1.65;

/** Pulses that stand for a digit on an exchange of the United Kingdom: 0 is ten. */
export const ukPulses = (digit: number): number => (digit === 0 ? 10 : digit);

/**
 * Trains for several numbers of pulses in a row. `pauseMs` is the make from the end of one train's last break to the
 * next train's first (at least 240 ms, SIN 351); a false impulse falls within it.
 */
export function generateTrains(
  specs: readonly TrainSpec[],
  atMs: number,
  pauseMs: number,
  random: Random,
): TrainEdge[] {
  const out: TrainEdge[] = [];
  let at = atMs;
  for (const spec of specs) {
    for (const edge of generateTrain(spec, at, random)) out.push(edge);
    const end = out.at(-1)?.atMs ?? at;
    // The pause counts from the last real break; the next train never starts inside the false impulse.
    const { falseImpulse = null } = spec;
    const sinceReal = falseImpulse === null ? 0 : falseImpulse.afterMs + falseImpulse.lengthMs;
    at = Math.max(end - sinceReal + pauseMs, end + 10);
  }
  return out;
}
