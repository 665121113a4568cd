import { describe, expect, it } from "vitest";
import { Rig } from "./test-rig.ts";

const block = (rig: Rig, line: string, blocked = true) => rig.feed({ type: "block", line, blocked, atMs: rig.now });
const test = (rig: Rig, line: string) => rig.feed({ type: "test", line, atMs: rig.now });
const testOver = (rig: Rig, line: string) => rig.feed({ type: "test-over", line, atMs: rig.now });
const SEIZE = { type: "seize", digits: null };

describe("a blocked line", () => {
  it("is told so, and is never hunted", () => {
    const rig = new Rig();
    block(rig, "tie1");
    expect(rig.orders("tie1")).toEqual([{ type: "block", blocked: true }]);
    rig.incoming("4121", "in");
    expect(rig.call("tie2").direction).toBe("to-pax");
    expect(rig.orders("tie1")).toHaveLength(1);
  });

  it("makes its group busy when it was the last one, without a wait even while it rests", () => {
    const rig = new Rig();
    block(rig, "tie1");
    block(rig, "tie2");
    rig.line("tie2", { type: "cleared" });
    rig.incoming("4121", "in");
    expect(rig.of("hangup")).toEqual([{ type: "hangup", leg: "in", reason: "busy" }]);
  });

  it("gives the PAX's caller congestion, and nobody is called for him", () => {
    const rig = new Rig();
    block(rig, "tie1");
    rig.dial("tie1", "4123");
    expect(rig.orders("tie1").at(-1)).toEqual({ type: "tone", tone: "congestion" });
    expect(rig.of("dial")).toEqual([]);
    expect(rig.of("report").map(({ report }) => report)).toMatchObject([
      { type: "begun", direction: "from-pax" },
      { type: "ended", reason: "the line is blocked" },
    ]);
  });

  it("lets the calls on it finish in both directions", () => {
    const rig = new Rig();
    rig.dial("tie2", "4123");
    rig.incoming("4121", "in");
    block(rig, "tie1");
    block(rig, "tie2");
    rig.sip({ type: "answered", leg: rig.leg("tie2") });
    rig.line("tie1", { type: "dialled" });
    rig.line("tie1", { type: "answered", by: "reversal" });
    expect([rig.call("tie1").phase, rig.call("tie2").phase]).toEqual(["talking", "talking"]);
    expect(rig.of("hangup")).toEqual([]);
  });

  it("serves the call that waits as soon as it is unblocked", () => {
    const rig = new Rig();
    block(rig, "tie1");
    rig.line("tie2", { type: "cleared" });
    rig.incoming("4121", "in");
    block(rig, "tie1", false);
    expect(rig.call("tie1").phase).toBe("seizing");
  });

  it("is no line at all when it is not configured", () => {
    expect(block(new Rig(), "tie9")).toEqual([]);
  });
});

describe("a test call", () => {
  it("seizes an idle line without being a call, and nobody else gets the line meanwhile", () => {
    const rig = new Rig();
    test(rig, "tie1");
    expect(rig.orders("tie1")).toEqual([SEIZE]);
    rig.line("tie1", { type: "looped" });
    rig.line("tie1", { type: "dial-tone" });
    rig.incoming("4121", "in");
    expect(rig.call("tie2").phase).toBe("seizing");
    expect(rig.of("report").map(({ report }) => report.type)).toEqual(["begun"]);
    testOver(rig, "tie1");
    expect(rig.orders("tie1")).toEqual([SEIZE, { type: "release" }]);
  });

  it.each(["in use", "resting"] as const)("does nothing on a line that is %s", (how) => {
    const rig = new Rig();
    rig.line("tie1", { type: how === "in use" ? "seized" : "cleared" });
    expect(test(rig, "tie1")).toEqual([]);
    expect(testOver(rig, "tie1")).toEqual([]);
  });

  it("keeps nobody waiting for long: who finds all lines taken gets the tested one when it is idle", () => {
    const rig = new Rig();
    rig.dial("tie2", "41");
    test(rig, "tie1");
    rig.line("tie1", { type: "looped" });
    rig.incoming("4121", "in");
    expect(rig.of("hangup")).toEqual([]);
    testOver(rig, "tie1");
    rig.line("tie1", { type: "idle" });
    expect(rig.call("tie1")).toMatchObject({ direction: "to-pax", phase: "seizing" });
  });

  it("gives way to the PAX, whose caller is served as ever; its end then touches nothing", () => {
    const rig = new Rig();
    test(rig, "tie1");
    rig.line("tie1", { type: "failed", reason: "glare" });
    rig.dial("tie1", "4123");
    expect(rig.call("tie1")).toMatchObject({ direction: "from-pax", phase: "calling" });
    expect(testOver(rig, "tie1")).toEqual([]);
  });

  it("may be made on a blocked line, which is blocked still afterwards", () => {
    const rig = new Rig();
    block(rig, "tie1");
    test(rig, "tie1");
    expect(rig.orders("tie1")).toEqual([{ type: "block", blocked: true }, SEIZE]);
    testOver(rig, "tie1");
    rig.line("tie1", { type: "idle" });
    rig.incoming("4121", "in");
    expect(rig.call("tie2").phase).toBe("seizing");
  });
});
