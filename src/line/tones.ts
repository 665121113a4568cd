import type { ToneSet } from "../config/pax-profile.ts";
import { FRAME_SAMPLES, SAMPLE_RATE_HZ } from "./port.ts";
import type { ToneName } from "./types.ts";

/**
 * Tones towards a PAX caller, from Asterisk's indication strings. Every tone is computed once and shared by all lines;
 * after that a frame is a copy.
 */

/** RMS of 0 dBm0 in 16-bit linear samples: G.711 A-law overloads at +3.14 dBm0 with peaks of 32256 (ITU-T G.711). */
export const ZERO_DBM0_RMS = 32_256 / Math.SQRT2 / 10 ** (3.14 / 20);
/** Level of our tones, dBm0: supervisory tones are sent at about -13 (EJ; the United Kingdom's lie between -9 and -19). */
export const TONE_LEVEL_DBM0 = -13;

/** Tones of the 1960s and of today, as Asterisk's indications.conf writes them. `purr` is ours: see `purrPeriod`. */
export const toneStrings: Readonly<Record<ToneSet, Readonly<Record<ToneName, string>>>> = {
  era: {
    dial: "purr",
    ringing: "400*17/400,0/200,400*17/400,0/2000",
    busy: "400/750,0/750",
    congestion: "400/400,0/350,400/225,0/525",
    unobtainable: "400",
  },
  modern: {
    dial: "350+440",
    ringing: "400+450/400,0/200,400+450/400,0/2000",
    busy: "400/375,0/375",
    congestion: "400/400,0/350,400/225,0/525",
    unobtainable: "400",
  },
};

/** One element of an indication string. `ms` null lasts for ever. */
export interface ToneSegment {
  /** Frequencies that sound together, Hz; none is silence. */
  readonly hz: readonly number[];
  /** Frequency that modulates the amplitude, Hz. */
  readonly modulatedBy: number | null;
  readonly ms: number | null;
  /** Played once, before the rest repeats (`!`). */
  readonly once: boolean;
}

/** Reads an indication string: `f`, `f1+f2`, `f*m`, `/ms`, `!` and commas. Throws a SyntaxError for anything else. */
export function parseIndication(text: string): ToneSegment[] {
  return text.split(",").map((part) => {
    const match = /^\s*(!?)(\d+)(?:([+*])(\d+))?(?:\/(\d+))?\s*$/.exec(part);
    if (match === null) throw new SyntaxError(`not a tone: ${JSON.stringify(part)}`);
    const [, once, first, joint, second, ms] = match;
    const f1 = Number(first);
    const f2 = Number(second);
    if (f1 >= SAMPLE_RATE_HZ / 2 || f2 >= SAMPLE_RATE_HZ / 2) throw new SyntaxError(`not in the band: ${part}`);
    return {
      hz: f1 === 0 ? [] : joint === "+" ? [f1, f2] : [f1],
      modulatedBy: joint === "*" ? f2 : null,
      ms: ms === undefined ? null : Number(ms),
      once: once === "!",
    };
  });
}

/** Samples of a tone: `intro` once, then `loop` for ever. */
export interface ToneSamples {
  readonly intro: Int16Array;
  readonly loop: Int16Array;
}

/** Depth of amplitude modulation (`f*m`), as Asterisk does it: 90 %. */
const MODULATION_DEPTH = 0.9;
/** A continuous tone repeats after a second: every whole number of hertz then joins up with itself. */
const CONTINUOUS_SAMPLES = SAMPLE_RATE_HZ;

function renderSegment(segment: ToneSegment): Int16Array {
  const length = segment.ms === null ? CONTINUOUS_SAMPLES : Math.round((segment.ms * SAMPLE_RATE_HZ) / 1000);
  const step = (2 * Math.PI) / SAMPLE_RATE_HZ;
  const wave = new Float64Array(length);
  for (let n = 0; n < length; n++) {
    let sum = 0;
    for (const hz of segment.hz) sum += Math.sin(hz * step * n);
    const { modulatedBy } = segment;
    wave[n] = modulatedBy === null ? sum : sum * (1 + MODULATION_DEPTH * Math.sin(modulatedBy * step * n));
  }
  return toLevel(wave);
}

/**
 * One period of a 33⅓ Hz purr. The fundamental is below the telephone band, so what a caller recognises is its
 * harmonics: the 3rd to the 30th (100 Hz to 1 kHz), falling as a commutator's do (EJ).
 */
function purrPeriod(): Int16Array {
  const length = (SAMPLE_RATE_HZ * 3) / 100;
  const wave = new Float64Array(length);
  for (let n = 0; n < length; n++) {
    let sum = 0;
    for (let harmonic = 3; harmonic <= 30; harmonic++) {
      sum += Math.sin((2 * Math.PI * harmonic * n) / length) / harmonic;
    }
    wave[n] = sum;
  }
  return toLevel(wave);
}

/** Scales a wave to the level of our tones; silence stays silent. */
function toLevel(wave: Float64Array): Int16Array {
  const rms = Math.sqrt(wave.reduce((sum, x) => sum + x * x, 0) / Math.max(1, wave.length));
  const scale = rms === 0 ? 0 : (ZERO_DBM0_RMS * 10 ** (TONE_LEVEL_DBM0 / 20)) / rms;
  return Int16Array.from(wave, (x) => Math.round(x * scale));
}

function join(parts: readonly Int16Array[]): Int16Array {
  const out = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The samples of an indication string, or of `purr`. */
export function renderTone(text: string): ToneSamples {
  if (text === "purr") return { intro: new Int16Array(0), loop: purrPeriod() };
  const segments = parseIndication(text);
  const intro = join(segments.filter((segment) => segment.once).map(renderSegment));
  const loop = join(segments.filter((segment) => !segment.once).map(renderSegment));
  // A string of `!` parts only ends in silence.
  return { intro, loop: loop.length === 0 ? new Int16Array(FRAME_SAMPLES) : loop };
}

const rendered = new Map<string, ToneSamples>();

/** A tone's samples, computed at its first use. */
export function toneSamples(set: ToneSet, name: ToneName): ToneSamples {
  const text = toneStrings[set][name];
  let samples = rendered.get(text);
  if (samples === undefined) {
    samples = renderTone(text);
    rendered.set(text, samples);
  }
  return samples;
}

/** Fills `frame` with the tone from sample `position` on and returns the position of the next frame. */
export function fillTone(tone: ToneSamples, position: number, frame: Int16Array): number {
  const { intro, loop } = tone;
  let at = position;
  let filled = 0;
  while (filled < frame.length) {
    const source = at < intro.length ? intro : loop;
    const from = at < intro.length ? at : (at - intro.length) % loop.length;
    const count = Math.min(frame.length - filled, source.length - from);
    for (let i = 0; i < count; i++) frame[filled + i] = source[from + i] ?? 0;
    filled += count;
    at += count;
  }
  // Keeps the position small in a tone that lasts for hours.
  return at < intro.length ? at : intro.length + ((at - intro.length) % loop.length);
}
