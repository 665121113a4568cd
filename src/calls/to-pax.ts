import { assertNever } from "../base/assert-never.ts";
import { admitCall, type LimitVerdict, longestCallMs } from "./limits.ts";
import { matchSecondStage } from "./number-plan.ts";
import type { EndReason, LineReport, SipEvent } from "./port.ts";
import type { Draft, ToPaxCall } from "./state.ts";

/** Calls that the network brings to the PAX: number → free line → digits → early media → answer → clear. */

export function beginToPax(draft: Draft, event: Extract<SipEvent, { type: "incoming" }>): void {
  const { leg, from, number, caller } = event;
  const refuse = (reason: EndReason, why: string) => {
    draft.do({ type: "hangup", leg, reason });
    draft.report({ type: "refused", number, caller, reason: why });
  };
  // An unknown number is refused before any line is touched.
  const route = draft.context.plan.lookup(number);
  if (route === null) return refuse("unobtainable", "the number is not in the number plan");
  const known = from.kind === "trunk" ? draft.context.trunks : draft.context.accounts;
  if (!known.some((one) => one.name === from.name)) return refuse("rejected", `unknown ${from.kind} ${from.name}`);
  // Looked at here, counted when the call gets a line: who only hears that all are busy has used up nothing.
  const { verdict } = admit(draft, from, caller, route.emergency);
  if (!verdict.admitted) return refuse("congestion", overLimit(verdict, from.name));
  const id = draft.name("call");
  const call: ToPaxCall = {
    direction: "to-pax",
    id,
    line: null,
    phase: "waiting",
    leg,
    from,
    number,
    caller,
    route,
    linesTried: [],
    keyed: "",
    counted: false,
    retried: false,
  };
  draft.report({ type: "begun", call: id, direction: "to-pax", line: null, number, caller });
  if (seizeFree(draft, call)) return;
  // A line that rests between calls is free in a moment: `lineIdle`, or the retry, finds it.
  const rests = draft.context.lines.some(
    ({ name, group }) => group === route.group && draft.lines.get(name) === "resting" && !draft.blocked.has(name),
  );
  if (rests) wait(draft, call);
  else end(draft, call, "busy", `no free line in group ${route.group}`);
}

/** A line has become free: a call that waits for one of its group takes it. */
export function lineIdle(draft: Draft, line: string): void {
  const group = draft.context.lines.find((one) => one.name === line)?.group;
  for (const call of draft.calls.values()) {
    if (call.direction !== "to-pax" || call.phase !== "waiting" || call.route.group !== group) continue;
    if (draft.lines.get(line) !== "idle") return;
    seizeFree(draft, call);
  }
}

export function toPaxLine(draft: Draft, call: ToPaxCall, line: string, report: LineReport): void {
  switch (report.type) {
    case "dial-tone":
      if (call.phase !== "seizing") return;
      // Keys work in an answered call only, so the second stage is answered by the gateway.
      talk(draft, call, line, "second-stage");
      return;
    case "dialled":
      if (call.phase !== "seizing") return;
      draft.put({ ...call, phase: "awaiting-answer" });
      draft.do({ type: "connect-early", leg: call.leg, line });
      return;
    case "answered":
      if (call.phase === "awaiting-answer") talk(draft, call, line, "talking");
      return;
    case "failed":
      return failed(draft, call, line, report.reason);
    case "cleared":
    case "parked":
    case "idle":
      return end(draft, call, "normal", "the PAX cleared");
    case "seized": // glare: the line says `failed` as well
    case "digit":
    case "digit-error":
    case "digit-timeout":
    case "flash":
    case "looped":
      return;
    default:
      return assertNever(report);
  }
}

export function toPaxSip(draft: Draft, call: ToPaxCall, event: Extract<SipEvent, { leg: string }>): void {
  switch (event.type) {
    case "ended":
      return gone(draft, call, "the caller cleared");
    case "dtmf":
      return key(draft, call, event.digit);
    case "incoming":
    case "ringing":
    case "early-media":
    case "answered":
      return;
    default:
      return assertNever(event);
  }
}

/** The leg has gone (or all of Asterisk): release the line. */
export function gone(draft: Draft, call: ToPaxCall, reason: string): void {
  draft.calls.delete(call.id);
  releaseLine(draft, call);
  draft.do({ type: "stop-timers", call: call.id });
  draft.report({ type: "ended", call: call.id, reason });
}

/** Ends the call from our side, at both ends. */
export function end(draft: Draft, call: ToPaxCall, answer: EndReason, reason: string): void {
  draft.do({ type: "hangup", leg: call.leg, reason: answer });
  gone(draft, call, reason);
}

/** The wait after glare is over: the one retry. */
export function retryToPax(draft: Draft, call: ToPaxCall): void {
  if (call.phase !== "waiting") return;
  if (!seizeFree(draft, call)) end(draft, call, "busy", `no free line in group ${call.route.group}`);
}

function admit(draft: Draft, from: ToPaxCall["from"], caller: string, emergency: boolean) {
  const { kind, name } = from;
  const source = kind === "trunk" ? { kind, name, caller } : { kind, name };
  return admitCall(draft.limits, { source, emergency, atMs: draft.atMs }, draft.context.limits);
}

function overLimit({ limit, of }: Extract<LimitVerdict, { admitted: false }>, name: string): string {
  return `over ${limit} calls in an hour from ${of === "caller" ? `this caller through ${name}` : name}`;
}

/**
 * Takes the last free line of the group: the PAX hunts from the first, and the two meet on one line (glare) only when
 * there is no other. False when there is none. A call that waited
 * may find that others have used up its limit: then it ends here.
 */
function seizeFree(draft: Draft, call: ToPaxCall): boolean {
  const free = draft.context.lines.findLast(
    ({ name, group }) =>
      group === call.route.group &&
      draft.lines.get(name) === "idle" &&
      !draft.blocked.has(name) &&
      !call.linesTried.includes(name),
  );
  if (free === undefined) return false;
  if (!call.counted) {
    const { state, verdict } = admit(draft, call.from, call.caller, call.route.emergency);
    draft.limits = state;
    if (!verdict.admitted) {
      end(draft, call, "congestion", overLimit(verdict, call.from.name));
      return true;
    }
  }
  const line = free.name;
  const digits = call.route.extension === null ? null : [...call.route.extension].map(Number);
  draft.lines.set(line, "taken");
  draft.put({ ...call, line, phase: "seizing", counted: true, linesTried: [...call.linesTried, line] });
  draft.order(line, { type: "seize", digits });
  draft.do({ type: "open-media", line });
  return true;
}

function failed(
  draft: Draft,
  call: ToPaxCall,
  line: string,
  reason: Extract<LineReport, { type: "failed" }>["reason"],
): void {
  switch (reason) {
    case "busy":
      return end(draft, call, "busy", "the extension is busy");
    case "unobtainable":
      return end(draft, call, "unobtainable", "the PAX gave number unobtainable");
    case "no-answer":
      return end(draft, call, "no-answer", "no answer");
    case "glare":
    case "not-idle":
    case "no-current":
    case "lost":
      break;
    default:
      return assertNever(reason);
  }
  if (call.phase !== "seizing") return end(draft, call, "congestion", `the line failed: ${reason}`);
  draft.do({ type: "close-media", line });
  const free = { ...call, line: null, phase: "waiting" } as const;
  if (seizeFree(draft, free)) return;
  if ((reason === "glare" || reason === "not-idle") && !call.retried) {
    // The PAX's call has this line; by then it, or another, may be free.
    wait(draft, free);
    return;
  }
  end(draft, free, reason === "glare" || reason === "not-idle" ? "busy" : "congestion", `no line: ${reason}`);
}

/** Waits for the one retry. */
function wait(draft: Draft, call: ToPaxCall): void {
  draft.put({ ...call, retried: true, linesTried: [] });
  draft.do({ type: "start-timer", call: call.id, timer: "glare-retry", ms: draft.context.glareRetryMs });
}

function talk(draft: Draft, call: ToPaxCall, line: string, phase: "second-stage" | "talking"): void {
  draft.put({ ...call, phase });
  draft.do({ type: "answer", leg: call.leg, line });
  const longestMs = longestCallMs(draft.context.limits, call.route.emergency);
  if (longestMs !== null) draft.do({ type: "start-timer", call: call.id, timer: "longest", ms: longestMs });
  draft.report({ type: "answered", call: call.id });
}

function key(draft: Draft, call: ToPaxCall, digit: string): void {
  if (call.line === null || !/^[0-9]$/.test(digit)) return;
  if (call.phase === "second-stage") return dialOn(draft, call, call.line, digit);
  if (call.phase === "awaiting-answer" && draft.context.intrudeOnBusy && digit === "1") {
    draft.order(call.line, { type: "send-digit", digit: 1 });
  }
}

/**
 * Second stage: only what the rule lists is sent, for the PAX would take anything, its tie lines' digits included. Each
 * digit goes out as it is keyed; after a complete number none does, so that a line never has more than a number to send.
 */
function dialOn(draft: Draft, call: ToPaxCall, line: string, digit: string): void {
  if (matchSecondStage(call.route, call.keyed) === "whole") return;
  const keyed = call.keyed + digit;
  const match = matchSecondStage(call.route, keyed);
  if (match === "no") return end(draft, call, "unobtainable", `${keyed} may not be dialled in the second stage`);
  draft.put({ ...call, keyed });
  draft.order(line, { type: "send-digit", digit: Number(digit) });
  if (match === "whole") draft.order(line, { type: "proceed" });
}

function releaseLine(draft: Draft, call: ToPaxCall): void {
  if (call.line === null) return;
  draft.order(call.line, { type: "release" });
  if (draft.lines.get(call.line) === "taken") draft.lines.set(call.line, "resting");
  draft.do({ type: "close-media", line: call.line });
}
