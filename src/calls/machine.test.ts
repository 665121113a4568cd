import { describe, expect, it } from "vitest";
import { configSchema, type LineConfig } from "../config/schema.ts";
import { step } from "./machine.ts";
import { compileNumberPlan } from "./number-plan.ts";
import type { EndReason, LineReport, SipEvent } from "./port.ts";
import {
  type Call,
  type CallsContext,
  type CallsEffect,
  type CallsInput,
  type CallsState,
  initialState,
} from "./state.ts";

const config = configSchema.parse({
  lines: [
    // Hunted from the last: tie1 comes first.
    { name: "tie2" },
    { name: "tie1" },
    { name: "ext1", type: "subscriber", group: "other", hotline: { service: "echo" } },
  ],
  numberPlan: {
    fromPax: [
      { dial: "4XXX", trunk: "event" },
      { dial: "999", trunk: "event", emergency: true },
      { dial: "01", account: "workshop" },
    ],
    toPax: [
      { number: "4121", extension: "21" },
      { number: "4199", secondStage: true },
      { number: "4198", secondStage: true, secondStageDigits: ["912", "7"] },
      { number: "4130", extension: "30", group: "other" },
    ],
  },
  trunks: [
    { name: "event-a", server: "127.0.0.1", username: "4100", password: "x" },
    { name: "event-b", server: "127.0.0.1", username: "4101", password: "x" },
  ],
  accounts: [{ name: "workshop" }],
  limits: { callsPerHourPerLine: 3, callsPerHourPerAccount: 3, callsPerHourPerTrunk: 5, callMinutes: 10 },
});
const plan = compileNumberPlan(config);
if (!plan.ok) throw new Error("the test's number plan is faulty");

const context: CallsContext = {
  plan: plan.value,
  lines: config.lines,
  trunks: config.trunks,
  accounts: config.accounts,
  limits: config.limits,
  glareRetryMs: 2_000,
  noAnswerMs: 120_000,
  intrudeOnBusy: false,
};

/** Drives the machine and keeps what it did. */
class Rig {
  state: CallsState = initialState;
  effects: CallsEffect[] = [];
  now = 0;
  readonly context: CallsContext;

  constructor(changes: Partial<CallsContext> = {}) {
    this.context = { ...context, ...changes };
    this.sip({ type: "up" });
    for (const line of ["tie1", "tie2", "ext1"]) this.line(line, { type: "idle" });
    this.effects = [];
  }

  feed(input: CallsInput): readonly CallsEffect[] {
    const result = step(this.state, input, this.context);
    this.state = result.state;
    this.effects.push(...result.effects);
    return result.effects;
  }

  line(line: string, report: LineReport) {
    return this.feed({ type: "line", line, report, atMs: this.now });
  }

  sip(event: SipEvent) {
    return this.feed({ type: "sip", event, atMs: this.now });
  }

  dial(line: string, digits: string) {
    this.line(line, { type: "seized" });
    for (const digit of digits) this.line(line, { type: "digit", digit: Number(digit) });
  }

  incoming(number: string, leg: string, trunk = "event-a", caller = "4123") {
    return this.sip({ type: "incoming", leg, from: { kind: "trunk", name: trunk }, number, caller });
  }

  call(line: string): Call {
    const call = [...this.state.calls.values()].find((one) => one.line === line);
    if (call === undefined) throw new Error(`no call on ${line}`);
    return call;
  }

  leg(line: string): string {
    const { leg } = this.call(line);
    if (leg === null) throw new Error(`no leg on ${line}`);
    return leg;
  }

  of<T extends CallsEffect["type"]>(type: T): Extract<CallsEffect, { type: T }>[] {
    return this.effects.filter((effect): effect is Extract<CallsEffect, { type: T }> => effect.type === type);
  }

  orders(line: string) {
    return this.of("line").flatMap((effect) => (effect.line === line ? [effect.order] : []));
  }
}

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
  };

  const inputsFor = (rig: Rig): CallsInput[] => {
    const ids = [...rig.state.calls.keys(), "gone"];
    const legs = [...rig.state.calls.values()].flatMap((call) => call.leg ?? []).concat("gone");
    return [
      ...reports.map((report): CallsInput => ({ type: "line", line: "tie1", report, atMs: 1 })),
      ...legs.flatMap(eventsOf).map((event): CallsInput => ({ type: "sip", event, atMs: 1 })),
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
