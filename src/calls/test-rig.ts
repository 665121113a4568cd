import type { Config, LineConfig, ToPaxRule, TrunkConfig } from "../config/schema.ts";
import { step } from "./machine.ts";
import { compileNumberPlan } from "./number-plan.ts";
import type { LineReport, SipEvent } from "./port.ts";
import {
  type Call,
  type CallsContext,
  type CallsEffect,
  type CallsInput,
  type CallsState,
  initialState,
} from "./state.ts";

const line = (name: string, group = "pax"): LineConfig => ({
  name,
  type: "tie-line",
  group,
  interface: "sim",
  gainToPaxDb: 0,
  gainFromPaxDb: 0,
});
const trunk = (name: string, username: string): TrunkConfig => ({
  name,
  group: "event",
  server: "127.0.0.1",
  port: 5060,
  transport: "udp",
  username,
  password: "x",
  register: true,
  callLimit: 1,
});
const from = { strip: 0, emergency: false };
const to: Omit<ToPaxRule, "number"> = {
  secondStage: false,
  secondStageDigits: ["[1-578]X"],
  group: "pax",
  emergency: false,
};

export const config: Pick<Config, "lines" | "trunks" | "accounts" | "numberPlan" | "limits"> = {
  lines: [
    // Hunted from the last: tie1 comes first.
    line("tie2"),
    line("tie1"),
    { ...line("ext1", "other"), type: "subscriber", hotline: { service: "echo", strip: 0 } },
  ],
  numberPlan: {
    fromPax: [
      { ...from, dial: "4XXX", trunk: "event" },
      { ...from, dial: "999", trunk: "event", emergency: true },
      { ...from, dial: "01", account: "workshop" },
    ],
    toPax: [
      { ...to, number: "4121", extension: "21" },
      { ...to, number: "4199", secondStage: true },
      { ...to, number: "4198", secondStage: true, secondStageDigits: ["912", "7"] },
      { ...to, number: "4130", extension: "30", group: "other" },
    ],
  },
  trunks: [trunk("event-a", "4100"), trunk("event-b", "4101")],
  accounts: [{ name: "workshop", networks: [], callLimit: 1 }],
  limits: { callsPerHourPerLine: 3, callsPerHourPerAccount: 3, callsPerHourPerTrunk: 5, callMinutes: 10 },
};
const plan = compileNumberPlan(config);
if (!plan.ok) throw new Error("the test's number plan is faulty");

export const context: CallsContext = {
  plan: plan.value,
  lines: config.lines,
  trunks: config.trunks,
  accounts: config.accounts,
  limits: config.limits,
  glareRetryMs: 2_000,
  noAnswerMs: 120_000,
  intrudeOnBusy: false,
};

/** Drives the machine and keeps what it did; for the room's unit tests. */
export class Rig {
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
