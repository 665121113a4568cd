import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FRAME_SAMPLES } from "../line/port.ts";
import {
  encodeAudio,
  encodeJson,
  MAX_PATTERN_STEPS,
  parseFromLine,
  parseFromPanel,
  parseToLine,
  parseToPanel,
  type ToLine,
  WireReader,
} from "./port.ts";

const messages: ToLine[] = [
  { type: "open", line: "pax1" },
  { type: "set", output: "loop", active: true },
  { type: "pattern", steps: [{ closed: false, ms: 66.7 }] },
  { type: "levels", id: 3 },
  { type: "close" },
];
const audio = Int16Array.from({ length: FRAME_SAMPLES }, (_, i) => (i - 80) * 400);

describe("the wire between a simulated line and its driver", () => {
  it("carries messages and audio whatever the pieces in which the stream arrives", () => {
    const stream = Buffer.concat([...messages.map(encodeJson), encodeAudio(audio), encodeJson({ type: "refresh" })]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (sizes) => {
        const reader = new WireReader();
        const got: unknown[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          for (const wire of reader.push(stream.subarray(at, at + size))) {
            got.push(wire.kind === "json" ? parseToLine(wire.value) : wire.samples);
          }
          at += size;
        }
        expect(got).toEqual([...messages, audio, { type: "refresh" }]);
      }),
      { numRuns: 50 },
    );
  });

  it("refuses lengths that no frame has, audio of another length, and other kinds", () => {
    expect(() => new WireReader().push(Uint8Array.of(0, 0, 0, 0, 0))).toThrow();
    expect(() => new WireReader().push(Uint8Array.of(0, 2, 0, 0, 0))).toThrow();
    expect(() => new WireReader().push(Uint8Array.of(0, 0, 0, 3, 1, 0, 0))).toThrow();
    expect(() => new WireReader().push(Uint8Array.of(0, 0, 0, 3, 7, 0x7b, 0x7d))).toThrow();
  });

  it("takes nothing for a message that is none", () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => parseToLine(value) === null && parseFromLine(value) === null));
    const step = { closed: true, ms: 10 };
    for (const steps of [
      null,
      [1],
      [{ ...step, ms: 0 }],
      [{ ...step, ms: "9" }],
      Array(MAX_PATTERN_STEPS + 1).fill(step),
    ]) {
      expect(parseToLine({ type: "pattern", steps })).toBeNull();
    }
    expect(parseToLine({ type: "set", output: "ring", active: true })).toBeNull();
    expect(parseFromLine({ type: "edge", input: "busy", active: true, atMs: 1 })).toBeNull();
  });
});

describe("the wire between a simulated contact or LED and its driver", () => {
  it("carries its messages, and takes nothing else for one", () => {
    const panel = [{ type: "open-contact", contact: "button" }, { type: "open-led" }, { type: "led", pattern: "on" }];
    for (const message of panel) expect(parseToPanel(message)).toEqual(message);
    for (const message of [{ type: "contact", active: true, atMs: 5 }, { type: "led-opened" }]) {
      expect(parseFromPanel(message)).toEqual(message);
    }
    for (const bad of [
      { type: "open-contact", contact: "x".repeat(65) },
      { type: "led", pattern: "on\n" },
      { type: "contact", active: 1, atMs: 5 },
    ]) {
      expect([parseToPanel(bad), parseFromPanel(bad)]).toEqual([null, null]);
    }
    fc.assert(fc.property(fc.jsonValue(), (value) => parseToPanel(value) === null && parseFromPanel(value) === null));
  });
});
