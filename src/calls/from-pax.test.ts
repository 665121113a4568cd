import { describe, expect, it } from "vitest";
import type { EndReason } from "./port.ts";
import { config, Rig } from "./test-rig.ts";

describe("calls from the PAX", () => {
  it("routes a complete number at once, without waiting for more digits", () => {
    const rig = new Rig();
    rig.dial("tie1", "412");
    expect(rig.of("dial")).toEqual([]);
    rig.line("tie1", { type: "digit", digit: 3 });
    expect(rig.of("dial")).toMatchObject([
      { line: "tie1", target: { kind: "trunk", trunk: "event-a", number: "4123" } },
    ]);
  });

  it("gives ringing, then talk, then releases when the far end clears", () => {
    const rig = new Rig();
    rig.dial("tie1", "4123");
    const leg = rig.leg("tie1");
    rig.sip({ type: "ringing", leg });
    rig.sip({ type: "answered", leg });
    rig.sip({ type: "ended", leg, reason: "normal" });
    expect(rig.orders("tie1")).toEqual([
      { type: "proceed" },
      { type: "tone", tone: "ringing" },
      { type: "answer" },
      { type: "release" },
    ]);
    expect(rig.of("close-media")).toHaveLength(1);
    rig.line("tie1", { type: "cleared" });
    expect(rig.state.calls.size).toBe(0);
  });

  it("hangs up the leg when the PAX caller clears", () => {
    const rig = new Rig();
    rig.dial("tie1", "4123");
    const leg = rig.leg("tie1");
    rig.line("tie1", { type: "cleared" });
    expect(rig.of("hangup")).toEqual([{ type: "hangup", leg, reason: "normal" }]);
    expect(rig.state.calls.size).toBe(0);
  });

  it.each<[EndReason, string]>([
    ["busy", "busy"],
    ["no-answer", "busy"],
    ["rejected", "busy"],
    ["unobtainable", "unobtainable"],
    ["normal", "congestion"],
  ])("tells the caller of %s by %s tone", (reason, tone) => {
    const rig = new Rig();
    rig.dial("tie1", "4123");
    rig.sip({ type: "ended", leg: rig.leg("tie1"), reason });
    expect(rig.orders("tie1").at(-1)).toEqual({ type: "tone", tone });
  });

  it("tries the next trunk when one is out of order, and no more than there are", () => {
    const rig = new Rig();
    rig.dial("tie1", "4123");
    rig.sip({ type: "ended", leg: rig.leg("tie1"), reason: "unavailable" });
    expect(rig.of("dial").map((effect) => effect.target)).toMatchObject([{ trunk: "event-a" }, { trunk: "event-b" }]);
    rig.sip({ type: "ended", leg: rig.leg("tie1"), reason: "unavailable" });
    expect(rig.orders("tie1").at(-1)).toEqual({ type: "tone", tone: "congestion" });
  });

  it("takes another trunk when the first is engaged, and gives congestion when all are", () => {
    const rig = new Rig({
      lines: [...config.lines, ...config.lines.map((line) => ({ ...line, name: `${line.name}x` }))],
    });
    rig.dial("tie1", "4123");
    rig.dial("tie2", "4124");
    expect(rig.of("dial").map((effect) => effect.target)).toMatchObject([{ trunk: "event-a" }, { trunk: "event-b" }]);
    rig.dial("tie1x", "4125");
    expect(rig.of("dial")).toHaveLength(2);
    expect(rig.orders("tie1x").at(-1)).toEqual({ type: "tone", tone: "congestion" });
  });

  it("never guesses: a damaged digit and an unlisted number give number unobtainable", () => {
    const rig = new Rig();
    rig.line("tie1", { type: "seized" });
    rig.line("tie1", { type: "digit-error", reason: "damaged-train" });
    rig.dial("tie2", "5");
    for (const line of ["tie1", "tie2"])
      expect(rig.orders(line).at(-1)).toEqual({ type: "tone", tone: "unobtainable" });
    expect(rig.of("dial")).toEqual([]);
  });

  it("counts calls per hour for each line, but never those to an emergency number", () => {
    const rig = new Rig();
    const callOnce = (digits: string) => {
      rig.dial("tie1", digits);
      rig.line("tie1", { type: "cleared" });
      rig.line("tie1", { type: "idle" });
    };
    for (let i = 0; i < 5; i++) callOnce("4123");
    expect(rig.of("dial")).toHaveLength(3);
    callOnce("999");
    expect(rig.of("dial")).toHaveLength(4);
    rig.now += 3_600_001;
    callOnce("4123");
    expect(rig.of("dial")).toHaveLength(5);
  });

  it("ends a call that lasts too long, and leaves the caller a tone", () => {
    const rig = new Rig();
    rig.dial("tie1", "4123");
    rig.sip({ type: "answered", leg: rig.leg("tie1") });
    const timer = rig.of("start-timer").at(-1);
    expect(timer).toMatchObject({ timer: "longest", ms: 600_000 });
    rig.feed({ type: "timer", call: timer?.call ?? "", timer: "longest", atMs: 600_000 });
    expect(rig.of("hangup")).toHaveLength(1);
    expect(rig.orders("tie1").at(-1)).toEqual({ type: "tone", tone: "busy" });
  });

  it("gives up a call that nobody answers, and leaves an answered one alone", () => {
    const rig = new Rig();
    rig.dial("tie1", "4123");
    const timer = rig.of("start-timer")[0];
    expect(timer).toMatchObject({ timer: "no-answer", ms: 120_000 });
    const runsOut = () => rig.feed({ type: "timer", call: timer?.call ?? "", timer: "no-answer", atMs: 120_000 });
    const leg = rig.leg("tie1");
    const { state } = rig;
    runsOut();
    expect(rig.of("hangup")).toEqual([{ type: "hangup", leg, reason: "normal" }]);
    expect(rig.orders("tie1").at(-1)).toEqual({ type: "tone", tone: "busy" });
    rig.state = state;
    expect(rig.sip({ type: "answered", leg })).toContainEqual({ type: "stop-timers", call: timer?.call });
    expect(runsOut()).toEqual([]);
  });

  it("connects a subscriber line that rings with its hotline", () => {
    const rig = new Rig();
    rig.line("ext1", { type: "seized" });
    expect(rig.of("dial")).toMatchObject([{ line: "ext1", target: { kind: "service", service: "echo" } }]);
  });

  it("takes a subscriber line's next ring although the line has not rested since the last call", () => {
    const rig = new Rig();
    rig.line("ext1", { type: "seized" });
    const first = rig.call("ext1").id;
    const leg = rig.leg("ext1");
    rig.sip({ type: "answered", leg });
    rig.sip({ type: "ended", leg, reason: "normal" });
    rig.line("ext1", { type: "seized" });
    expect(rig.of("dial")).toHaveLength(2);
    expect(rig.of("open-media")).toHaveLength(2);
    expect([...rig.state.calls.keys()]).toEqual([rig.call("ext1").id]);
    expect(rig.call("ext1").id).not.toBe(first);
  });

  it("gives congestion while Asterisk is away", () => {
    const rig = new Rig();
    rig.sip({ type: "down" });
    rig.line("tie1", { type: "seized" });
    expect(rig.orders("tie1")).toEqual([{ type: "tone", tone: "congestion" }]);
    expect(rig.of("open-media")).toEqual([]);
  });
});
