import type { DigitMap, PaxProfile } from "../config/pax-profile.ts";
import type { PatternStep } from "./port.ts";

/**
 * Digits to impulses. A pattern starts at the first break of a closed loop and ends closed, so that patterns can be
 * played one after another with the inter-digital pause between.
 */

/** The values of a profile that the encoder uses. */
export type EncoderProfile = Pick<PaxProfile, "digitMap" | "sendBreakMs" | "sendMakeMs">;

/** How many pulses stand for a digit (0-9): the reverse of `digitOf`. Throws a RangeError for anything else. */
export function pulsesOf(digit: number, map: DigitMap): number {
  if (!Number.isInteger(digit) || digit < 0 || digit > 9) throw new RangeError(`not a digit: ${digit}`);
  switch (map) {
    case "uk":
      return digit === 0 ? 10 : digit;
    case "sweden":
      return digit + 1;
    case "new-zealand":
      return 10 - digit;
  }
}

/** Impulses of one digit: break, make, break, ... The last make is as short as the others; the pause is not in it. */
export function encodeDigit(digit: number, profile: EncoderProfile): PatternStep[] {
  const steps: PatternStep[] = [];
  for (let pulse = pulsesOf(digit, profile.digitMap); pulse > 0; pulse--) {
    steps.push({ closed: false, ms: profile.sendBreakMs }, { closed: true, ms: profile.sendMakeMs });
  }
  return steps;
}

/** How long a pattern takes, ms. */
export function patternDuration(steps: readonly PatternStep[]): number {
  return steps.reduce((sum, step) => sum + step.ms, 0);
}
