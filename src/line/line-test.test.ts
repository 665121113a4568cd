import { describe, expect, it } from "vitest";
import { encodeDigit } from "./encoder.ts";
import { judgeEcho, judgeImpulses, judgeSound, levelDbm0, passed, responsesOf, toneDbm0 } from "./line-test.ts";
import { type Edge, FRAME_SAMPLES } from "./port.ts";
import { pax50 } from "./profiles.ts";
import { fillTone, renderTone, TONE_LEVEL_DBM0 } from "./tones.ts";

const sent = encodeDigit(5, pax50);

/** The edges of a digit as an ideal detector sees them, from 1000 ms on. */
function edgesOf(lateMs: (at: number) => number = () => 0): Edge[] {
  let due = 1_000;
  return sent.map(({ closed, ms }, at) => {
    const edge = { input: "current" as const, active: closed, atMs: due + lateMs(at) };
    due += ms;
    return edge;
  });
}

function tone(hz: number, samples = 8_000, gainDb = 0): Int16Array {
  const frame = new Int16Array(samples);
  fillTone(renderTone(String(hz)), 0, frame);
  return frame.map((sample) => Math.round(sample * 10 ** (gainDb / 20)));
}

describe("impulses that were sent", () => {
  it("pass when they come back as they were", () => {
    expect(judgeImpulses(edgesOf(), sent)).toMatchObject({
      verdict: "ok",
      figures: { pulsesSeen: 5, breakMs: 67, worstEdgeMs: 0 },
    });
  });

  it("are looked at again when a detector closes late, and the lengthened break is told", () => {
    const finding = judgeImpulses(
      edgesOf((at) => (at % 2 === 1 ? 8 : 0)),
      sent,
    );
    expect(finding).toMatchObject({ verdict: "warning", figures: { breakMs: 75, worstEdgeMs: 8 } });
  });

  it("fail when one is missing, when a contact bounces, and when nothing is seen", () => {
    expect(judgeImpulses(edgesOf().slice(2), sent)).toMatchObject({ verdict: "failed", figures: { pulsesSeen: 4 } });
    const bounced = [...edgesOf(), { input: "current" as const, active: false, atMs: 1_600 }];
    expect(judgeImpulses(bounced, sent)).toMatchObject({ verdict: "failed", figures: { pulsesSeen: 6 } });
    expect(judgeImpulses([], sent)).toMatchObject({ verdict: "failed", figures: { pulsesSeen: 0 } });
  });
});

describe("inputs that answer", () => {
  it("are told once each, with the time after the output was set", () => {
    const edges: Edge[] = [
      { input: "loop", active: true, atMs: 99 },
      { input: "current", active: true, atMs: 112.34 },
      { input: "current", active: false, atMs: 115 },
      { input: "reversal", active: true, atMs: 120 },
    ];
    expect(responsesOf(edges, 100)).toEqual([
      { input: "current", afterMs: 12.3 },
      { input: "reversal", afterMs: 20 },
    ]);
  });
});

describe("levels", () => {
  it("are those of our own tones", () => {
    expect(levelDbm0(tone(1_000))).toBeCloseTo(TONE_LEVEL_DBM0, 1);
    expect(toneDbm0(tone(1_000), 1_000)).toBeCloseTo(TONE_LEVEL_DBM0, 1);
    expect(toneDbm0(tone(400), 1_000)).toBeLessThan(-60);
    expect(levelDbm0(new Int16Array(FRAME_SAMPLES))).toBe(Number.NEGATIVE_INFINITY);
  });
});

describe("sound", () => {
  it("at its rate passes; at another rate it fails", () => {
    expect(judgeSound(tone(400), 1_000)).toMatchObject({ verdict: "ok", figures: { ratePercent: 100 } });
    expect(judgeSound(tone(400), 1_060)).toMatchObject({ verdict: "ok" });
    expect(judgeSound(tone(400), 1_150)).toMatchObject({ verdict: "failed" });
    expect(judgeSound(tone(400, 4_000), 1_000)).toMatchObject({ verdict: "failed", figures: { ratePercent: 50 } });
    expect(judgeSound(new Int16Array(0), 1_000)).toMatchObject({ verdict: "failed" });
  });

  it("that is digital silence is no failure, but worth a look", () => {
    expect(judgeSound(new Int16Array(8_000), 1_000)).toMatchObject({ verdict: "note", figures: { levelDbm0: -99 } });
  });

  it("of a tone comes back weaker, not at all, or so loud that the line would sing", () => {
    const back = (gainDb: number) => judgeEcho(tone(1_000, 8_000, gainDb), 1_000, TONE_LEVEL_DBM0);
    expect(back(-10)).toMatchObject({ verdict: "ok", figures: { backDbm0: -23 } });
    expect(back(-60)).toMatchObject({ verdict: "note" });
    expect(back(6)).toMatchObject({ verdict: "failed" });
  });
});

it("notes and warnings are no failures", () => {
  const of = (verdict: "ok" | "note" | "warning" | "failed") => ({ step: "x", verdict, says: "y" });
  expect(passed([of("ok"), of("note"), of("warning")])).toBe(true);
  expect(passed([of("ok"), of("failed")])).toBe(false);
});
