import { expect, it } from "vitest";
import { applyGain, g711Decode, g711Encode, gainFactor } from "./g711.ts";

it.each(["alaw", "ulaw"] as const)("gives every %s code back", (law) => {
  const codes = Uint8Array.from({ length: 256 }, (_, code) => code);
  const samples = new Int16Array(256);
  g711Decode(law, codes, samples);
  const back = new Uint8Array(256);
  g711Encode(law, samples, back);
  // µ-law has two codes for zero; either will do.
  const again = new Int16Array(256);
  g711Decode(law, back, again);
  expect(again).toEqual(samples);
});

it.each(["alaw", "ulaw"] as const)("keeps %s samples within its quantisation", (law) => {
  const samples = Int16Array.from({ length: 65_536 }, (_, n) => n - 32_768);
  const codes = new Uint8Array(samples.length);
  const back = new Int16Array(samples.length);
  g711Encode(law, samples, codes);
  g711Decode(law, codes, back);
  for (const [n, x] of samples.entries()) {
    const error = Math.abs((back[n] ?? 0) - x);
    if (error > Math.max(8, Math.abs(x) / 25)) expect([x, back[n]]).toEqual([x, x]);
  }
});

it("has the standard's values", () => {
  const samples = new Int16Array(4);
  g711Decode("alaw", Uint8Array.of(0xd5, 0x55, 0xaa, 0x2a), samples);
  expect([...samples]).toEqual([8, -8, 32_256, -32_256]);
  g711Decode("ulaw", Uint8Array.of(0xff, 0x80, 0x00, 0x7f), samples);
  expect([...samples]).toEqual([0, 32_124, -32_124, 0]);
});

it("limits what a gain would overflow", () => {
  const out = new Int16Array(3);
  applyGain(Int16Array.of(20_000, -20_000, 100), out, gainFactor(6));
  expect([...out]).toEqual([32_767, -32_768, 200]);
});
