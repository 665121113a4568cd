import { describe, expect, it } from "vitest";
import type { LineConfig } from "../config/schema.ts";
import type { EndReason, LineReport } from "./port.ts";
import { config, context, Rig } from "./test-rig.ts";

describe("calls to the PAX", () => {
  it("refuses an unknown number before any line is touched", () => {
    const rig = new Rig();
    rig.incoming("4777", "in");
    expect(rig.of("hangup")).toEqual([{ type: "hangup", leg: "in", reason: "unobtainable" }]);
    expect(rig.of("line")).toEqual([]);
  });

  it("seizes a free line, joins the audio early, and answers when the PAX does", () => {
    const rig = new Rig();
    rig.incoming("4121", "in");
    expect(rig.orders("tie1")).toEqual([{ type: "seize", digits: [2, 1] }]);
    rig.line("tie1", { type: "looped" });
    rig.line("tie1", { type: "dialled" });
    rig.line("tie1", { type: "answered", by: "reversal" });
    expect(rig.of("connect-early")).toHaveLength(1);
    expect(rig.of("answer")).toHaveLength(1);
    rig.line("tie1", { type: "cleared" });
    expect(rig.of("hangup")).toEqual([{ type: "hangup", leg: "in", reason: "normal" }]);
    expect(rig.orders("tie1").at(-1)).toEqual({ type: "release" });
    expect(rig.state.calls.size).toBe(0);
  });

  it("limits one caller without keeping the others of his trunk from the PAX", () => {
    const rig = new Rig();
    const call = (caller: string, leg: string) => {
      rig.effects = [];
      rig.incoming("4121", leg, "event-a", caller);
      const refused = rig.of("hangup").map((effect) => effect.reason);
      rig.sip({ type: "ended", leg, reason: "normal" });
      rig.line("tie1", { type: "idle" });
      return refused;
    };
    for (const leg of ["a", "b", "c"]) expect(call("4200", leg)).toEqual([]);
    expect(call("4200", "d")).toEqual(["congestion"]);
    const [report] = rig.of("report").map((effect) => effect.report);
    expect(report).toMatchObject({ type: "refused", number: "4121", caller: "4200" });
    expect(call("4201", "e")).toEqual([]);
    expect(rig.of("report")[0]?.report).toMatchObject({ type: "begun", caller: "4201" });
    expect(call("4202", "f")).toEqual([]);
    expect(call("4203", "g")).toEqual(["congestion"]);
  });

  it("does not count calls that found every line busy", () => {
    const rig = new Rig();
    rig.dial("tie1", "41");
    rig.dial("tie2", "41");
    for (const leg of ["a", "b", "c", "d", "e", "f"]) rig.incoming("4121", leg);
    expect(rig.of("hangup").map((effect) => effect.reason)).toEqual(Array(6).fill("busy"));
    rig.line("tie1", { type: "cleared" });
    rig.line("tie1", { type: "idle" });
    rig.incoming("4121", "in");
    expect(rig.orders("tie1").at(-1)).toEqual({ type: "seize", digits: [2, 1] });
  });

  it("hunts from the last line of the group, where the PAX comes last", () => {
    const lines = ["tie1", "ext1", "tie2"].map((name) => ({ ...config.lines[0], name, group: "pax" }) as LineConfig);
    const rig = new Rig({ lines });
    for (const leg of ["one", "two", "three"]) rig.incoming("4121", leg, "event-a", leg);
    expect(rig.of("line").map((effect) => effect.line)).toEqual(["tie2", "ext1", "tie1"]);
  });

  it("hunts over the group's free lines and says busy when it is full", () => {
    const rig = new Rig();
    rig.incoming("4121", "one");
    rig.incoming("4121", "two", "event-b");
    rig.incoming("4121", "three");
    expect(rig.orders("tie1")).toHaveLength(1);
    expect(rig.orders("tie2")).toHaveLength(1);
    expect(rig.of("hangup")).toEqual([{ type: "hangup", leg: "three", reason: "busy" }]);
  });

  it("waits for a line that rests between calls, and takes it as soon as it is idle", () => {
    const rig = new Rig();
    rig.incoming("4121", "one");
    rig.dial("tie2", "41");
    rig.sip({ type: "ended", leg: "one", reason: "normal" });
    rig.effects = [];
    rig.incoming("4121", "two");
    expect(rig.of("hangup")).toEqual([]);
    expect(rig.of("start-timer")).toMatchObject([{ timer: "glare-retry", ms: 2_000 }]);
    rig.line("tie1", { type: "idle" });
    expect(rig.orders("tie1")).toEqual([{ type: "seize", digits: [2, 1] }]);
    // The retry that was armed finds the call seizing and leaves it alone.
    rig.feed({ type: "timer", call: rig.call("tie1").id, timer: "glare-retry", atMs: 2_000 });
    expect(rig.of("line")).toHaveLength(1);
  });

  it.each<[string, (rig: Rig) => void]>([
    ["parked", (rig) => void rig.line("ext1", { type: "parked" })],
    ["ringing with nobody to connect it with", (rig) => void rig.line("ext1", { type: "seized" })],
    [
      "at fault",
      (rig) => {
        rig.incoming("4130", "before");
        rig.line("ext1", { type: "failed", reason: "no-current" });
      },
    ],
  ])("says busy at once when the only line is %s", (_, prepare) => {
    const rig = new Rig({ plan: { ...context.plan, hotline: () => null } });
    prepare(rig);
    rig.effects = [];
    rig.incoming("4130", "in");
    expect(rig.of("hangup")).toEqual([{ type: "hangup", leg: "in", reason: "busy" }]);
    expect(rig.of("start-timer")).toEqual([]);
  });

  it("says busy when the line has not become idle by the retry", () => {
    const rig = new Rig();
    rig.incoming("4121", "one");
    rig.dial("tie2", "41");
    rig.sip({ type: "ended", leg: "one", reason: "normal" });
    rig.incoming("4121", "two");
    const timer = rig.of("start-timer")[0];
    rig.feed({ type: "timer", call: timer?.call ?? "", timer: "glare-retry", atMs: 2_000 });
    expect(rig.of("hangup")).toEqual([{ type: "hangup", leg: "two", reason: "busy" }]);
  });

  it("sends keys as impulses in the second stage only", () => {
    const rig = new Rig();
    rig.incoming("4199", "in");
    rig.sip({ type: "dtmf", leg: "in", digit: "5" });
    rig.line("tie1", { type: "dial-tone" });
    expect(rig.of("answer")).toHaveLength(1);
    for (const digit of ["2", "#", "1"]) rig.sip({ type: "dtmf", leg: "in", digit });
    expect(rig.orders("tie1")).toEqual([
      { type: "seize", digits: null },
      { type: "send-digit", digit: 2 },
      { type: "send-digit", digit: 1 },
      { type: "proceed" },
    ]);
  });

  it("sends no key after a complete number", () => {
    const rig = new Rig();
    rig.incoming("4199", "in");
    rig.line("tie1", { type: "dial-tone" });
    for (const digit of "21123456789") rig.sip({ type: "dtmf", leg: "in", digit });
    expect(rig.orders("tie1").filter((order) => order.type === "send-digit")).toHaveLength(2);
    expect(rig.of("hangup")).toEqual([]);
  });

  it.each(["9", "6", "0"])("sends no %s, by which the PAX would reach its tie lines, and ends the call", (digit) => {
    const rig = new Rig();
    rig.incoming("4199", "in");
    rig.line("tie1", { type: "dial-tone" });
    rig.sip({ type: "dtmf", leg: "in", digit });
    expect(rig.orders("tie1").map((order) => order.type)).toEqual(["seize", "release"]);
    expect(rig.of("hangup")).toEqual([{ type: "hangup", leg: "in", reason: "unobtainable" }]);
  });

  it("sends in the second stage what the rule lists, and nothing that only begins like it", () => {
    const rig = new Rig();
    rig.incoming("4198", "in");
    rig.line("tie1", { type: "dial-tone" });
    for (const digit of "911") rig.sip({ type: "dtmf", leg: "in", digit });
    expect(rig.orders("tie1").slice(1)).toEqual([
      { type: "send-digit", digit: 9 },
      { type: "send-digit", digit: 1 },
      { type: "release" },
    ]);
  });

  it("intrudes on a busy extension by 1 only where the profile says so", () => {
    for (const intrudeOnBusy of [false, true]) {
      const rig = new Rig({ intrudeOnBusy });
      rig.incoming("4121", "in");
      rig.line("tie1", { type: "dialled" });
      rig.sip({ type: "dtmf", leg: "in", digit: "1" });
      expect(rig.orders("tie1").some((order) => order.type === "send-digit")).toBe(intrudeOnBusy);
    }
  });

  it("lets the PAX's call win in glare and moves to another line", () => {
    const rig = new Rig();
    rig.incoming("4121", "in");
    rig.line("tie1", { type: "failed", reason: "glare" });
    rig.line("tie1", { type: "seized" });
    expect(rig.call("tie1").direction).toBe("from-pax");
    expect(rig.call("tie2").direction).toBe("to-pax");
  });

  it("waits and retries once when glare took the only free line", () => {
    const rig = new Rig();
    rig.dial("tie2", "41");
    rig.incoming("4121", "in");
    rig.line("tie1", { type: "failed", reason: "glare" });
    rig.line("tie1", { type: "seized" });
    const timer = rig.of("start-timer")[0];
    expect(timer).toMatchObject({ timer: "glare-retry", ms: 2_000 });
    rig.line("tie1", { type: "cleared" });
    rig.line("tie1", { type: "idle" });
    rig.feed({ type: "timer", call: timer?.call ?? "", timer: "glare-retry", atMs: 2_000 });
    expect(rig.orders("tie1").at(-1)).toEqual({ type: "seize", digits: [2, 1] });
    rig.line("tie1", { type: "failed", reason: "glare" });
    expect(rig.of("hangup")).toEqual([{ type: "hangup", leg: "in", reason: "busy" }]);
  });

  it.each<[Extract<LineReport, { type: "failed" }>["reason"], EndReason]>([
    ["busy", "busy"],
    ["unobtainable", "unobtainable"],
    ["no-answer", "no-answer"],
  ])("answers %s of the PAX with %s", (reason, answer) => {
    const rig = new Rig();
    rig.incoming("4121", "in");
    rig.line("tie1", { type: "dialled" });
    rig.line("tie1", { type: "failed", reason });
    expect(rig.of("hangup")).toEqual([{ type: "hangup", leg: "in", reason: answer }]);
  });

  it("tries the next line when one has no current", () => {
    const rig = new Rig();
    rig.incoming("4121", "in");
    rig.line("tie1", { type: "failed", reason: "no-current" });
    expect(rig.orders("tie2")).toEqual([{ type: "seize", digits: [2, 1] }]);
    rig.line("tie2", { type: "failed", reason: "no-current" });
    expect(rig.of("hangup")).toEqual([{ type: "hangup", leg: "in", reason: "congestion" }]);
  });

  it("releases every line when Asterisk goes away", () => {
    const rig = new Rig();
    rig.incoming("4121", "in");
    rig.dial("tie2", "4123");
    rig.sip({ type: "down" });
    expect(rig.orders("tie1").at(-1)).toEqual({ type: "release" });
    expect(rig.orders("tie2").at(-1)).toEqual({ type: "tone", tone: "congestion" });
    expect([...rig.state.calls.values()].map((call) => call.direction)).toEqual(["from-pax"]);
  });
});
