import { assertNever } from "../base/assert-never.ts";
import type { PatternStep } from "../line/port.ts";
import type { Dial, DigitMap } from "./topology.ts";

/** Number of pulses for a digit 0-9. */
export function pulsesOf(digit: number, map: DigitMap): number {
  switch (map) {
    case "uk":
      return digit === 0 ? 10 : digit;
    case "sweden":
      return digit + 1;
    case "new-zealand":
      return 10 - digit;
    default:
      return assertNever(map);
  }
}

/**
 * Breaks and makes of a rotary dial for a number. Every digit is preceded by the pause of winding the dial up. Within
 * a digit the period grows by the dial's drift, as a governor that wears lets it.
 */
export function dialSteps(digits: string, dial: Dial, map: DigitMap): PatternStep[] {
  const steps: PatternStep[] = [];
  for (const digit of digits) {
    steps.push({ closed: true, ms: dial.interDigitalPauseMs });
    const pulses = pulsesOf(Number(digit), map);
    for (let i = 0; i < pulses; i++) {
      const periodMs = (1000 / dial.ips) * (1 + (dial.driftPercent / 100) * (i / 9 - 0.5));
      const breakMs = periodMs * (dial.breakPercent / 100);
      steps.push({ closed: false, ms: breakMs }, { closed: true, ms: periodMs - breakMs });
    }
  }
  return steps;
}
