import { heardBusy, isOver } from "./call-over.ts";
import { encodeDigit } from "./encoder.ts";
import {
  allOff,
  audio,
  closed,
  type Effect,
  emit,
  enter,
  fail,
  type LineContext,
  type LineState,
  type MachineInput,
  muted,
  type Phase,
  release,
  type Step,
  set,
  stay,
  through,
  timer,
} from "./machine.ts";

/** Calls to the PAX, the same on a tie line and on a subscriber line: we close the loop and dial. */

/** Numbers of a PAX have two digits: after fewer, a caller in the second stage is still dialling. */
const NUMBER_DIGITS = 2;

type In<S extends Phase["status"]> = Extract<Phase, { status: S }>;

/** Takes the idle line. */
export function seize(state: LineState, digits: readonly number[] | null, atMs: number, context: LineContext): Step {
  const { profile, inputs } = context;
  // Current that flows already makes no edge.
  const looped = inputs.has("current") && state.current;
  const proof = inputs.has("current")
    ? timer("current", atMs + profile.currentTimeoutMs)
    : timer("looped", atMs + profile.glareWindowMs);
  return enter(
    state,
    {
      status: "seizing",
      digits: digits ?? [],
      secondStage: digits === null,
      sinceMs: atMs,
      looped,
      ready: false,
      toneHeard: false,
    },
    set("loop", true),
    audio(muted, true),
    timer("before-digits", atMs + profile.beforeFirstDigitMs),
    looped ? emit({ type: "looped", atMs }) : proof,
  );
}

/** Everything but glare, which the two machines treat each in its way. */
export function stepOutgoing(state: LineState, input: MachineInput, context: LineContext): Step {
  const { phase } = state;
  if (input.type === "command" && input.command.type === "release") return release(state, input.atMs, context);
  if (input.type === "timer" && input.timer === "current-lost") {
    return release(state, input.atMs, context, { type: "cleared", atMs: input.atMs });
  }
  switch (phase.status) {
    case "seizing":
      return seizing(state, phase, input, context);
    case "sending":
      return sending(state, phase, input, context);
    case "second-stage":
      return secondStage(state, phase, input, context);
    case "awaiting-answer":
      return awaitingAnswer(state, phase, input, context);
    case "talking":
      return talking(state, input, context);
    default:
      return stay(state);
  }
}

function seizing(state: LineState, phase: In<"seizing">, input: MachineInput, context: LineContext): Step {
  const { atMs } = input;
  const looped = (): Step => {
    const next = { ...phase, looped: true };
    const effects = [timer("current", null), timer("looped", null), emit({ type: "looped", atMs })];
    return phase.ready
      ? startDialling(state, next, atMs, context, effects)
      : stay({ ...state, phase: next }, ...effects);
  };
  const ready = (toneHeard: boolean): Step => {
    // A dial tone without current proves the loop only where current cannot be measured.
    const next = { ...phase, ready: true, toneHeard };
    return phase.looped ? startDialling(state, next, atMs, context) : stay({ ...state, phase: next });
  };
  switch (input.type) {
    case "edge":
      if (input.input !== "current") return stay(state);
      if (input.active && !phase.looped) return looped();
      return phase.looped ? watchCurrent(state, input, context) : stay(state);
    case "timer":
      if (input.timer === "looped" && !phase.looped) return looped();
      if (input.timer === "before-digits") return ready(phase.toneHeard);
      if (input.timer === "current" && !phase.looped) {
        return enter(
          state,
          { status: "fault", reason: "no-current" },
          ...allOff(context),
          audio(closed),
          emit({ type: "failed", reason: "no-current", atMs }),
          timer("retry", atMs + context.profile.faultRetryMs),
        );
      }
      return stay(state);
    case "heard":
      return input.heard.tone === "dial" && !phase.toneHeard ? ready(true) : stay(state);
    case "command":
      if (input.command.type !== "send-digit" || !phase.secondStage) return stay(state);
      return stay({ ...state, phase: { ...phase, digits: [...phase.digits, input.command.digit] } });
    default:
      return stay(state);
  }
}

function startDialling(
  state: LineState,
  phase: In<"seizing">,
  atMs: number,
  context: LineContext,
  before: readonly Effect[] = [],
): Step {
  const { toneHeard } = phase;
  const effects = phase.secondStage ? [...before, emit({ type: "dial-tone", heard: toneHeard, atMs })] : before;
  if (phase.secondStage && phase.digits.length === 0) {
    const giveUp = timer("digit", atMs + context.profile.firstDigitTimeoutMs);
    return enter(state, { status: "second-stage", toneHeard }, ...effects, audio(through, true), giveUp);
  }
  const [first = 0, ...queue] = phase.digits;
  return play(state, first, queue, phase.secondStage ? 0 : null, context, effects);
}

/** Whether a caller in the second stage has not dialled a whole number yet: time alone is then no answer. */
const incomplete = (keyed: number | null) => keyed !== null && keyed < NUMBER_DIGITS;

/**
 * Hands one digit's impulses over in one piece, muted until they are out. A whole number in one piece would go on being
 * sent for seconds when the supervisor has died; so it is a digit and the dead-man at most. What comes after is counted
 * from the pattern's real start, so that a stall makes the pause longer and never shorter.
 */
function play(
  state: LineState,
  digit: number,
  queue: readonly number[],
  keyed: number | null,
  context: LineContext,
  before: readonly Effect[] = [],
): Step {
  const steps = encodeDigit(digit, context.profile);
  return enter(state, { status: "sending", queue, keyed: keyed === null ? null : keyed + 1 }, ...before, audio(muted), {
    type: "play",
    steps,
  });
}

function sending(state: LineState, phase: In<"sending">, input: MachineInput, context: LineContext): Step {
  const { atMs } = input;
  const { profile } = context;
  if (input.type === "command" && input.command.type === "send-digit" && phase.keyed !== null) {
    return stay({ ...state, phase: { ...phase, queue: [...phase.queue, input.command.digit] } });
  }
  if (input.type !== "timer") return stay(state);
  const [next, ...queue] = phase.queue;
  if (input.timer === "pause" && next !== undefined) {
    return play(state, next, queue, phase.keyed, context);
  }
  if (input.timer !== "sent") return stay(state);
  // The pattern's last make is part of the pause.
  if (next !== undefined) return stay(state, timer("pause", atMs + profile.interDigitalPauseMs - profile.sendMakeMs));
  const supervised = context.inputs.has("reversal");
  return enter(
    state,
    { status: "awaiting-answer", keyed: phase.keyed, sentAtMs: atMs, busyHeard: false },
    audio(through, true),
    emit({ type: "dialled", atMs }),
    timer("no-answer", atMs + profile.noAnswerMs),
    ...(supervised || incomplete(phase.keyed) ? [] : [timer("answer", atMs + profile.answerAfterMs)]),
    ...(supervised && state.reversal ? [timer("reversal", atMs + profile.reversalStableMs)] : []),
    ...(context.inputs.has("current") && !state.current ? [timer("current-lost", atMs + profile.clearMs)] : []),
  );
}

function secondStage(state: LineState, phase: In<"second-stage">, input: MachineInput, context: LineContext): Step {
  const { atMs } = input;
  switch (input.type) {
    case "edge":
      return watchCurrent(state, input, context);
    case "heard":
      if (input.heard.tone === "dial" && !phase.toneHeard) {
        return stay({ ...state, phase: { ...phase, toneHeard: true } }, emit({ type: "dial-tone", heard: true, atMs }));
      }
      return heardBusy(state, input, context) ?? stay(state);
    case "timer":
      return input.timer === "digit" ? fail(state, "no-answer", atMs, context) : stay(state);
    case "command":
      if (input.command.type !== "send-digit") return stay(state);
      return play(state, input.command.digit, [], 0, context);
    default:
      return stay(state);
  }
}

function awaitingAnswer(
  state: LineState,
  phase: In<"awaiting-answer">,
  input: MachineInput,
  context: LineContext,
): Step {
  const { atMs } = input;
  const { profile, inputs } = context;
  const answered = (by: "reversal" | "ringing-stopped" | "time"): Step =>
    enter(
      state,
      { status: "talking", direction: "out" },
      audio(through, true),
      emit({ type: "answered", by, atMs }),
      ...(inputs.has("current") && !state.current ? [timer("current-lost", atMs + profile.clearMs)] : []),
    );
  switch (input.type) {
    case "edge":
      if (input.input === "reversal") {
        return stay(state, timer("reversal", input.active ? atMs + profile.reversalStableMs : null));
      }
      return watchCurrent(state, input, context);
    case "timer":
      if (input.timer === "reversal") return answered("reversal");
      if (input.timer === "ringing-stopped") return answered("ringing-stopped");
      if (input.timer === "answer") return answered("time");
      if (input.timer === "no-answer") return fail(state, "no-answer", atMs, context);
      return stay(state);
    case "heard": {
      const over = heardBusy(state, input, context);
      if (over !== null) return over;
      const supervised = inputs.has("reversal");
      if (input.heard.tone === "ringing" && !supervised) {
        // While it rings nobody has answered, however long it takes.
        return stay(state, timer("answer", null), timer("ringing-stopped", atMs + profile.ringingStoppedMs));
      }
      if (input.heard.tone === "busy" || input.heard.tone === "congestion") {
        const next = { ...state, phase: { ...phase, busyHeard: true } };
        if (supervised) return stay(next);
        if (incomplete(phase.keyed)) return stay(next, timer("ringing-stopped", null));
        return stay(next, timer("ringing-stopped", null), timer("answer", atMs + profile.answerAfterMs));
      }
      return stay(state);
    }
    case "command": {
      if (input.command.type !== "send-digit") return stay(state);
      const { digit } = input.command;
      const intrudes = profile.intrudeOnBusy && phase.busyHeard && digit === 1;
      if (phase.keyed === null && !intrudes) return stay(state);
      const earliest = phase.sentAtMs + profile.interDigitalPauseMs - profile.sendMakeMs;
      if (atMs >= earliest) return play(state, digit, [], phase.keyed, context);
      const waiting: Phase = { status: "sending", queue: [digit], keyed: phase.keyed };
      return enter(state, waiting, audio(muted), timer("pause", earliest));
    }
    default:
      return stay(state);
  }
}

function talking(state: LineState, input: MachineInput, context: LineContext): Step {
  if (input.type === "edge") return watchCurrent(state, input, context);
  // Where the called telephone clears first many a PAX goes on feeding the loop, and says so by busy tone alone. A
  // continuous tone could be somebody's whistle: it counts only where there is no loop current to tell the end by.
  if (input.type !== "heard" || !isOver(input.heard, context)) return stay(state);
  if (input.heard.tone === "unobtainable" && context.inputs.has("current")) return stay(state);
  return release(state, input.atMs, context, { type: "cleared", atMs: input.atMs });
}

/** Loop current gone for as long as a clear takes is the PAX's release; less is impulsing, ringing trip or a reversal. */
export function watchCurrent(
  state: LineState,
  input: Extract<MachineInput, { type: "edge" }>,
  context: LineContext,
): Step {
  if (input.input !== "current") return stay(state);
  return stay(state, timer("current-lost", input.active ? null : input.atMs + context.profile.clearMs));
}
