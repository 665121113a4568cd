import { expect, it } from "vitest";
import { toneSets } from "../config/pax-profile.ts";
import { FRAME_SAMPLES } from "./port.ts";
import { fillTone, parseIndication, renderTone, TONE_LEVEL_DBM0, toneSamples, ZERO_DBM0_RMS } from "./tones.ts";
import { toneNames } from "./types.ts";

it("reads indication strings", () => {
  expect(parseIndication("!950/330,400*17/400,0/200,350+440")).toEqual([
    { hz: [950], modulatedBy: null, ms: 330, once: true },
    { hz: [400], modulatedBy: 17, ms: 400, once: false },
    { hz: [], modulatedBy: null, ms: 200, once: false },
    { hz: [350, 440], modulatedBy: null, ms: null, once: false },
  ]);
});

it.each(["", "400//1", "abc", "400+", "400,", "5000", "400;x"])("refuses %j", (text) => {
  expect(() => parseIndication(text)).toThrow(SyntaxError);
});

it.each(toneSets)("sends every %s tone at its level, with no jump where it repeats", (set) => {
  for (const name of toneNames) {
    const { loop } = toneSamples(set, name);
    const sounding = loop.filter((x, n) => x !== 0 || loop[n - 1] !== 0 || loop[n + 1] !== 0);
    const rms = Math.sqrt(sounding.reduce((sum, x) => sum + x * x, 0) / sounding.length);
    expect(20 * Math.log10(rms / ZERO_DBM0_RMS)).toBeCloseTo(TONE_LEVEL_DBM0, 0);
    const steps = loop.map((x, n) => Math.abs(x - (loop[n - 1] ?? x)));
    expect(Math.abs((loop[0] ?? 0) - (loop.at(-1) ?? 0))).toBeLessThanOrEqual(Math.max(...steps));
  }
});

it("plays `!` parts once and the rest for ever, across frames", () => {
  const tone = renderTone("!800/30,0/50");
  const frame = new Int16Array(FRAME_SAMPLES);
  let position = 0;
  const sounding: boolean[] = [];
  for (let n = 0; n < 10; n++) {
    position = fillTone(tone, position, frame);
    sounding.push(frame.some((x) => x !== 0));
  }
  expect(sounding).toEqual([true, true, false, false, false, false, false, false, false, false]);
});

it("keeps a cadence to the sample over minutes", () => {
  const tone = toneSamples("era", "busy");
  const frame = new Int16Array(FRAME_SAMPLES);
  let position = 0;
  let silent = 0;
  for (let n = 0; n < 75 * 40; n++) {
    position = fillTone(tone, position, frame);
    if (frame.every((x) => x === 0)) silent++;
  }
  // 37 whole silent frames in each 1.5 s: 750 ms hold 37 and a half.
  expect(silent).toBe(37 * 40);
});
