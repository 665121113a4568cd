import { describe, expect, it } from "vitest";
import { toneNames } from "../line/types.ts";
import { classify, levelDbm0, toneLevelDbm0 } from "./ear.ts";
import { amplitudeOf, writeTone } from "./pax-tones.ts";

function exchangeTone(tone: (typeof toneNames)[number], ms: number, startMs = 0): Int16Array {
  const samples = new Int16Array(ms * 8);
  writeTone(tone, startMs * 8, samples);
  return samples;
}

function sines(ms: number, ...frequenciesHz: number[]): Int16Array {
  return Int16Array.from({ length: ms * 8 }, (_, i) =>
    frequenciesHz.reduce((sum, hz) => sum + amplitudeOf(-15) * Math.sin((2 * Math.PI * hz * i) / 8_000), 0),
  );
}

describe("what an ear takes a sound for", () => {
  it.each(toneNames)("the exchange's own %s tone, wherever it begins to listen", (tone) => {
    for (let startMs = 0; startMs < 3_000; startMs += 170) {
      expect(classify(exchangeTone(tone, 4_000, startMs)), `from ${startMs} ms`).toBe(tone);
    }
  });

  it.each(toneNames)("%s tone for no other one, however little of it was heard", (tone) => {
    for (let startMs = 0; startMs < 3_000; startMs += 340) {
      for (let ms = 20; ms <= 4_000; ms += 60) {
        const heard = classify(exchangeTone(tone, ms, startMs));
        expect([tone, "other", "silence"], `${ms} ms from ${startMs} ms`).toContain(heard);
      }
    }
  });

  it("dial tone after a quarter of a second", () => {
    expect(classify(exchangeTone("dial", 260))).toBe("dial");
  });

  it("the modern dial tone, and 400 Hz modulated with 33 Hz", () => {
    expect(classify(sines(400, 350, 440))).toBe("dial");
    const carrier = sines(400, 400).map((sample, i) => (sample * (1 + Math.cos((2 * Math.PI * 33 * i) / 8_000))) / 2);
    expect(classify(carrier)).toBe("dial");
  });

  it("no tone of an exchange in a single other frequency, nor in modern ringing", () => {
    for (const hz of [300, 500, 800, 1000, 1700, 3000]) expect(classify(sines(2_000, hz))).toBe("other");
    expect(classify(sines(400, 400, 450))).toBe("other");
  });

  it("silence in nothing, and in what is too weak to hear", () => {
    expect(classify(new Int16Array(8_000))).toBe("silence");
    expect(classify(exchangeTone("unobtainable", 1_000).map((sample) => sample / 64))).toBe("silence");
  });
});

it("measures levels in dBm0: a full-scale sine has +3.14", () => {
  const full = Int16Array.from({ length: 8_000 }, (_, i) => 32_767 * Math.sin((i * Math.PI) / 4));
  expect(levelDbm0(full)).toBeCloseTo(3.14, 1);
  expect(toneLevelDbm0(full, 1_000)).toBeCloseTo(3.14, 1);
  expect(toneLevelDbm0(full, 700)).toBeLessThan(-40);
});
