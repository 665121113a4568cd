import fc from "fast-check";
import { expect, it } from "vitest";
import { digitMaps, type PaxProfile } from "../config/pax-profile.ts";
import { decoderStep, digitOf, newDecoder } from "./decoder.ts";
import { encodeDigit, patternDuration, pulsesOf } from "./encoder.ts";
import type { PatternStep } from "./port.ts";
import { pax50 } from "./profiles.ts";

/** A whole number as the line sends it: with the inter-digital pause from a digit's last break to the next's first. */
function encodeNumber(digits: readonly number[], profile: PaxProfile): PatternStep[] {
  const steps: PatternStep[] = [];
  for (const [index, digit] of digits.entries()) {
    const pulses = encodeDigit(digit, profile);
    if (index < digits.length - 1) pulses[pulses.length - 1] = { closed: true, ms: profile.interDigitalPauseMs };
    steps.push(...pulses);
  }
  return steps;
}

/** What a decoder at the other end makes of a pattern. */
function heard(steps: readonly PatternStep[], profile = pax50): number[] {
  const state = newDecoder(profile, true, 0);
  let at = 1_000;
  const out = steps.flatMap((step) => {
    const decided = decoderStep(state, { type: "edge", closed: step.closed, atMs: at });
    at += step.ms;
    return decided;
  });
  out.push(...decoderStep(state, { type: "time", atMs: at + 1_000 }));
  return out.flatMap((o) => (o.type === "digit" ? [o.digit] : o.type === "error" ? [Number.NaN] : []));
}

const digits = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 8 });

it("sends what the decoder understands, in every digit map and at every speed of the envelope", () => {
  fc.assert(
    fc.property(
      digits,
      fc.constantFrom(...digitMaps),
      fc.double({ min: 7.1, max: 14, noNaN: true }),
      fc.double({ min: 55, max: 80, noNaN: true }),
      (number, digitMap, ips, percent) => {
        const sendBreakMs = (10 * percent) / ips;
        const profile = { ...pax50, digitMap, sendBreakMs, sendMakeMs: 1000 / ips - sendBreakMs };
        expect(heard(encodeNumber(number, profile), profile)).toEqual(number);
      },
    ),
  );
});

it("begins with a break, ends closed, and alternates", () => {
  fc.assert(
    fc.property(digits, (number) => {
      const steps = encodeNumber(number, pax50);
      expect(steps.map((step) => step.closed)).toEqual(steps.map((_, index) => index % 2 === 1));
      expect(steps.length % 2).toBe(0);
    }),
  );
});

it("keeps to the standard's figures: 67 ms break, 33 ms make, 800 ms between digits", () => {
  expect(encodeNumber([2, 1], pax50)).toEqual([
    { closed: false, ms: 67 },
    { closed: true, ms: 33 },
    { closed: false, ms: 67 },
    { closed: true, ms: 800 },
    { closed: false, ms: 67 },
    { closed: true, ms: 33 },
  ]);
  expect(patternDuration(encodeDigit(0, pax50))).toBe(1_000);
});

it.each(digitMaps)("has pulses for every digit, and back (%s)", (map) => {
  for (let digit = 0; digit <= 9; digit++) expect(digitOf(pulsesOf(digit, map), map)).toBe(digit);
});

it.each([-1, 10, 1.5, Number.NaN])("refuses %s as a digit", (digit) => {
  expect(() => encodeDigit(digit, pax50)).toThrow(RangeError);
});
