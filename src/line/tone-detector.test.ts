import { describe, expect, it } from "vitest";
import { toneSets } from "../config/pax-profile.ts";
import type { Heard } from "./machine.ts";
import { FRAME_SAMPLES } from "./port.ts";
import { newToneDetector, toneDetectorStep } from "./tone-detector.ts";
import { fillTone, renderTone, TONE_LEVEL_DBM0, type ToneSamples, toneSamples } from "./tones.ts";
import { seededRandom } from "./train-generator.ts";
import { toneNames } from "./types.ts";

interface Conditions {
  readonly seconds?: number;
  readonly levelDbm0?: number;
  readonly startAt?: number;
  /** A click in every so many frames. */
  readonly clicksEvery?: number;
  readonly noiseRms?: number;
}

/** What a detector says of a tone. */
function listen(tone: ToneSamples, conditions: Conditions = {}): Heard[] {
  const { seconds = 12, levelDbm0 = TONE_LEVEL_DBM0, startAt = 0, clicksEvery = 0, noiseRms = 0 } = conditions;
  const random = seededRandom(startAt + 1);
  const detector = newToneDetector(3_000);
  const gain = 10 ** ((levelDbm0 - TONE_LEVEL_DBM0) / 20);
  const frame = new Int16Array(FRAME_SAMPLES);
  const out: Heard[] = [];
  let position = startAt;
  for (let n = 0; n < seconds * 50; n++) {
    position = fillTone(tone, position, frame);
    for (let i = 0; i < frame.length; i++) {
      const noise = noiseRms * Math.sqrt(12) * (random() - 0.5);
      frame[i] = Math.max(-32_768, Math.min(32_767, (frame[i] ?? 0) * gain + noise));
    }
    if (clicksEvery > 0 && n % clicksEvery === 0) frame.fill(20_000, 70, 76);
    out.push(...toneDetectorStep(detector, frame));
  }
  return out;
}

const names = (heard: readonly Heard[]) => new Set(heard.map((h) => h.tone).filter((tone) => tone !== "silence"));

const levels = [-35, -20, -13, 0];

describe.each(toneSets)("the %s tones", (set) => {
  for (const name of toneNames) {
    it.each(levels)(`${name} tone is recognised as itself and nothing else at %d dBm0`, (levelDbm0) => {
      // The purr's peaks are clipped at 0 dBm0, as a real line's would be.
      for (const startAt of [0, 1_234, 5_678]) {
        const heard = listen(toneSamples(set, name), { levelDbm0, startAt });
        const others = [...names(heard)].filter((tone) => tone !== name);
        expect([name, startAt, ...others]).toEqual([name, startAt]);
        expect(names(heard)).toContain(name);
      }
    });

    it(`${name} tone is recognised through clicks and noise`, () => {
      const heard = listen(toneSamples(set, name), { clicksEvery: 23, noiseRms: 60 });
      expect(names(heard)).toContain(name);
    });
  }
});

it.each(["400*33", "350+440", "purr"])("takes %s for dial tone within 0.7 s", (text) => {
  expect(names(listen(renderTone(text), { seconds: 0.7 }))).toEqual(new Set(["dial"]));
});

it.each([47, 50, 53])("takes a %d Hz purr for dial tone", (hz) => {
  const loop = Int16Array.from({ length: 8_000 }, (_, n) =>
    [2, 3, 4, 5, 6, 7, 8, 9, 10].reduce(
      (sum, h) => sum + (6_000 / h) * Math.sin((2 * Math.PI * hz * h * n) / 8_000),
      0,
    ),
  );
  expect(names(listen({ intro: new Int16Array(0), loop }))).toEqual(new Set(["dial"]));
});

it.each([
  ["50 Hz alone", { 1: 1 }],
  ["with its third harmonic", { 1: 1, 3: 0.5 }],
  ["of a saturated transformer", { 1: 1, 3: 0.6, 5: 0.5, 7: 0.3 }],
  ["with even harmonics too", { 1: 1, 2: 0.5, 3: 0.8, 4: 0.3, 5: 0.6, 7: 0.3 }],
  ["of a rectifier's 100 Hz", { 2: 1, 4: 0.5, 6: 0.3 }],
] as const)("does not take the mains' hum for dial tone: %s", (_, harmonics) => {
  for (const hz of [49.8, 50, 50.2]) {
    const loop = Int16Array.from({ length: 40_000 }, (_, n) =>
      Object.entries(harmonics).reduce(
        (sum, [h, level]) => sum + 1_000 * level * Math.sin((2 * Math.PI * hz * Number(h) * n) / 8_000 + Number(h)),
        0,
      ),
    );
    expect(names(listen({ intro: new Int16Array(0), loop }, { seconds: 4 }))).not.toContain("dial");
  }
});

it("counts the cycles of busy tone and of congestion", () => {
  const busy = listen(toneSamples("era", "busy"), { seconds: 6.2 });
  expect(busy.filter((h) => h.tone === "busy").at(-1)?.cycles).toBe(4);
  const congestion = listen(toneSamples("era", "congestion"), { seconds: 20 });
  expect(names(congestion)).toEqual(new Set(["congestion"]));
  expect(congestion.filter((h) => h.tone === "congestion").at(-1)?.cycles).toBeGreaterThan(8);
});

it("hears ringing again within every 3.2 s while it lasts", () => {
  const detector = newToneDetector(3_000);
  const frame = new Int16Array(FRAME_SAMPLES);
  const at: number[] = [];
  let position = 0;
  for (let n = 0; n < 1_000; n++) {
    position = fillTone(toneSamples("era", "ringing"), position, frame);
    if (toneDetectorStep(detector, frame).some((h) => h.tone === "ringing")) at.push(n * 20);
  }
  expect(at[0]).toBeLessThan(1_200);
  for (const [index, ms] of at.entries()) expect(ms - (at[index - 1] ?? 0)).toBeLessThan(3_000);
});

it("calls noise speech, and silence silence", () => {
  const silence = { intro: new Int16Array(0), loop: new Int16Array(160) };
  expect(listen(silence, { noiseRms: 2_000, seconds: 2 })).toEqual([{ tone: "speech", cycles: 0 }]);
  expect(listen(silence, { seconds: 2 })).toEqual([{ tone: "silence", cycles: 0 }]);
  expect(listen(silence, { seconds: 10, clicksEvery: 31 })).toEqual([{ tone: "silence", cycles: 0 }]);
});

it("does not take a milliwatt (1 kHz) for a tone of the PAX", () => {
  expect(names(listen(renderTone("1000")))).toEqual(new Set(["speech"]));
});
