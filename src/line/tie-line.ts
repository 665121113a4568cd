import { assertNever } from "../base/assert-never.ts";
import type { DecoderOutput } from "./decoder.ts";
import {
  type AudioMode,
  allOff,
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
  tone,
  withStartLevels,
} from "./machine.ts";
import { seize, stepOutgoing } from "./outgoing.ts";
import type { LineEvent } from "./types.ts";

/**
 * A both-way tie line: loop calling and loop impulsing. The PAX's side comes in as what the decoder made of the `loop`
 * input; our side is the `loop` output.
 *
 * Invariants: idle, guard and fault have every output off; parked has `busy` on and nothing else; our loop is closed
 * only in a call that we make.
 */
export function tieLineStep(before: LineState, input: MachineInput, context: LineContext): Step {
  const state = withLevels(before, input);
  if (input.type === "start") return start(state, input, context);
  if (input.type === "lost") return lost(state, input.atMs, context);
  const { phase } = state;
  if (input.type === "command" && input.command.type === "seize") {
    if (phase.status !== "idle") return refuseSeize(state, input.atMs);
    return seize(state, input.command.digits, input.atMs, context);
  }
  switch (phase.status) {
    case "starting":
      return stay(state);
    case "idle":
      return isSeize(input) ? seized(state, input.atMs, context) : stay(state);
    case "seized":
      return dialled(state, phase, input, context);
    case "proceeding":
      return incoming(state, phase.audio, input, context);
    case "seizing": {
      const { glareWindowMs } = context.profile;
      // Until our loop is known to hold, a seizure by the PAX is glare at any time: its call wins.
      if (isSeize(input) && (!phase.looped || input.atMs - phase.sinceMs <= glareWindowMs)) {
        return seized(state, input.atMs, context, { type: "failed", reason: "glare", atMs: input.atMs });
      }
      return stepOutgoing(state, input, context);
    }
    case "sending":
    case "awaiting-answer":
    case "second-stage":
      return stepOutgoing(state, input, context);
    case "talking":
      return phase.direction === "out" ? stepOutgoing(state, input, context) : incoming(state, through, input, context);
    case "awaiting-clear":
      return awaitingClear(state, phase, input, context);
    case "guard":
      return guard(state, phase, input, context);
    case "parked":
      return isClear(input) ? rest(state, input.atMs, context) : stay(state);
    case "fault":
      if (phase.reason === "lost") return stay(state);
      // The PAX can use the line, so the fault is over.
      if (isSeize(input)) return seized(state, input.atMs, context);
      if (input.type === "timer" && input.timer === "retry") return idle(state, input.atMs);
      return stay(state);
    default:
      return assertNever(phase);
  }
}

const isSeize = (input: MachineInput) => input.type === "decoded" && input.output.type === "seize";
const isClear = (input: MachineInput) => input.type === "decoded" && input.output.type === "clear";

/** Remembers the inputs' levels, whatever the line is doing. */
function withLevels(state: LineState, input: MachineInput): LineState {
  if (input.type === "edge" && (input.input === "current" || input.input === "reversal")) {
    return { ...state, [input.input]: input.active };
  }
  if (isSeize(input)) return { ...state, loop: true };
  if (isClear(input)) return { ...state, loop: false };
  return state;
}

/** Everything released; a loop that is closed already belongs to a call that nobody knows any more. */
function start(before: LineState, input: Extract<MachineInput, { type: "start" }>, context: LineContext): Step {
  const { atMs } = input;
  const state = withStartLevels(before.phase, input.levels);
  return state.loop ? hangUpOn(state, "busy", false, atMs, context) : release(state, atMs, context);
}

/** The PAX has taken the line: dial tone at once (within 200 ms, `line-signalling`). */
function seized(state: LineState, atMs: number, context: LineContext, ...before: LineEvent[]): Step {
  return enter(
    state,
    { status: "seized", digits: 0, held: false },
    ...allOff(context),
    ...before.map(emit),
    emit({ type: "seized", atMs }),
    audio(tone("dial")),
    timer("digit", atMs + context.profile.firstDigitTimeoutMs),
  );
}

/** The call is over but the PAX caller holds: this tone until he clears, or until the line is parked. */
function hangUpOn(
  state: LineState,
  name: "busy" | "congestion" | "unobtainable",
  told: boolean,
  atMs: number,
  context: LineContext,
  ...events: LineEvent[]
): Step {
  return enter(
    state,
    { status: "awaiting-clear", told },
    ...allOff(context),
    ...events.map(emit),
    audio(tone(name)),
    timer("tone-over", atMs + context.profile.toneAfterClearMs),
  );
}

/** Seized: digits are awaited. */
function dialled(
  state: LineState,
  phase: Extract<Phase, { status: "seized" }>,
  input: MachineInput,
  context: LineContext,
): Step {
  const { atMs } = input;
  const { profile } = context;
  if (input.type === "timer" && input.timer === "digit") {
    const which = phase.digits === 0 ? "first" : "next";
    // An incomplete number is no number; a caller who does not dial hears busy.
    const name = which === "first" ? "busy" : "unobtainable";
    return hangUpOn(state, name, true, atMs, context, { type: "digit-timeout", which, atMs });
  }
  if (input.type !== "decoded") return incoming(state, phase.digits === 0 ? tone("dial") : muted, input, context);
  const { output } = input;
  switch (output.type) {
    case "first-break":
      // While impulses come in, their own time limits hold; the digit timer is set again by what they amount to.
      return stay(state, audio(muted), timer("digit", null));
    case "digit":
      return stay(
        { ...state, phase: { ...phase, digits: phase.digits + 1 } },
        audio(muted),
        { type: "health", health: output.health },
        emit({ type: "digit", digit: output.digit, health: output.health, atMs }),
        timer("digit", atMs + profile.nextDigitTimeoutMs),
      );
    case "error":
      // Never a guess: the caller hears number unobtainable and dials again.
      return hangUpOn(state, "unobtainable", true, atMs, context, { type: "digit-error", reason: output.reason, atMs });
    case "flash":
    case "false-break":
    case "swallowed": {
      const wait = phase.digits === 0 ? profile.firstDigitTimeoutMs : profile.nextDigitTimeoutMs;
      const mode = phase.digits === 0 ? tone("dial") : muted;
      const flash = output.type === "flash" ? [emit({ type: "flash", atMs })] : [];
      return stay(state, audio(mode), ...flash, timer("digit", atMs + wait));
    }
    case "seize":
      return stay(state);
    case "clear":
      return incoming(state, muted, input, context);
    default:
      return assertNever(output);
  }
}

/** A call from the PAX, in any of its stages. `mode` is its audio when no impulses disturb it. */
function incoming(state: LineState, mode: AudioMode, input: MachineInput, context: LineContext): Step {
  const { atMs } = input;
  if (input.type === "decoded") return disturbed(state, mode, input.output, atMs, context);
  if (input.type !== "command") return stay(state);
  const { command } = input;
  const proceed = (next: AudioMode): Step =>
    enter(state, { status: "proceeding", audio: next, held: false }, audio(next));
  switch (command.type) {
    case "proceed":
      return state.phase.status === "seized" ? proceed(muted) : stay(state);
    case "tone":
      if (command.tone !== "ringing") return hangUpOn(state, command.tone, true, atMs, context);
      return state.phase.status === "talking" ? stay(state) : proceed(tone("ringing"));
    case "connect":
      return state.phase.status === "talking" ? stay(state) : proceed(through);
    case "answer": {
      const reversal = context.outputs.has("reversal") ? [set("reversal", true)] : [];
      return enter(state, { status: "talking", direction: "in" }, ...reversal, audio(through));
    }
    case "release":
      return hangUpOn(state, "busy", true, atMs, context);
    case "seize":
    case "send-digit":
    case "block":
      return stay(state);
    default:
      return assertNever(command);
  }
}

/** The PAX caller clears, or dials where no digits are awaited: muted while his impulses come in. */
function disturbed(state: LineState, mode: AudioMode, output: DecoderOutput, atMs: number, context: LineContext): Step {
  switch (output.type) {
    case "clear":
      return rest(state, atMs, context, { type: "cleared", atMs });
    case "first-break":
      return stay(state, audio(muted));
    case "digit":
      return stay(state, audio(mode), { type: "health", health: output.health });
    case "flash":
      return stay(state, audio(mode), emit({ type: "flash", atMs }));
    case "error":
    case "false-break":
    case "swallowed":
      return stay(state, audio(mode));
    case "seize":
      return stay(state);
    default:
      return assertNever(output);
  }
}

function awaitingClear(
  state: LineState,
  phase: Extract<Phase, { status: "awaiting-clear" }>,
  input: MachineInput,
  context: LineContext,
): Step {
  const { atMs } = input;
  if (isClear(input)) {
    return rest(state, atMs, context, ...(phase.told ? [{ type: "cleared", atMs } as const] : []));
  }
  if (input.type === "command" && input.command.type === "tone" && input.command.tone !== "ringing") {
    return stay(state, audio(tone(input.command.tone)));
  }
  if (input.type !== "timer" || input.timer !== "tone-over") return stay(state);
  const busy = context.outputs.has("busy") ? [set("busy", true)] : [];
  return enter(state, { status: "parked" }, audio(closed), ...busy, emit({ type: "parked", atMs }));
}

function guard(
  state: LineState,
  phase: Extract<Phase, { status: "guard" }>,
  input: MachineInput,
  context: LineContext,
): Step {
  const { atMs } = input;
  const accept = (): Step =>
    // A caller who began to dial before we listened would reach a wrong number with the rest of his digits.
    phase.spoiled ? hangUpOn(state, "unobtainable", false, atMs, context) : seized(state, atMs, context);
  if (input.type === "timer" && (input.timer === "incoming" || input.timer === "guard")) {
    if (state.loop) return accept();
    return input.timer === "guard" ? idle(state, atMs) : stay(state);
  }
  if (input.type !== "decoded") return stay(state);
  if (isSeize(input)) return atMs >= phase.incomingFromMs ? accept() : stay(state);
  return stay({ ...state, phase: { ...phase, spoiled: !isClear(input) } });
}
