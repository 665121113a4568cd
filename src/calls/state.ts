import type { DialTarget } from "../base/dial-target.ts";
import type { AccountConfig, Limits, LineConfig, TrunkConfig } from "../config/schema.ts";
import type { Route } from "./destination.ts";
import { type LimitState, noCalls } from "./limits.ts";
import type { NumberPlan, PaxRoute } from "./number-plan.ts";
import type { EndReason, LegId, LineOrder, LineReport, SipEvent } from "./port.ts";

/** A call that a PAX caller makes. */
export interface FromPaxCall {
  readonly direction: "from-pax";
  readonly id: string;
  readonly line: string;
  /** `over`: the caller has been given a tone and has not cleared yet. */
  readonly phase: "dialling" | "calling" | "talking" | "over";
  readonly digits: string;
  readonly route: Route | null;
  /** Trunk in use, and those that may still be tried. */
  readonly trunk: string | null;
  readonly trunksLeft: readonly string[];
  readonly leg: LegId | null;
}

/** A call that the network brings to the PAX. */
export interface ToPaxCall {
  readonly direction: "to-pax";
  readonly id: string;
  /** null while every line of the group is taken after glare and the one retry is awaited. */
  readonly line: string | null;
  readonly phase: "waiting" | "seizing" | "second-stage" | "awaiting-answer" | "talking";
  readonly leg: LegId;
  readonly from: { readonly kind: "trunk" | "account"; readonly name: string };
  readonly number: string;
  /** As the network gives it; not to be trusted. */
  readonly caller: string;
  readonly route: PaxRoute;
  readonly linesTried: readonly string[];
  /** Second stage: digits that were sent for the caller. */
  readonly keyed: string;
  /** It has had a line, and counts towards the calls in an hour. */
  readonly counted: boolean;
  readonly retried: boolean;
}

export type Call = FromPaxCall | ToPaxCall;

/**
 * How a line stands, as far as its reports and our orders tell.
 * `taken`: in use from either end; `resting`: idle in a moment; `out`: parked, at fault, or not heard of yet.
 */
export type LineStanding = "idle" | "taken" | "resting" | "out";

/** Everything the calls room remembers. */
export interface CallsState {
  readonly calls: ReadonlyMap<string, Call>;
  /** A line that has not reported anything is `out` and has no entry. */
  readonly lines: ReadonlyMap<string, LineStanding>;
  /** Taken out of service by hand: no call is put on them, and the PAX's callers hear congestion. */
  readonly blocked: ReadonlySet<string>;
  /** Taken by a test call, which is no call: nobody is charged, nobody is rung. */
  readonly tested: ReadonlySet<string>;
  readonly limits: LimitState;
  readonly sipUp: boolean;
  readonly serial: number;
}

export const initialState: CallsState = {
  calls: new Map(),
  lines: new Map(),
  blocked: new Set(),
  tested: new Set(),
  limits: noCalls,
  sipUp: false,
  serial: 0,
};

export type CallTimer = "longest" | "no-answer" | "glare-retry";

export type CallsInput =
  | { readonly type: "line"; readonly line: string; readonly report: LineReport; readonly atMs: number }
  | { readonly type: "sip"; readonly event: SipEvent; readonly atMs: number }
  | { readonly type: "timer"; readonly call: string; readonly timer: CallTimer; readonly atMs: number }
  /** Somebody takes the line out of service, or puts it back. */
  | { readonly type: "block"; readonly line: string; readonly blocked: boolean; readonly atMs: number }
  /** Somebody tests the line: it is seized if it is idle, and released by `test-over`. */
  | { readonly type: "test" | "test-over"; readonly line: string; readonly atMs: number };

/** What happened to a call, for logs, commands and status. */
export type CallReport =
  | {
      readonly type: "begun";
      readonly call: string;
      readonly direction: Call["direction"];
      readonly line: string | null;
      readonly number: string;
      /** As the network gives it, not to be trusted; empty when it gives none, and for a PAX caller. */
      readonly caller: string;
    }
  | { readonly type: "placed"; readonly call: string; readonly target: DialTarget }
  | { readonly type: "answered"; readonly call: string }
  | { readonly type: "ended"; readonly call: string; readonly reason: string }
  | { readonly type: "refused"; readonly number: string; readonly caller: string; readonly reason: string };

export type CallsEffect =
  | { readonly type: "line"; readonly line: string; readonly order: LineOrder }
  | { readonly type: "open-media"; readonly line: string }
  | { readonly type: "close-media"; readonly line: string }
  | { readonly type: "dial"; readonly leg: LegId; readonly line: string; readonly target: DialTarget }
  | { readonly type: "connect-early"; readonly leg: LegId; readonly line: string }
  | { readonly type: "answer"; readonly leg: LegId; readonly line: string }
  | { readonly type: "hangup"; readonly leg: LegId; readonly reason: EndReason }
  | { readonly type: "start-timer"; readonly call: string; readonly timer: CallTimer; readonly ms: number }
  | { readonly type: "stop-timers"; readonly call: string }
  | { readonly type: "report"; readonly report: CallReport };

/** What the configuration says; constant for one run. */
export interface CallsContext {
  readonly plan: NumberPlan;
  readonly lines: readonly LineConfig[];
  readonly trunks: readonly TrunkConfig[];
  readonly accounts: readonly AccountConfig[];
  readonly limits: Limits;
  /** Of the PAX profile: wait before the one retry after glare, ms. */
  readonly glareRetryMs: number;
  /** Of the PAX profile: a call from the PAX that has not been answered after this is given up, ms. */
  readonly noAnswerMs: number;
  /** Of the PAX profile: whether 1 may be sent to a busy extension. */
  readonly intrudeOnBusy: boolean;
}

/** One step under way: a copy of the state to work on, and the effects so far. */
export class Draft {
  readonly calls: Map<string, Call>;
  readonly lines: Map<string, LineStanding>;
  readonly blocked: Set<string>;
  readonly tested: Set<string>;
  readonly effects: CallsEffect[] = [];
  limits: LimitState;
  sipUp: boolean;
  serial: number;
  readonly atMs: number;
  readonly context: CallsContext;

  constructor(state: CallsState, atMs: number, context: CallsContext) {
    this.calls = new Map(state.calls);
    this.lines = new Map(state.lines);
    this.blocked = new Set(state.blocked);
    this.tested = new Set(state.tested);
    this.limits = state.limits;
    this.sipUp = state.sipUp;
    this.serial = state.serial;
    this.atMs = atMs;
    this.context = context;
  }

  finish(): { state: CallsState; effects: readonly CallsEffect[] } {
    const { calls, lines, blocked, tested, limits, sipUp, serial } = this;
    return { state: { calls, lines, blocked, tested, limits, sipUp, serial }, effects: this.effects };
  }

  /** A name that was never used before in this run. */
  name(kind: string): string {
    this.serial += 1;
    return `${kind}-${this.serial}`;
  }

  put(call: Call): void {
    this.calls.set(call.id, call);
  }

  do(...effects: CallsEffect[]): void {
    this.effects.push(...effects);
  }

  order(line: string, order: LineOrder): void {
    this.effects.push({ type: "line", line, order });
  }

  report(report: CallReport): void {
    this.effects.push({ type: "report", report });
  }

  /** The call that uses the line. */
  callOnLine(line: string): Call | undefined {
    for (const call of this.calls.values()) if (call.line === line) return call;
    return undefined;
  }

  callOfLeg(leg: LegId): Call | undefined {
    for (const call of this.calls.values()) if (call.leg === leg) return call;
    return undefined;
  }

  /** Calls that go through a trunk now, both ways. */
  callsOnTrunk(trunk: string): number {
    let count = 0;
    for (const call of this.calls.values()) {
      const used = call.direction === "from-pax" ? call.leg !== null && call.trunk === trunk : call.from.name === trunk;
      if (used) count++;
    }
    return count;
  }
}
