import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { withBlocking } from "./blocking.ts";
import type { DecoderOutput } from "./decoder.ts";
import { patternDuration } from "./encoder.ts";
import {
  type AudioMode,
  holdsLoop,
  initialLineState,
  type LineContext,
  type LineMachine,
  type LineState,
  type LineTimer,
  type MachineInput,
  type Phase,
} from "./machine.ts";
import { type LineInput, type LineOutput, lineInputs } from "./port.ts";
import { pax50 } from "./profiles.ts";
import { subscriberStep } from "./subscriber.ts";
import { tieLineStep } from "./tie-line.ts";
import { type LineCommand, type LineEvent, toneNames } from "./types.ts";

const health = { ips: 10, breakPercent: 67 };

const decoderOutputs: readonly DecoderOutput[] = [
  { type: "seize", atMs: 0 },
  { type: "first-break", atMs: 0 },
  { type: "digit", digit: 5, pulses: 5, health, atMs: 0 },
  { type: "error", reason: "damaged-train", atMs: 0 },
  { type: "false-break", lengthMs: 12, atMs: 0 },
  { type: "flash", atMs: 0 },
  { type: "swallowed", atMs: 0 },
  { type: "clear", atMs: 0 },
];

const commands: readonly LineCommand[] = [
  { type: "seize", digits: [2, 3] },
  { type: "seize", digits: null },
  { type: "send-digit", digit: 1 },
  { type: "proceed" },
  { type: "tone", tone: "ringing" },
  { type: "tone", tone: "busy" },
  { type: "tone", tone: "congestion" },
  { type: "tone", tone: "unobtainable" },
  { type: "connect" },
  { type: "answer" },
  { type: "release" },
  { type: "block", blocked: true },
  { type: "block", blocked: false },
];

const timers: readonly LineTimer[] = [
  "digit",
  "before-digits",
  "current",
  "looped",
  "sent",
  "pause",
  "answer",
  "ringing-stopped",
  "reversal",
  "no-answer",
  "current-lost",
  "tone-over",
  "ring-over",
  "incoming",
  "guard",
  "retry",
];

/** Every input there is, but for its time. Timers come from the walk itself: only an armed one can fire. */
const outsideInputs: readonly ((atMs: number) => MachineInput)[] = [
  (atMs) => ({ type: "start", levels: new Map(), atMs }),
  (atMs) => ({ type: "start", levels: new Map([["loop", true]]), atMs }),
  (atMs) => ({ type: "lost", atMs }),
  ...decoderOutputs.map(
    (output) =>
      (atMs: number): MachineInput => ({ type: "decoded", output, atMs }),
  ),
  ...lineInputs.flatMap((input) =>
    [true, false].map(
      (active) =>
        (atMs: number): MachineInput => ({ type: "edge", input, active, atMs }),
    ),
  ),
  ...[...toneNames, "silence" as const, "speech" as const].flatMap((tone) =>
    [1, 3].map(
      (cycles) =>
        (atMs: number): MachineInput => ({ type: "heard", heard: { tone, cycles }, atMs }),
    ),
  ),
  ...commands.map(
    (command) =>
      (atMs: number): MachineInput => ({ type: "command", command, atMs }),
  ),
];
const timerInputs = timers.map(
  (timer) =>
    (atMs: number): MachineInput => ({ type: "timer", timer, atMs }),
);

const phases: readonly Phase[] = [
  { status: "starting" },
  { status: "idle" },
  { status: "parked" },
  { status: "seized", digits: 0, held: false },
  { status: "seized", digits: 2, held: false },
  { status: "seized", digits: 0, held: true },
  { status: "proceeding", audio: { kind: "muted" }, held: false },
  { status: "proceeding", audio: { kind: "tone", tone: "ringing" }, held: true },
  { status: "talking", direction: "in" },
  { status: "talking", direction: "out" },
  {
    status: "seizing",
    digits: [2, 3],
    secondStage: false,
    sinceMs: 9_900,
    looped: false,
    ready: false,
    toneHeard: false,
  },
  { status: "seizing", digits: [], secondStage: true, sinceMs: 5_000, looped: true, ready: true, toneHeard: true },
  { status: "sending", queue: [], keyed: null },
  { status: "sending", queue: [4], keyed: 1 },
  { status: "awaiting-answer", keyed: null, sentAtMs: 9_000, busyHeard: true },
  { status: "awaiting-answer", keyed: 2, sentAtMs: 9_900, busyHeard: false },
  { status: "second-stage", toneHeard: false },
  { status: "awaiting-clear", told: true },
  { status: "awaiting-clear", told: false },
  { status: "guard", incomingFromMs: 10_500, spoiled: false },
  { status: "guard", incomingFromMs: 9_500, spoiled: true },
  { status: "fault", reason: "no-current" },
  { status: "fault", reason: "lost" },
];

interface Kind {
  readonly name: "tie-line" | "subscriber";
  readonly step: LineMachine;
}
const kinds: readonly Kind[] = [
  { name: "tie-line", step: withBlocking(tieLineStep) },
  { name: "subscriber", step: withBlocking(subscriberStep) },
];

const contexts: readonly LineContext[] = [
  {
    profile: pax50,
    inputs: new Set<LineInput>(lineInputs),
    outputs: new Set<LineOutput>(["loop", "reversal", "busy"]),
  },
  {
    profile: { ...pax50, intrudeOnBusy: true },
    inputs: new Set<LineInput>(["loop", "ring"]),
    outputs: new Set(["loop"]),
  },
  { profile: pax50, inputs: new Set<LineInput>(["loop", "ring", "current"]), outputs: new Set(["loop", "busy"]) },
];

/** A line as its service keeps it: what the effects have made of its outputs, timers and audio. */
class Model {
  state: LineState = initialLineState;
  readonly on = new Set<LineOutput>();
  readonly timers = new Map<LineTimer, number>();
  readonly events: LineEvent[] = [];
  audio: AudioMode = { kind: "closed" };
  #there = false;
  readonly kind: Kind;
  readonly context: LineContext;

  constructor(kind: Kind, context: LineContext) {
    this.kind = kind;
    this.context = context;
  }

  /** Puts the line into a phase, with the outputs and timers that belong to it. */
  enter(phase: Phase, levels: Partial<LineState> = {}): void {
    const tieLine = this.kind.name === "tie-line";
    this.state = { ...initialLineState, ...levels, phase, loop: tieLine && heldByPax(phase) };
    if (holdsLoop(phase, this.kind.name)) this.on.add("loop");
    const busied = phase.status === "parked" || this.state.blocked;
    // An interface that is not there has every output off.
    const there = phase.status !== "starting" && !(phase.status === "fault" && phase.reason === "lost");
    if (busied && there && this.context.outputs.has("busy")) this.on.add("busy");
    this.#there = there;
    for (const timer of timersOf(phase, this.kind, this.context)) this.timers.set(timer, 10_000);
  }

  input(input: MachineInput): void {
    if (input.type === "timer") this.timers.delete(input.timer);
    const { state, effects } = this.kind.step(this.state, input, this.context);
    this.state = state;
    if (input.type === "start" || input.type === "lost") this.on.clear(); // the port opens and falls de-energised
    if (input.type === "start") this.#there = true;
    if (input.type === "lost") this.#there = false;
    for (const effect of effects) {
      switch (effect.type) {
        case "set":
          if (!this.#there) break; // the service has no interface to set it on
          if (effect.active) this.on.add(effect.output);
          else this.on.delete(effect.output);
          break;
        case "play":
          this.on.add("loop");
          this.timers.set("sent", input.atMs + patternDuration(effect.steps));
          break;
        case "timer":
          if (effect.atMs === null) this.timers.delete(effect.timer);
          else this.timers.set(effect.timer, effect.atMs);
          break;
        case "timers-off":
          this.timers.clear();
          break;
        case "audio":
          this.audio = effect.mode;
          break;
        case "emit":
          this.events.push(effect.event);
          break;
        case "health":
          break;
      }
    }
  }

  /** What must hold after every input. */
  check(): void {
    const { phase } = this.state;
    const { status } = phase;
    const known = { status, outputs: [...this.on].sort(), audio: this.audio.kind };
    for (const output of this.on) expect(this.context.outputs.has(output), `no output ${output}`).toBe(true);
    expect({ ...known, loop: this.on.has("loop") }).toEqual({ ...known, loop: holdsLoop(phase, this.kind.name) });
    const busied = (status === "parked" || this.state.blocked) && this.#there && this.context.outputs.has("busy");
    expect({ ...known, busy: this.on.has("busy") }).toEqual({ ...known, busy: busied });
    if (["idle", "guard", "fault", "starting", "parked"].includes(status)) {
      expect(known).toEqual({ status, outputs: busied ? ["busy"] : [], audio: "closed" });
    }
    if (this.on.has("reversal")) expect(status).toBe("talking");
    // Nothing runs on an idle line; and no passing state is without a way on.
    if (status === "idle" || status === "parked") expect([...this.timers.keys()]).toEqual([]);
    if (status === "guard") expect(this.timers.has("guard")).toBe(true);
    if (status === "sending") expect(this.timers.has("sent") || this.timers.has("pause")).toBe(true);
    if (status === "awaiting-answer") expect(this.timers.has("no-answer")).toBe(true);
    if (status === "seizing") expect(this.timers.size).toBeGreaterThan(0);
    if (status === "awaiting-clear") expect(this.timers.size).toBe(1);
    if (status === "fault") expect(this.timers.has("retry")).toBe(phase.reason === "no-current");
  }
}

describe.each(kinds)("the $name machine", (kind) => {
  it("keeps its invariants with every input in every state", () => {
    for (const context of contexts) {
      for (const phase of phases.filter((one) => occurs(one, kind))) {
        for (const make of [...outsideInputs, ...timerInputs]) {
          for (const levels of [
            {},
            { current: true, reversal: true, ringAtMs: 9_990, ringPulses: 5 },
            { blocked: true },
          ]) {
            const model = new Model(kind, context);
            model.enter(phase, levels);
            model.check();
            const input = make(10_000);
            if (!possible(model.state, input)) continue;
            model.input(input);
            model.check();
          }
        }
      }
    }
  });

  it("keeps its invariants whatever happens, in any order", () => {
    const stepArb = fc.record({
      pick: fc.nat(),
      fire: fc.boolean(),
      wait: fc.constantFrom(0, 1, 30, 200, 700),
    });
    fc.assert(
      fc.property(fc.constantFrom(...contexts), fc.array(stepArb, { maxLength: 80 }), (context, steps) => {
        const model = new Model(kind, context);
        let now = 1_000;
        model.input({ type: "start", levels: new Map(), atMs: now });
        for (const { pick, fire, wait } of steps) {
          now += wait;
          const due = [...model.timers].sort((a, b) => a[1] - b[1])[0];
          if (due !== undefined && (fire || due[1] <= now)) {
            now = Math.max(now, due[1]);
            model.timers.delete(due[0]);
            model.input({ type: "timer", timer: due[0], atMs: due[1] });
          } else {
            const input = outsideInputs[pick % outsideInputs.length]?.(now);
            // The loop can be seized only when it is open, and the rest only happens on a held loop.
            if (input === undefined || !possible(model.state, input)) continue;
            model.input(input);
          }
          model.check();
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it("comes back to idle from every state when it is released, the PAX clears and time passes", () => {
    const started = phases.filter((phase) => occurs(phase, kind) && phase.status !== "starting");
    const cases = contexts.flatMap((context) =>
      started.flatMap((phase) => outsideInputs.map((make) => ({ context, phase, input: make(10_000) }))),
    );
    for (const { context, phase, input } of cases) {
      const model = new Model(kind, context);
      model.enter(phase);
      if (possible(model.state, input)) model.input(input);
      if (model.state.phase.status === "fault") continue; // only a restart helps an interface that is gone
      model.input({ type: "command", command: { type: "release" }, atMs: 10_500 });
      if (model.state.loop) model.input({ type: "decoded", output: { type: "clear", atMs: 11_000 }, atMs: 11_000 });
      settle(model, 11_000);
      expect({ phase, input, status: model.state.phase.status }).toEqual({ phase, input, status: "idle" });
    }
  });
});

/** Whether a line of this kind is ever in this phase. */
function occurs(phase: Phase, kind: Kind): boolean {
  if (phase.status === "parked") return kind.name === "tie-line";
  return kind.name === "subscriber" || !("held" in phase) || !phase.held;
}

/** Whether the PAX holds a tie line's loop in this phase. */
function heldByPax(phase: Phase): boolean {
  switch (phase.status) {
    case "seized":
    case "proceeding":
    case "awaiting-clear":
    case "parked":
      return true;
    case "talking":
      return phase.direction === "in";
    default:
      return false;
  }
}

/** Timers without which a line would not leave this phase by itself. */
function timersOf(phase: Phase, kind: Kind, context: LineContext): readonly LineTimer[] {
  const proof: LineTimer = context.inputs.has("current") ? "current" : "looped";
  switch (phase.status) {
    case "guard":
      return ["guard"];
    case "seizing":
      return ["before-digits", ...(phase.looped ? [] : [proof])];
    case "sending":
      return ["sent"];
    case "awaiting-answer":
      return ["no-answer"];
    case "second-stage":
      return ["digit"];
    case "awaiting-clear":
      return [kind.name === "tie-line" ? "tone-over" : "ring-over"];
    case "fault":
      return phase.reason === "no-current" ? ["retry"] : [];
    case "seized":
    case "proceeding":
      return kind.name === "tie-line" || phase.held ? [] : ["ring-over"];
    default:
      return [];
  }
}

function possible(state: LineState, input: MachineInput): boolean {
  if (input.type !== "decoded") return true;
  return input.output.type === "seize" ? !state.loop : state.loop;
}

/** Lets every timer run out. */
function settle(model: Model, from: number): void {
  for (let n = 0; n < 20; n++) {
    const due = [...model.timers].sort((a, b) => a[1] - b[1])[0];
    if (due === undefined) return;
    model.timers.delete(due[0]);
    model.input({ type: "timer", timer: due[0], atMs: Math.max(from, due[1]) });
    model.check();
  }
}
