import type { PaxProfile } from "../config/pax-profile.ts";
import type { DecoderOutput } from "./decoder.ts";
import type { LineInput, LineOutput, PatternStep } from "./port.ts";
import type { DialHealth, LineCommand, LineEvent, SeizeFailure, ToneName } from "./types.ts";

/** What both line machines share: inputs, effects, state. Pure: time comes with every input. */

/** Timers of a line. Each is armed for a moment, replaces itself, and is dropped when the line changes what it does. */
export type LineTimer =
  | "digit" // no (further) digit from the PAX caller
  | "before-digits" // no dial tone heard: dial all the same
  | "current" // no loop current after seizing
  | "looped" // no current input: the glare window is over
  | "sent" // the pattern has been played; armed by `play`
  | "pause" // inter-digital pause before a queued digit
  | "answer"
  | "ringing-stopped"
  | "reversal" // the reversal has lasted
  | "no-answer"
  | "current-lost" // the PAX has released us
  | "tone-over" // the caller has heard busy tone long enough
  | "ring-over" // the PAX has stopped ringing us
  | "incoming" // within a guard: the PAX may seize again
  | "guard"
  | "retry"; // a line that was at fault may be tried again

/** Whole tones as the detector reports them. `cycles` counts repetitions of a cadence without a gap. */
export interface Heard {
  readonly tone: ToneName | "silence" | "speech";
  readonly cycles: number;
}

export type MachineInput =
  | { readonly type: "start"; readonly levels: ReadonlyMap<LineInput, boolean>; readonly atMs: number }
  | { readonly type: "lost"; readonly atMs: number }
  /** What the decoder made of the `loop` input (tie line). */
  | { readonly type: "decoded"; readonly output: DecoderOutput; readonly atMs: number }
  /** Edges of the other inputs. */
  | { readonly type: "edge"; readonly input: LineInput; readonly active: boolean; readonly atMs: number }
  | { readonly type: "heard"; readonly heard: Heard; readonly atMs: number }
  | { readonly type: "timer"; readonly timer: LineTimer; readonly atMs: number }
  | { readonly type: "command"; readonly command: LineCommand; readonly atMs: number };

/** `closed`: no frames flow. `muted`: silence both ways. `tone`: to the PAX, silence to the network. */
export type AudioMode =
  | { readonly kind: "closed" | "muted" | "through" }
  | { readonly kind: "tone"; readonly tone: ToneName };

export type Effect =
  | { readonly type: "set"; readonly output: LineOutput; readonly active: boolean }
  /** Plays impulses, and arms `sent` for their end as counted from when they began in fact: a late start moves it. */
  | { readonly type: "play"; readonly steps: readonly PatternStep[] }
  /** Arms (or re-arms) a timer; null drops it. */
  | { readonly type: "timer"; readonly timer: LineTimer; readonly atMs: number | null }
  | { readonly type: "timers-off" }
  /** `listen`: tones from the PAX are to be recognised. */
  | { readonly type: "audio"; readonly mode: AudioMode; readonly listen: boolean }
  | { readonly type: "emit"; readonly event: LineEvent }
  | { readonly type: "health"; readonly health: DialHealth };

/** What a line is doing, with what it must remember to do it. */
export type Phase =
  | { readonly status: "starting" | "idle" | "parked" }
  /** `held` (subscriber): our loop is closed already, because both ends took the line at once. */
  | { readonly status: "seized"; readonly digits: number; readonly held: boolean }
  | { readonly status: "proceeding"; readonly audio: AudioMode; readonly held: boolean }
  | { readonly status: "talking"; readonly direction: "in" | "out" }
  | {
      readonly status: "seizing";
      readonly digits: readonly number[];
      readonly secondStage: boolean;
      readonly sinceMs: number;
      readonly looped: boolean;
      /** Dial tone was heard, or enough time has passed. */
      readonly ready: boolean;
      readonly toneHeard: boolean;
    }
  /** `keyed`: how many digits the caller has dialled in the second stage; null where there is none. */
  | { readonly status: "sending"; readonly queue: readonly number[]; readonly keyed: number | null }
  | {
      readonly status: "awaiting-answer";
      readonly keyed: number | null;
      readonly sentAtMs: number;
      readonly busyHeard: boolean;
    }
  | { readonly status: "second-stage"; readonly toneHeard: boolean }
  /** `told`: a call is still to hear that the PAX cleared. */
  | { readonly status: "awaiting-clear"; readonly told: boolean }
  /** `spoiled`: the PAX seized and began to dial before we listened. */
  | { readonly status: "guard"; readonly incomingFromMs: number; readonly spoiled: boolean }
  | { readonly status: "fault"; readonly reason: "no-current" | "lost" };

export interface LineState {
  readonly phase: Phase;
  /** The PAX holds the loop (tie line). */
  readonly loop: boolean;
  readonly current: boolean;
  readonly reversal: boolean;
  /** Ringing current (subscriber): time of the last pulse, and how many came close together. */
  readonly ringAtMs: number;
  readonly ringPulses: number;
  /** Out of service by hand (`blocking.ts`). */
  readonly blocked: boolean;
}

/** A line of which only its inputs' levels are known. */
export const withStartLevels = (phase: Phase, levels: ReadonlyMap<LineInput, boolean>): LineState => ({
  ...initialLineState,
  phase,
  loop: levels.get("loop") ?? false,
  current: levels.get("current") ?? false,
  reversal: levels.get("reversal") ?? false,
});

/** What does not change while a line runs. */
export interface LineContext {
  readonly profile: PaxProfile;
  readonly inputs: ReadonlySet<LineInput>;
  readonly outputs: ReadonlySet<LineOutput>;
}

export interface Step {
  readonly state: LineState;
  readonly effects: readonly Effect[];
}

export type LineMachine = (state: LineState, input: MachineInput, context: LineContext) => Step;

export const initialLineState: LineState = {
  phase: { status: "starting" },
  loop: false,
  current: false,
  reversal: false,
  ringAtMs: Number.NEGATIVE_INFINITY,
  ringPulses: 0,
  blocked: false,
};

export const closed: AudioMode = { kind: "closed" };
export const muted: AudioMode = { kind: "muted" };
export const through: AudioMode = { kind: "through" };

export const stay = (state: LineState, ...effects: Effect[]): Step => ({ state, effects });

/** Begins another phase: timers of the old one are dropped first. */
export const enter = (state: LineState, phase: Phase, ...effects: Effect[]): Step => ({
  state: { ...state, phase },
  effects: [{ type: "timers-off" }, ...effects],
});

export const emit = (event: LineEvent): Effect => ({ type: "emit", event });
export const audio = (mode: AudioMode, listen = false): Effect => ({ type: "audio", mode, listen });
export const tone = (name: ToneName): AudioMode => ({ kind: "tone", tone: name });
export const set = (output: LineOutput, active: boolean): Effect => ({ type: "set", output, active });
export const timer = (name: LineTimer, atMs: number | null): Effect => ({ type: "timer", timer: name, atMs });

/** Every output that the interface has, de-energised. */
export const allOff = (context: LineContext): Effect[] => [...context.outputs].map((output) => set(output, false));

/** Opens our loop and rests: the PAX may seize the line after `releaseMs`, we after `seizeGuardMs`. */
export function release(state: LineState, atMs: number, context: LineContext, ...events: LineEvent[]): Step {
  const { releaseMs, seizeGuardMs } = context.profile;
  return enter(
    state,
    { status: "guard", incomingFromMs: atMs + releaseMs, spoiled: false },
    ...allOff(context),
    audio(closed),
    ...events.map(emit),
    timer("incoming", atMs + releaseMs),
    timer("guard", atMs + Math.max(releaseMs, seizeGuardMs)),
  );
}

/** The PAX has cleared: everything off, a short rest. */
export function rest(state: LineState, atMs: number, context: LineContext, ...events: LineEvent[]): Step {
  const until = atMs + context.profile.clearGuardMs;
  return enter(
    state,
    { status: "guard", incomingFromMs: until, spoiled: false },
    ...allOff(context),
    audio(closed),
    ...events.map(emit),
    timer("guard", until),
  );
}

export const fail = (state: LineState, reason: SeizeFailure, atMs: number, context: LineContext): Step =>
  release(state, atMs, context, { type: "failed", reason, atMs });

/** A line that is not idle cannot be taken; what it does goes on. */
export function refuseSeize(state: LineState, atMs: number): Step {
  const { phase } = state;
  const reason = phase.status === "fault" && phase.reason === "lost" ? "lost" : "not-idle";
  return stay(state, emit({ type: "failed", reason, atMs }));
}

export const idle = (state: LineState, atMs: number): Step =>
  enter(state, { status: "idle" }, emit({ type: "idle", atMs }));

/** Whether our loop is closed (or impulsing) in this phase. */
export function holdsLoop(phase: Phase, type: "tie-line" | "subscriber"): boolean {
  switch (phase.status) {
    case "seizing":
    case "sending":
    case "awaiting-answer":
    case "second-stage":
      return true;
    case "talking":
      return phase.direction === "out" || type === "subscriber";
    case "seized":
    case "proceeding":
      return phase.held;
    default:
      return false;
  }
}

/** The interface has gone: whatever went on is over. */
export function lost(state: LineState, atMs: number, context: LineContext): Step {
  const { phase } = state;
  const over: LineEvent[] = [];
  switch (phase.status) {
    case "seizing":
    case "sending":
    case "awaiting-answer":
    case "second-stage":
      over.push({ type: "failed", reason: "lost", atMs });
      break;
    case "seized":
    case "proceeding":
    case "talking":
      over.push({ type: "cleared", atMs });
      break;
    case "awaiting-clear":
      if (phase.told) over.push({ type: "cleared", atMs });
      break;
    default:
  }
  return enter(
    { ...initialLineState },
    { status: "fault", reason: "lost" },
    ...allOff(context),
    audio(closed),
    ...over.map(emit),
  );
}
