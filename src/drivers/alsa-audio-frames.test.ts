import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FRAME_MS, FRAME_SAMPLES } from "../line/port.ts";
import { BACKLOG_LIMIT_MS, decodeFrame, encodeFrame, FRAME_BYTES, FrameCutter, Playout } from "./alsa-audio-frames.ts";

const ramp = (start: number) => Int16Array.from({ length: FRAME_SAMPLES }, (_, at) => start + at);

describe("frames", () => {
  it("are little-endian and keep every sample", () => {
    expect([...encodeFrame(Int16Array.of(1, -2)).values()]).toEqual([1, 0, 0xfe, 0xff]);
    fc.assert(
      fc.property(fc.int16Array({ minLength: FRAME_SAMPLES, maxLength: FRAME_SAMPLES }), (frame) => {
        expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
      }),
    );
  });

  it("are cut alike in whatever pieces the bytes come", () => {
    const bytes = Buffer.concat([ramp(0), ramp(1_000), ramp(-5_000)].map(encodeFrame));
    fc.assert(
      fc.property(fc.array(fc.nat(3 * FRAME_BYTES), { maxLength: 12 }), (cuts) => {
        const cutter = new FrameCutter();
        const ends = [...cuts.sort((a, b) => a - b), bytes.length];
        const frames = ends.flatMap((end, at) => cutter.push(bytes.subarray(ends[at - 1] ?? 0, end), 99).frames);
        expect(frames).toEqual([ramp(0), ramp(1_000), ramp(-5_000)]);
      }),
    );
  });

  it("that have waited too long are left out, the oldest first, without losing the place", () => {
    const cutter = new FrameCutter();
    const bytes = Buffer.concat([ramp(1), ramp(2), ramp(3), ramp(4)].map(encodeFrame));
    expect(cutter.push(bytes.subarray(0, 3 * FRAME_BYTES + 7), 2)).toEqual({ frames: [ramp(2), ramp(3)], dropped: 1 });
    expect(cutter.push(bytes.subarray(3 * FRAME_BYTES + 7), 2)).toEqual({ frames: [ramp(4)], dropped: 0 });
  });
});

describe("what is to be played", () => {
  it("never waits longer than the limit, whenever frames come", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { minLength: 1, maxLength: 400 }), (gaps) => {
        const playout = new Playout();
        let nowMs = 0;
        let emptyMs = 0;
        for (const gap of gaps) {
          nowMs += gap;
          if (!playout.take(nowMs)) continue;
          emptyMs = Math.max(emptyMs, nowMs) + FRAME_MS;
          expect(emptyMs - nowMs).toBeLessThanOrEqual(BACKLOG_LIMIT_MS + 1 + 0.01 * gaps.length);
        }
      }),
    );
  });

  it("is everything when it is paced, though the codec's clock is 200 ppm fast, for an hour", () => {
    const playout = new Playout();
    for (let frame = 0; frame < 180_000; frame++) expect(playout.take(frame * FRAME_MS * 0.9998)).toBe(true);
  });

  it("after a hold-up is only as much as may wait", () => {
    const playout = new Playout();
    playout.take(0);
    expect(Array.from({ length: 20 }, () => playout.take(400)).filter(Boolean)).toHaveLength(
      BACKLOG_LIMIT_MS / FRAME_MS,
    );
  });
});
