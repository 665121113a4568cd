/**
 * Measuring and coding of a simulated telephone's audio: pure. The A-law is computed here, not taken from the line room's
 * tables, so that a fault of either is heard.
 */

const FULL_SCALE = 32_767;
/** What is reported instead of minus infinity, dB. */
export const FLOOR_DB = -120;

/** One sample (16-bit linear) as A-law (ITU-T G.711, even bits inverted). */
export function encodeAlaw(sample: number): number {
  const negative = sample < 0;
  const magnitude = Math.min((negative ? ~sample : sample) >> 4, 0x7ff);
  const segment = Math.max(1, 31 - Math.clz32(magnitude) - 3);
  const code = magnitude < 32 ? magnitude : (segment << 4) | ((magnitude >> (segment - 1)) & 0x0f);
  return (code | (negative ? 0 : 0x80)) ^ 0x55;
}

/** The middle of the A-law code's interval, 16-bit linear. */
export function decodeAlaw(byte: number): number {
  const code = byte ^ 0x55;
  const segment = (code >> 4) & 0x07;
  const step = code & 0x0f;
  const magnitude = segment === 0 ? (step << 4) + 8 : ((step << 4) + 0x108) << (segment - 1);
  return (code & 0x80) === 0 ? -magnitude : magnitude;
}

export function amplitudeOf(levelDb: number): number {
  return FULL_SCALE * 10 ** (levelDb / 20);
}

function toDb(ratio: number): number {
  return ratio <= 0 ? FLOOR_DB : Math.max(FLOOR_DB, 20 * Math.log10(ratio));
}

/** Level of everything, dB relative to a full-scale sine. */
export function levelDb(samples: Int16Array): number {
  if (samples.length === 0) return FLOOR_DB;
  let energy = 0;
  for (const sample of samples) energy += sample * sample;
  return toDb(Math.sqrt((2 * energy) / samples.length) / FULL_SCALE);
}

/**
 * Level at one frequency, dB relative to a full-scale sine (Goertzel, Hann window: a neighbour four or more bins of
 * `rate / samples` away is some 60 dB down).
 */
export function toneLevelDb(samples: Int16Array, frequencyHz: number, rateHz: number): number {
  const count = samples.length;
  if (count === 0) return FLOOR_DB;
  const coefficient = 2 * Math.cos((2 * Math.PI * frequencyHz) / rateHz);
  let first = 0;
  let second = 0;
  let weight = 0;
  for (let index = 0; index < count; index++) {
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * (index + 0.5)) / count);
    const next = (samples[index] ?? 0) * window + coefficient * first - second;
    second = first;
    first = next;
    weight += window;
  }
  const power = first * first + second * second - coefficient * first * second;
  return toDb((2 * Math.sqrt(Math.max(0, power))) / weight / FULL_SCALE);
}

/** By level: below -60 dB a line is quiet, above -40 dB somebody speaks or a tone is on. */
export function classify(level: number): "nothing" | "faint" | "sound" {
  if (level < -60) return "nothing";
  return level < -40 ? "faint" : "sound";
}
