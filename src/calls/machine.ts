import { assertNever } from "../base/assert-never.ts";
import { beginTest, endTest, setBlocked, testedLine } from "./by-hand.ts";
import { beginFromPax, endFromPax, fromPaxLine, fromPaxSip } from "./from-pax.ts";
import type { LineReport, SipEvent } from "./port.ts";
import {
  type CallsContext,
  type CallsEffect,
  type CallsInput,
  type CallsState,
  type CallTimer,
  Draft,
  type LineStanding,
} from "./state.ts";
import { beginToPax, end, gone, lineIdle, retryToPax, toPaxLine, toPaxSip } from "./to-pax.ts";

/**
 * Call control as one pure machine over all lines. Invariants: a line carries at most one call, a leg belongs to at
 * most one call; no line is touched for a number that is not in the plan; whatever ends a call releases its line,
 * its leg, its audio and its timers.
 */
export function step(
  state: CallsState,
  input: CallsInput,
  context: CallsContext,
): { state: CallsState; effects: readonly CallsEffect[] } {
  const draft = new Draft(state, input.atMs, context);
  switch (input.type) {
    case "line":
      onLine(draft, input.line, input.report);
      break;
    case "sip":
      onSip(draft, input.event);
      break;
    case "timer":
      onTimer(draft, input.call, input.timer);
      break;
    case "block":
      setBlocked(draft, input.line, input.blocked);
      break;
    case "test":
      beginTest(draft, input.line);
      break;
    case "test-over":
      endTest(draft, input.line);
      break;
    default:
      assertNever(input);
  }
  return draft.finish();
}

function onLine(draft: Draft, line: string, report: LineReport): void {
  draft.lines.set(line, standingAfter(report));
  if (draft.tested.has(line)) testedLine(draft, line, report);
  const call = draft.callOnLine(line);
  if (call?.direction === "to-pax") toPaxLine(draft, call, line, report);
  else if (call !== undefined) fromPaxLine(draft, call, report);
  // The same report ends an earlier call (ours, after glare; or one that was over) and begins the PAX's.
  if (report.type === "seized" && draft.callOnLine(line) === undefined) beginFromPax(draft, line);
  if (report.type === "idle") lineIdle(draft, line);
}

function standingAfter(report: LineReport): LineStanding {
  switch (report.type) {
    case "idle":
      return "idle";
    case "cleared":
      return "resting";
    case "parked":
      return "out";
    case "failed":
      if (report.reason === "no-current" || report.reason === "lost") return "out";
      return report.reason === "glare" || report.reason === "not-idle" ? "taken" : "resting";
    case "seized":
    case "digit":
    case "digit-error":
    case "digit-timeout":
    case "flash":
    case "looped":
    case "dial-tone":
    case "dialled":
    case "answered":
      return "taken";
    default:
      return assertNever(report);
  }
}

function onSip(draft: Draft, event: SipEvent): void {
  switch (event.type) {
    case "up":
      draft.sipUp = true;
      return;
    case "down":
      draft.sipUp = false;
      for (const call of [...draft.calls.values()]) {
        if (call.direction === "to-pax") gone(draft, call, "Asterisk went away");
        else if (call.phase !== "over") endFromPax(draft, { ...call, leg: null }, "congestion", "Asterisk went away");
      }
      return;
    case "incoming":
      return beginToPax(draft, event);
    case "ringing":
    case "early-media":
    case "answered":
    case "dtmf":
    case "ended": {
      const call = draft.callOfLeg(event.leg);
      if (call?.direction === "to-pax") toPaxSip(draft, call, event);
      else if (call !== undefined) fromPaxSip(draft, call, event);
      return;
    }
    default:
      return assertNever(event);
  }
}

function onTimer(draft: Draft, id: string, timer: CallTimer): void {
  const call = draft.calls.get(id);
  if (call === undefined) return;
  switch (timer) {
    case "longest":
      if (call.direction === "to-pax") end(draft, call, "normal", "the longest call is over");
      else endFromPax(draft, call, "busy", "the longest call is over");
      return;
    case "no-answer":
      if (call.direction === "from-pax" && call.phase === "calling") endFromPax(draft, call, "busy", "no answer");
      return;
    case "glare-retry":
      if (call.direction === "to-pax") retryToPax(draft, call);
      return;
    default:
      return assertNever(timer);
  }
}
