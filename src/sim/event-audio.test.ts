import { describe, expect, it } from "vitest";
import { amplitudeOf, classify, decodeAlaw, encodeAlaw, FLOOR_DB, levelDb, toneLevelDb } from "./event-audio.ts";

const RATE_HZ = 8_000;

function tone(frequencyHz: number, level: number, ms: number): Int16Array {
  const amplitude = amplitudeOf(level);
  return Int16Array.from({ length: (RATE_HZ * ms) / 1_000 }, (_, index) =>
    Math.round(amplitude * Math.sin((2 * Math.PI * frequencyHz * index) / RATE_HZ)),
  );
}

describe("a telephone's audio", () => {
  it("survives A-law for each of the 256 codes", () => {
    for (let code = 0; code < 256; code++) expect(encodeAlaw(decodeAlaw(code))).toBe(code);
  });

  it("is coded with an error of no more than half an interval", () => {
    for (let sample = -32_768; sample < 32_768; sample += 7) {
      const limit = Math.max(8, 2 ** (Math.floor(Math.log2(Math.max(1, Math.abs(sample)))) - 5) + 1);
      expect(Math.abs(decodeAlaw(encodeAlaw(sample)) - sample)).toBeLessThanOrEqual(limit);
    }
  });

  it("is measured at the tone's frequency, and is some 60 dB weaker beside it", () => {
    const samples = tone(1_000, -16, 200);
    expect(levelDb(samples)).toBeCloseTo(-16, 1);
    expect(toneLevelDb(samples, 1_000, RATE_HZ)).toBeCloseTo(-16, 1);
    expect(toneLevelDb(samples, 1_050, RATE_HZ)).toBeLessThan(-65);
  });

  it("is nothing when there is none", () => {
    expect(levelDb(new Int16Array(160))).toBe(FLOOR_DB);
    expect(toneLevelDb(new Int16Array(0), 1_000, RATE_HZ)).toBe(FLOOR_DB);
    expect([-80, -50, -20].map(classify)).toEqual(["nothing", "faint", "sound"]);
  });
});
