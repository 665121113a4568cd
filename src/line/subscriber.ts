import { assertNever } from "../base/assert-never.ts";
import {
  type AudioMode,
  audio,
  closed,
  emit,
  enter,
  idle,
  type LineContext,
  type LineState,
  lost,
  type MachineInput,
  muted,
  type Phase,
  refuseSeize,
  release,
  rest,
  type Step,
  set,
  stay,
  through,
  timer,
  withStartLevels,
} from "./machine.ts";
import { seize, stepOutgoing, watchCurrent } from "./outgoing.ts";
import type { LineEvent } from "./types.ts";

/**
 * A line that looks like a telephone on a PAX extension: the PAX rings it, we answer by closing the loop. It cannot
 * give a PAX caller tones before it has answered; a call that is refused is left to ring.
 *
 * Invariants: idle, guard, fault and a ringing line have the loop open; it is closed in calls that we make or answer.
 */

/** Pulses of ringing current (25 Hz: at most 40 ms apart) that are a ring, and the gap that separates rings, ms (EJ). */
const RING_PULSES = 2;
const RING_PULSE_GAP_MS = 200;

export function subscriberStep(before: LineState, input: MachineInput, context: LineContext): Step {
  const state = withLevels(before, input);
  if (input.type === "start") {
    return release({ ...withStartLevels(state.phase, input.levels), loop: false }, input.atMs, context);
  }
  if (input.type === "lost") return lost(state, input.atMs, context);
  const { phase } = state;
  const { atMs } = input;
  const rung = input.type === "edge" && input.input === "ring" && input.active && state.ringPulses >= RING_PULSES;
  if (input.type === "command" && input.command.type === "seize") {
    if (phase.status !== "idle") return refuseSeize(state, input.atMs);
    return seize(state, input.command.digits, input.atMs, context);
  }
  switch (phase.status) {
    case "starting":
    case "parked":
      return stay(state);
    case "idle":
      return rung ? seized(state, atMs, false, context) : stay(state);
    case "seized":
    case "proceeding":
      return phase.held ? heldCall(state, input, context) : ringing(state, input, context);
    case "seizing":
      // Our loop has tripped the ringing: the call is ours whether we wanted it or not, and it wins.
      if (rung && atMs - phase.sinceMs <= context.profile.glareWindowMs) {
        return seized(state, atMs, true, context, { type: "failed", reason: "glare", atMs });
      }
      return stepOutgoing(state, input, context);
    case "sending":
    case "awaiting-answer":
    case "second-stage":
      return stepOutgoing(state, input, context);
    case "talking":
      return stepOutgoing(state, input, context);
    case "awaiting-clear":
      if (isRingEdge(input)) return stay(state, timer("ring-over", atMs + context.profile.ringOverMs));
      if (input.type === "timer" && input.timer === "ring-over")
        return rest(state, atMs, context, { type: "cleared", atMs });
      return stay(state);
    case "guard":
      if (rung && atMs >= phase.incomingFromMs) return seized(state, atMs, false, context);
      return input.type === "timer" && input.timer === "guard" ? idle(state, atMs) : stay(state);
    case "fault":
      if (phase.reason === "lost") return stay(state);
      if (rung) return seized(state, atMs, false, context);
      return input.type === "timer" && input.timer === "retry" ? idle(state, atMs) : stay(state);
    default:
      return assertNever(phase);
  }
}

const isRingEdge = (input: MachineInput) => input.type === "edge" && input.input === "ring" && input.active;

function withLevels(state: LineState, input: MachineInput): LineState {
  if (input.type !== "edge") return state;
  switch (input.input) {
    case "current":
    case "reversal":
      return { ...state, [input.input]: input.active };
    case "ring": {
      if (!input.active) return state;
      const together = input.atMs - state.ringAtMs <= RING_PULSE_GAP_MS;
      return { ...state, ringAtMs: input.atMs, ringPulses: together ? state.ringPulses + 1 : 1 };
    }
    case "loop":
      return state;
    default:
      return assertNever(input.input);
  }
}

function seized(state: LineState, atMs: number, held: boolean, context: LineContext, ...before: LineEvent[]): Step {
  return enter(
    state,
    { status: "seized", digits: 0, held },
    ...before.map(emit),
    emit({ type: "seized", atMs }),
    ...(held ? [audio(muted)] : [timer("ring-over", atMs + context.profile.ringOverMs)]),
  );
}

/** The PAX rings; nothing can be heard or said before we answer. */
function ringing(state: LineState, input: MachineInput, context: LineContext): Step {
  const { atMs } = input;
  const ringOver = timer("ring-over", Math.max(state.ringAtMs, atMs) + context.profile.ringOverMs);
  if (isRingEdge(input)) return stay(state, ringOver);
  if (input.type === "timer" && input.timer === "ring-over")
    return rest(state, atMs, context, { type: "cleared", atMs });
  if (input.type !== "command") return stay(state);
  const { command } = input;
  const refuse = (): Step => enter(state, { status: "awaiting-clear", told: true }, ringOver);
  switch (command.type) {
    case "proceed":
    case "connect":
      return enter(state, { status: "proceeding", audio: closed, held: false }, ringOver);
    case "tone":
      if (command.tone !== "ringing") return refuse();
      return enter(state, { status: "proceeding", audio: closed, held: false }, ringOver);
    case "answer":
      return answer(state);
    case "release":
      return refuse();
    case "seize":
    case "send-digit":
    case "block":
      return stay(state);
    default:
      return assertNever(command);
  }
}

/** A call from the PAX that our own seizing has answered. */
function heldCall(state: LineState, input: MachineInput, context: LineContext): Step {
  const { atMs } = input;
  if (input.type === "edge") return watchCurrent(state, input, context);
  if (input.type === "timer" && input.timer === "current-lost") {
    return release(state, atMs, context, { type: "cleared", atMs });
  }
  if (input.type !== "command") return stay(state);
  const { command } = input;
  const proceed = (mode: AudioMode): Step => {
    const phase: Phase = { status: "proceeding", audio: mode, held: true };
    return stay({ ...state, phase }, audio(mode));
  };
  switch (command.type) {
    case "proceed":
      return proceed(muted);
    case "connect":
      return proceed(through);
    case "tone":
      return command.tone === "ringing" ? proceed({ kind: "tone", tone: "ringing" }) : release(state, atMs, context);
    case "answer":
      return answer(state);
    case "release":
      return release(state, atMs, context);
    case "seize":
    case "send-digit":
    case "block":
      return stay(state);
    default:
      return assertNever(command);
  }
}

/** Closes the loop; the PAX's release shows as in a call that we make: by loop current or by a tone. */
function answer(state: LineState): Step {
  return enter(state, { status: "talking", direction: "in" }, set("loop", true), audio(through, true));
}
