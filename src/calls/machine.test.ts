import { describe, expect, it } from "vitest";
import type { EndReason, LineReport, SipEvent } from "./port.ts";
import type { CallsInput } from "./state.ts";
import { Rig } from "./test-rig.ts";

describe("every state and every input", () => {
  const reports: LineReport[] = [
    { type: "seized" },
    { type: "digit", digit: 4 },
    { type: "digit-error", reason: "flash-in-train" },
    { type: "digit-timeout", which: "first" },
    { type: "digit-timeout", which: "next" },
    { type: "flash" },
    { type: "cleared" },
    { type: "looped" },
    { type: "dial-tone" },
    { type: "dialled" },
    { type: "answered", by: "time" },
    ...(["glare", "no-current", "not-idle", "busy", "unobtainable", "no-answer", "lost"] as const).map(
      (reason): LineReport => ({ type: "failed", reason }),
    ),
    { type: "parked" },
    { type: "idle" },
  ];
  const reasons: EndReason[] = ["normal", "busy", "no-answer", "unobtainable", "congestion", "rejected", "unavailable"];
  const eventsOf = (leg: string): SipEvent[] => [
    { type: "incoming", leg: "new", from: { kind: "account", name: "workshop" }, number: "4121", caller: "" },
    { type: "ringing", leg },
    { type: "early-media", leg },
    { type: "answered", leg },
    { type: "dtmf", leg, digit: "1" },
    ...reasons.map((reason): SipEvent => ({ type: "ended", leg, reason })),
    { type: "up" },
    { type: "down" },
  ];

  /** Every phase of both directions, reached by ordinary inputs. */
  const situations: Record<string, (rig: Rig) => void> = {
    nothing: () => undefined,
    "from-pax dialling": (rig) => rig.dial("tie1", "41"),
    "from-pax calling": (rig) => rig.dial("tie1", "4123"),
    "from-pax talking": (rig) => {
      rig.dial("tie1", "4123");
      rig.sip({ type: "answered", leg: rig.leg("tie1") });
    },
    "from-pax over": (rig) => rig.dial("tie1", "5"),
    "to-pax seizing": (rig) => void rig.incoming("4121", "in"),
    "to-pax awaiting-answer": (rig) => {
      rig.incoming("4121", "in");
      rig.line("tie1", { type: "dialled" });
    },
    "to-pax talking": (rig) => {
      rig.incoming("4121", "in");
      rig.line("tie1", { type: "dialled" });
      rig.line("tie1", { type: "answered", by: "time" });
    },
    "to-pax second-stage": (rig) => {
      rig.incoming("4199", "in");
      rig.line("tie1", { type: "dial-tone" });
    },
    "to-pax waiting": (rig) => {
      rig.dial("tie2", "41");
      rig.incoming("4121", "in");
      rig.line("tie1", { type: "failed", reason: "glare" });
    },
    blocked: (rig) => void rig.feed({ type: "block", line: "tie1", blocked: true, atMs: 0 }),
    "blocked while talking": (rig) => {
      rig.dial("tie1", "4123");
      rig.sip({ type: "answered", leg: rig.leg("tie1") });
      rig.feed({ type: "block", line: "tie1", blocked: true, atMs: 0 });
    },
    tested: (rig) => void rig.feed({ type: "test", line: "tie1", atMs: 0 }),
    "tested and waited for": (rig) => {
      rig.dial("tie2", "41");
      rig.feed({ type: "test", line: "tie1", atMs: 0 });
      rig.incoming("4121", "in");
    },
  };

  const inputsFor = (rig: Rig): CallsInput[] => {
    const ids = [...rig.state.calls.keys(), "gone"];
    const legs = [...rig.state.calls.values()].flatMap((call) => call.leg ?? []).concat("gone");
    return [
      ...reports.map((report): CallsInput => ({ type: "line", line: "tie1", report, atMs: 1 })),
      ...legs.flatMap(eventsOf).map((event): CallsInput => ({ type: "sip", event, atMs: 1 })),
      ...(["test", "test-over"] as const).map((type): CallsInput => ({ type, line: "tie1", atMs: 1 })),
      ...[true, false].map((blocked): CallsInput => ({ type: "block", line: "tie1", blocked, atMs: 1 })),
      ...ids.flatMap((call) =>
        (["longest", "no-answer", "glare-retry"] as const).map(
          (timer): CallsInput => ({ type: "timer", call, timer, atMs: 1 }),
        ),
      ),
    ];
  };

  it.each(Object.entries(situations))("keeps the invariants from: %s", (_, prepare) => {
    const probe = new Rig();
    prepare(probe);
    for (let at = 0; at < inputsFor(probe).length; at++) {
      const rig = new Rig();
      prepare(rig);
      const before = new Map(rig.state.calls);
      const input = inputsFor(rig)[at];
      if (input === undefined) throw new Error("the situation is not the same twice");
      const effects = rig.feed(input);

      const calls = [...rig.state.calls.values()];
      const lines = calls.flatMap((call) => call.line ?? []);
      const legs = calls.flatMap((call) => call.leg ?? []);
      expect(new Set(lines).size).toBe(lines.length);
      expect(new Set(legs).size).toBe(legs.length);
      for (const line of lines) expect(rig.state.lines.get(line)).not.toBe("idle");
      for (const call of before.values()) {
        if (rig.state.calls.has(call.id)) continue;
        // A call that is gone has left nothing behind: its leg was hung up or had ended, its audio closed.
        const ended = input.type === "sip" && (input.event.type === "ended" || input.event.type === "down");
        const hungUp = effects.some((effect) => effect.type === "hangup" && effect.leg === call.leg);
        expect(call.leg === null || ended || hungUp).toBe(true);
        const closed = effects.some((effect) => effect.type === "close-media" && effect.line === call.line);
        expect(closed || call.line === null || (call.direction === "from-pax" && call.phase === "over")).toBe(true);
        if (call.direction === "to-pax" && call.line !== null) {
          expect(effects).toContainEqual({ type: "line", line: call.line, order: { type: "release" } });
        }
      }
    }
  });
});
