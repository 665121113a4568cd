import { assertNever } from "../base/assert-never.ts";
import type { Route } from "./destination.ts";
import { admitCall, longestCallMs } from "./limits.ts";
import type { EndReason, LineReport, SipEvent } from "./port.ts";
import type { Draft, FromPaxCall } from "./state.ts";

/** Calls that a PAX caller makes: seized → digits → route → ringing → answer → clear. */

type Tone = "busy" | "congestion" | "unobtainable";

/** The PAX has taken a line (tie line), or rings it (subscriber line with a hotline). */
export function beginFromPax(draft: Draft, line: string): void {
  const config = draft.context.lines.find((one) => one.name === line);
  const hotline = draft.context.plan.hotline(line);
  // Nobody to connect a ringing line with: let it ring, as an unattended telephone would.
  if (config === undefined || (config.type === "subscriber" && hotline === null)) return;
  const id = draft.name("call");
  const call: FromPaxCall = {
    direction: "from-pax",
    id,
    line,
    phase: "dialling",
    digits: "",
    route: null,
    trunk: null,
    trunksLeft: [],
    leg: null,
  };
  draft.put(call);
  draft.report({ type: "begun", call: id, direction: "from-pax", line, number: "", caller: "" });
  // Where its interface has no way to say so the PAX goes on seizing a blocked line.
  if (draft.blocked.has(line)) return finish(draft, call, "congestion", "the line is blocked");
  if (!draft.sipUp) return finish(draft, call, "congestion", "Asterisk is away");
  draft.do({ type: "open-media", line });
  if (hotline !== null) place(draft, call, hotline);
}

export function fromPaxLine(draft: Draft, call: FromPaxCall, report: LineReport): void {
  switch (report.type) {
    case "digit":
      if (call.phase === "dialling") digit(draft, call, report.digit);
      return;
    case "digit-error":
      if (call.phase === "dialling") finish(draft, call, "unobtainable", `digit not understood: ${report.reason}`);
      return;
    case "digit-timeout":
      if (call.phase !== "dialling") return;
      if (report.which === "first") finish(draft, call, "busy", "no digit was dialled");
      else finish(draft, call, "unobtainable", `number incomplete: ${call.digits}`);
      return;
    case "cleared":
    case "failed":
    case "parked":
      return forget(draft, call, report.type === "cleared" ? "the PAX caller cleared" : `line ${report.type}`);
    case "idle":
      return forget(draft, call, "the line is idle");
    case "seized":
      // A line says so once in a call. A subscriber line that we released says no more before the PAX rings it again.
      if (call.phase === "over") forget(draft, call, "the PAX calls again");
      return;
    case "flash": // ignored while dialling, and no feature hangs on it
    case "looped":
    case "dial-tone":
    case "dialled":
    case "answered":
      return;
    default:
      return assertNever(report);
  }
}

export function fromPaxSip(draft: Draft, call: FromPaxCall, event: Extract<SipEvent, { leg: string }>): void {
  const { line } = call;
  switch (event.type) {
    case "ringing":
      if (call.phase === "calling") draft.order(line, { type: "tone", tone: "ringing" });
      return;
    case "early-media":
      if (call.phase === "calling") draft.order(line, { type: "connect" });
      return;
    case "answered": {
      if (call.phase !== "calling") return;
      draft.put({ ...call, phase: "talking" });
      draft.order(line, { type: "answer" });
      draft.do({ type: "stop-timers", call: call.id });
      const longestMs = longestCallMs(draft.context.limits, call.route?.emergency ?? false);
      if (longestMs !== null) draft.do({ type: "start-timer", call: call.id, timer: "longest", ms: longestMs });
      draft.report({ type: "answered", call: call.id });
      return;
    }
    case "ended":
      return ended(draft, { ...call, leg: null }, event.reason);
    case "dtmf": // a PAX telephone has no use for it
    case "incoming":
      return;
    default:
      return assertNever(event);
  }
}

/** Asterisk has gone, nobody answers, or the call has lasted too long: the caller hears it. */
export function endFromPax(draft: Draft, call: FromPaxCall, tone: Tone, reason: string): void {
  finish(draft, call, tone, reason);
}

function digit(draft: Draft, call: FromPaxCall, dialled: number): void {
  const digits = `${call.digits}${dialled}`;
  const next = { ...call, digits };
  const number = draft.context.plan.advance(digits);
  switch (number.type) {
    case "incomplete":
      draft.put(next);
      return;
    case "impossible":
      return finish(draft, next, "unobtainable", `${digits} is not in the number plan`);
    case "complete":
      draft.order(call.line, { type: "proceed" });
      return place(draft, next, number);
    default:
      return assertNever(number);
  }
}

function place(draft: Draft, call: FromPaxCall, route: Route): void {
  const attempt = { source: { kind: "line", name: call.line }, emergency: route.emergency, atMs: draft.atMs } as const;
  const { state, verdict } = admitCall(draft.limits, attempt, draft.context.limits);
  draft.limits = state;
  if (!verdict.admitted) return finish(draft, call, "congestion", `over ${verdict.limit} calls in an hour`);
  // A network that rings, or says nothing, for ever would keep line and trunk until the caller thinks of clearing.
  draft.do({ type: "start-timer", call: call.id, timer: "no-answer", ms: draft.context.noAnswerMs });
  callNext(draft, { ...call, route, trunksLeft: route.trunks });
}

/** Calls the destination, by the first trunk that is free. */
function callNext(draft: Draft, call: FromPaxCall): void {
  const { route } = call;
  if (route === null) return;
  const leg = draft.name("leg");
  const calling = { ...call, phase: "calling", leg } as const;
  if (route.target.kind !== "trunk") {
    draft.put({ ...calling, trunksLeft: [] });
    draft.do({ type: "dial", leg, line: call.line, target: route.target });
    draft.report({ type: "placed", call: call.id, target: route.target });
    return;
  }
  const left = [...call.trunksLeft];
  for (let trunk = left.shift(); trunk !== undefined; trunk = left.shift()) {
    const limit = draft.context.trunks.find((one) => one.name === trunk)?.callLimit ?? 0;
    if (draft.callsOnTrunk(trunk) >= limit) continue;
    const target = { ...route.target, trunk };
    draft.put({ ...calling, trunk, trunksLeft: left });
    draft.do({ type: "dial", leg, line: call.line, target });
    draft.report({ type: "placed", call: call.id, target });
    return;
  }
  finish(draft, call, "congestion", "every trunk is engaged or out of order");
}

function ended(draft: Draft, call: FromPaxCall, reason: EndReason): void {
  if (call.phase === "talking") {
    draft.order(call.line, { type: "release" });
    return over(draft, call, "the far end cleared");
  }
  if (call.phase !== "calling") return;
  const trunkFailed = reason === "unavailable" || reason === "congestion";
  if (trunkFailed && call.trunksLeft.length > 0) return callNext(draft, call);
  finish(draft, call, toneFor(reason), reason);
}

function toneFor(reason: EndReason): Tone {
  switch (reason) {
    case "busy":
    case "no-answer":
    case "rejected":
      return "busy";
    case "unobtainable":
      return "unobtainable";
    case "normal":
    case "congestion":
    case "unavailable":
      return "congestion";
    default:
      return assertNever(reason);
  }
}

/** Gives the caller a tone; he has yet to clear. */
function finish(draft: Draft, call: FromPaxCall, tone: Tone, reason: string): void {
  if (call.leg !== null) draft.do({ type: "hangup", leg: call.leg, reason: "normal" });
  draft.order(call.line, { type: "tone", tone });
  over(draft, call, reason);
}

function over(draft: Draft, call: FromPaxCall, reason: string): void {
  draft.put({ ...call, phase: "over", leg: null, trunk: null, trunksLeft: [] });
  draft.do({ type: "close-media", line: call.line }, { type: "stop-timers", call: call.id });
  draft.report({ type: "ended", call: call.id, reason });
}

/** The line is clear of the call. */
function forget(draft: Draft, call: FromPaxCall, reason: string): void {
  draft.calls.delete(call.id);
  if (call.leg !== null) draft.do({ type: "hangup", leg: call.leg, reason: "normal" });
  if (call.phase === "over") return;
  draft.do({ type: "close-media", line: call.line }, { type: "stop-timers", call: call.id });
  draft.report({ type: "ended", call: call.id, reason });
}
