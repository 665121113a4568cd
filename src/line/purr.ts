import { FRAME_SAMPLES } from "./port.ts";

/** Dial tone of the era: a sound that repeats 33⅓ or 50 times a second and has no pitch of its own. */

/** Decimation by 4 for the purr: 2 kHz, whose lags 54-66 are 30 ms and 36-44 are 20 ms, each with a tenth of tolerance. */
export const DECIMATED = FRAME_SAMPLES / 4;
/** Frames of history that the longest lag reaches back. */
export const HISTORY = 3 * DECIMATED;
const PURR_LAGS = [
  [54, 66],
  [36, 44],
] as const;
/** What repeats within 12 ms already is a tone or a voice, not a purr. */
const VOICE_LAGS = [4, 24] as const;

/** Correlation with the period before that makes a purr (EJ). */
const PURR_CORRELATION = 0.7;

/** Goertzel coefficient of the mains' 50 Hz: bin 3 of the history's 60 ms. */
const MAINS = 2 * Math.cos((2 * Math.PI * 3) / HISTORY);
/** Share of the energy at 50 Hz above which it is hum (EJ): an exchange's purr comes to us by its harmonics of 100 Hz on. */
const HUM_SHARE = 0.3;

/** Whether the last frame repeats what was 30 ms or 20 ms before, and nothing sooner, and is not the mains' hum. */
export function purrs(history: Float64Array): boolean {
  return PURR_LAGS.some((lags) => repeats(history, lags)) && !repeats(history, VOICE_LAGS) && !hums(history);
}

function hums(history: Float64Array): boolean {
  let [a1, a2, energy] = [0, 0, 0];
  for (let n = 0; n < HISTORY; n++) {
    const x = history[n] ?? 0;
    energy += x * x;
    const a0 = x + MAINS * a1 - a2;
    a2 = a1;
    a1 = a0;
  }
  return 2 * (a1 * a1 + a2 * a2 - MAINS * a1 * a2) > HUM_SHARE * HISTORY * energy;
}

function repeats(history: Float64Array, [from, to]: readonly [number, number]): boolean {
  const start = HISTORY - DECIMATED;
  for (let lag = from; lag <= to; lag++) {
    let product = 0;
    let now = 0;
    let then = 0;
    for (let n = start; n < HISTORY; n++) {
      const x = history[n] ?? 0;
      const y = history[n - lag] ?? 0;
      product += x * y;
      now += x * x;
      then += y * y;
    }
    if (product > PURR_CORRELATION * Math.sqrt(now * then)) return true;
  }
  return false;
}
