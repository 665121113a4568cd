import { FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE_HZ } from "../line/port.ts";
import type { ToneName } from "../line/types.ts";
import { FULL_SCALE_DBM0 } from "./pax-tones.ts";

/** What an ear takes a sound for. `other`: a voice, a single tone, a mixture. */
export type Heard = ToneName | "silence" | "other";

/** Below this a frame counts as silent, dBm0 (EJ). */
const AUDIBLE_DBM0 = -42;
/** A continuous 400 Hz may be the beginning of busy tone until it has lasted longer than that one's 750 ms. */
const UNOBTAINABLE_AFTER_MS = 1_000;
/** A purr or the modern dial tone is known for what it is after this long. */
const DIAL_AFTER_MS = 160;
/** Frames cut a cadence at multiples of 20 ms, at both of its ends. */
const TOLERANCE_MS = 45;

/** Root-mean-square level of the samples, dBm0; -100 for nothing at all. */
export function levelDbm0(samples: Int16Array): number {
  let power = 0;
  for (const sample of samples) power += (sample / 32_767) ** 2;
  return decibels((2 * power) / Math.max(1, samples.length));
}

/** Level of one frequency (Goertzel's algorithm), dBm0. */
export function toneLevelDbm0(samples: Int16Array, frequencyHz: number): number {
  return decibels(tonePower(samples, frequencyHz));
}

const decibels = (power: number) => Math.max(-100, 10 * Math.log10(power + 1e-30) + FULL_SCALE_DBM0);

/** Square of the frequency's amplitude; full scale is 1. */
function tonePower(samples: Int16Array, frequencyHz: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * frequencyHz) / SAMPLE_RATE_HZ);
  let last = 0;
  let before = 0;
  for (const sample of samples) {
    const value = sample / 32_767 + coefficient * last - before;
    before = last;
    last = value;
  }
  const power = last * last + before * before - coefficient * last * before;
  return power * (2 / Math.max(1, samples.length)) ** 2;
}

/** Takes the end of the samples for what it sounds like. Cadences need two of their on or off times to be told. */
export function classify(samples: Int16Array): Heard {
  const runs = runsOf(samples);
  const last = runs.at(-1);
  if (last === undefined || !runs.some((run) => run.on)) return "silence";
  if (last.on) {
    const kind = kindOf(samples.subarray(Math.max(samples.length - 1_920, samples.length - (last.ms / 1000) * 8_000)));
    if (kind === "dial" && last.ms >= DIAL_AFTER_MS) return "dial";
    if (kind === "400" && last.ms >= UNOBTAINABLE_AFTER_MS) return "unobtainable";
  } else if (last.ms > 2_500) return "silence";
  const whole = runs.slice(1, -1);
  for (let count = Math.min(4, whole.length); count >= 2; count--) {
    const tone = cadenceOf(whole.slice(-count));
    if (tone !== null) return tone;
  }
  return "other";
}

interface Run {
  readonly on: boolean;
  readonly ms: number;
}

function runsOf(samples: Int16Array): Run[] {
  const runs: { on: boolean; ms: number }[] = [];
  for (let at = 0; at + FRAME_SAMPLES <= samples.length; at += FRAME_SAMPLES) {
    const on = levelDbm0(samples.subarray(at, at + FRAME_SAMPLES)) > AUDIBLE_DBM0;
    const run = runs.at(-1);
    if (run?.on === on) run.ms += FRAME_MS;
    else runs.push({ on, ms: FRAME_MS });
  }
  return runs;
}

interface Cadence {
  readonly tone: ToneName;
  readonly on: readonly number[];
  readonly off: readonly number[];
  readonly must: number;
  /** On and off times that have to be heard; 2 unless told. */
  readonly least?: number;
}

/** Era and modern cadences: the times that may occur, and one that must. */
const cadences: readonly Cadence[] = [
  { tone: "ringing", on: [400], off: [200, 2000], must: 400 },
  { tone: "busy", on: [750], off: [750], must: 750 },
  { tone: "congestion", on: [400, 225], off: [350, 525], must: 225 },
  { tone: "congestion", on: [400, 225], off: [350, 525], must: 525 },
  // The first two times of congestion tone, 400 and 350 ms, are as near to it as makes no difference.
  { tone: "busy", on: [375], off: [375], must: 375, least: 3 },
];

function cadenceOf(runs: readonly Run[]): ToneName | null {
  const near = (ms: number) => (wanted: number) => Math.abs(ms - wanted) <= TOLERANCE_MS;
  for (const { tone, on, off, must, least = 2 } of cadences) {
    if (runs.length < least) continue;
    if (runs.every((run) => (run.on ? on : off).some(near(run.ms))) && runs.some((run) => near(run.ms)(must))) {
      return tone;
    }
  }
  return null;
}

/** `dial` for a purr (33⅓ or 50 Hz), 400 Hz modulated by one, or 350 + 440 Hz. */
function kindOf(samples: Int16Array): "dial" | "400" | "other" {
  let power = 0;
  for (const sample of samples) power += (sample / 32_767) ** 2;
  const total = (2 * power) / Math.max(1, samples.length);
  const share = (frequencyHz: number) => tonePower(samples, frequencyHz) / total;
  if (share(400) > 0.85) return "400";
  if (share(350) > 0.25 && share(440) > 0.25) return "dial";
  // Modern ringing tone repeats every 20 ms too.
  if (share(400) > 0.25 && share(450) > 0.25) return "other";
  const repeats = (lagSamples: number) => {
    let product = 0;
    let squares = 0;
    for (let i = lagSamples; i < samples.length; i++) {
      product += (samples[i] ?? 0) * (samples[i - lagSamples] ?? 0);
      squares += ((samples[i] ?? 0) ** 2 + (samples[i - lagSamples] ?? 0) ** 2) / 2;
    }
    return product / Math.max(1, squares);
  };
  if (repeats(240) < 0.8 && repeats(160) < 0.8) return "other";
  if (share(400) > 0.5) return "dial";
  // A single tone repeats at its own short period; a purr does not.
  for (let lag = 4; lag <= 100; lag++) if (repeats(lag) > 0.9) return "other";
  return "dial";
}
