import { SAMPLE_RATE_HZ } from "../line/port.ts";
import type { ToneName } from "../line/types.ts";

/** Amplitude of a full-scale sine is +3.14 dBm0 (ITU-T G.711). */
export const FULL_SCALE_DBM0 = 3.14;
/** Level of the exchange's tones, dBm0 (EJ). */
export const TONE_DBM0 = -12;

/** Peak value of a sine of this level. */
export function amplitudeOf(dbm0: number): number {
  return 32_767 * 10 ** ((dbm0 - FULL_SCALE_DBM0) / 20);
}

/** On and off times in ms, beginning with on; null is continuous. All tones come from one interrupter. */
const cadences: Record<ToneName, readonly number[] | null> = {
  dial: null,
  ringing: [400, 200, 400, 2000],
  busy: [750, 750],
  congestion: [400, 350, 225, 525],
  unobtainable: null,
};

/** Whether a cadence is in one of its on times; `atMs` counts from the interrupter's beginning. */
export function cadenceOn(tone: ToneName, atMs: number): boolean {
  const cadence = cadences[tone];
  if (cadence === null) return true;
  let within = atMs % cadence.reduce((sum, ms) => sum + ms, 0);
  for (const [index, ms] of cadence.entries()) {
    if (within < ms) return index % 2 === 0;
    within -= ms;
  }
  return false;
}

/** One period (30 ms) of the 33⅓ Hz purr. Its fundamental is below the telephone band: what is heard are harmonics. */
const purr = (() => {
  const period = new Float64Array((SAMPLE_RATE_HZ * 3) / 100);
  let power = 0;
  for (let sample = 0; sample < period.length; sample++) {
    let sum = 0;
    for (let harmonic = 9; harmonic <= 40; harmonic++) {
      // Phases that grow with the square keep the harmonics from all peaking together (Schroeder, 1970).
      const phase = (Math.PI * harmonic * harmonic) / 32;
      sum += Math.sin((2 * Math.PI * harmonic * sample) / period.length + phase) / harmonic;
    }
    period[sample] = sum;
    power += (sum * sum) / period.length;
  }
  return period.map((value) => value / Math.sqrt(2 * power));
})();

/** Fills a frame with a tone; `atSample` counts from the interrupter's beginning. */
export function writeTone(tone: ToneName, atSample: number, frame: Int16Array): void {
  const peak = amplitudeOf(TONE_DBM0);
  for (let i = 0; i < frame.length; i++) {
    const sample = atSample + i;
    if (!cadenceOn(tone, (sample * 1000) / SAMPLE_RATE_HZ)) frame[i] = 0;
    else if (tone === "dial") frame[i] = peak * (purr[sample % purr.length] ?? 0);
    else {
      const seconds = sample / SAMPLE_RATE_HZ;
      // Ringing tone is 400 Hz modulated at half the ringing current's 33⅓ Hz.
      const envelope = tone === "ringing" ? (1 + Math.cos((2 * Math.PI * 50 * seconds) / 3)) / 2 : 1;
      frame[i] = peak * envelope * Math.sin(2 * Math.PI * 400 * seconds);
    }
  }
}
