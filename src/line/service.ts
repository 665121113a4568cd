import { assertNever } from "../base/assert-never.ts";
import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { PaxProfile } from "../config/pax-profile.ts";
import { withBlocking } from "./blocking.ts";
import { type DecoderOutput, type DecoderState, decoderStep, newDecoder, nextDeadline } from "./decoder.ts";
import { patternDuration } from "./encoder.ts";
import { HealthMeter, type LineHealth } from "./health.ts";
import { LineAudio } from "./line-audio.ts";
import { logHealth, logStatus } from "./line-log.ts";
import { LineTimers } from "./line-timers.ts";
import {
  type Effect,
  initialLineState,
  type LineMachine,
  type LineState,
  type LineTimer,
  type MachineInput,
} from "./machine.ts";
import { Outputs } from "./outputs.ts";
import { afterPoll } from "./poll-service.ts";
import type { Edge, LinePort, MediaPort, PatternStep } from "./port.ts";
import { subscriberStep } from "./subscriber.ts";
import { tieLineStep } from "./tie-line.ts";
import type { DialHealth, LineCommand, LineEvent, LineStatus } from "./types.ts";

/** A lost interface is tried again this often, ms. */
export const REOPEN_MS = 1_000;

/** What a line is made of. */
export interface LineOptions {
  readonly type: "tie-line" | "subscriber";
  readonly port: LinePort;
  readonly profile: PaxProfile;
  readonly clock: Clock;
  readonly log: Log;
  readonly gainToPaxDb?: number;
  readonly gainFromPaxDb?: number;
  /** Calls `then` when every edge that is queued has been delivered. */
  readonly drain?: (then: () => void) => void;
}

/**
 * One line: joins its interface, the decoder, its machine and its audio. It decides nothing. While the line is idle
 * nothing runs: no timer, no audio, no refresh.
 */
export class LineService implements Service {
  readonly name: string;
  readonly type: "tie-line" | "subscriber";
  readonly #options: LineOptions;
  readonly #machine: LineMachine;
  readonly #audio: LineAudio;
  readonly #health = new HealthMeter();
  readonly #events = new TypedEmitter<{ event: [event: LineEvent]; status: [status: LineStatus] }>();
  readonly #timers: LineTimers;
  readonly #outputs: Outputs;
  readonly #inputs: MachineInput[] = [];
  #decoder: DecoderState;
  #state: LineState = initialLineState;
  #subscriptions: Dispose[] = [];
  /** Edges that came while the inputs' first levels were being read; null once they are known. */
  #early: Edge[] | null = [];
  #running = false;
  #open = false;
  #busy = false;
  /** Counts openings and losses, so that an opening that was overtaken by a loss is not believed. */
  #attempt = 0;
  #stopReopen: Dispose = () => undefined;

  constructor(options: LineOptions) {
    const { port, profile } = options;
    this.#options = options;
    this.name = port.name;
    this.type = options.type;
    this.#machine = withBlocking(options.type === "tie-line" ? tieLineStep : subscriberStep);
    const target = {
      decoderDue: () => nextDeadline(this.#decoder),
      decoderTime: (atMs: number) => this.#decoded(decoderStep(this.#decoder, { type: "time", atMs })),
      timer: (timer: LineTimer, atMs: number) => this.#input({ type: "timer", timer, atMs }),
    };
    this.#timers = new LineTimers(options.clock, target, options.drain ?? afterPoll);
    this.#decoder = newDecoder(profile);
    this.#outputs = new Outputs(port, options.clock);
    this.#audio = new LineAudio(port, profile.tones, profile.unobtainableMs, (heard) =>
      this.#input({ type: "heard", heard, atMs: options.clock.now() }),
    );
    this.#audio.setGains(options.gainToPaxDb ?? 0, options.gainFromPaxDb ?? 0);
  }

  get status(): LineStatus {
    return this.#state.phase.status;
  }

  /** Out of service by hand. */
  get blocked(): boolean {
    return this.#state.blocked;
  }

  /** Whether loop current is measured; without it `looped` says that time has passed. */
  get measuresCurrent(): boolean {
    return this.#options.port.inputs.has("current");
  }

  get health(): LineHealth {
    return this.#health.value;
  }

  onEvent(listener: (event: LineEvent) => void): Dispose {
    return this.#events.on("event", listener);
  }

  onStatus(listener: (status: LineStatus) => void): Dispose {
    return this.#events.on("status", listener);
  }

  command(command: LineCommand): void {
    this.#input({ type: "command", command, atMs: this.#options.clock.now() });
  }

  /** Joins the line's audio with a call's; null takes it away. The frames it is given must not be kept. */
  attachMedia(media: MediaPort | null): void {
    this.#audio.attach(media);
  }

  /** Does not reject when the interface is missing: the line is then at fault, and tried again. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#running) return;
    this.#running = true;
    this.#timers.start();
    const { port } = this.#options;
    this.#subscriptions = [
      port.onEdge((edge) => this.#edge(edge)),
      port.onLost((error) => this.#lost(error)),
      this.#audio.listen(),
    ];
    await this.#openPort();
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    for (const dispose of this.#subscriptions.splice(0)) dispose();
    this.#stopReopen();
    this.#timers.stop();
    if (this.#open) this.#audio.set({ kind: "closed" }, false);
    else this.#audio.forget();
    this.#outputs.forget();
    this.#open = false;
    this.#early = [];
    this.#setState({ ...initialLineState });
    await this.#options.port.close();
  }

  async #openPort(): Promise<void> {
    const { port, clock, profile } = this.#options;
    const attempt = ++this.#attempt;
    const overtaken = () => !this.#running || attempt !== this.#attempt;
    this.#early = [];
    try {
      await port.open();
      const levels = await port.levels();
      if (overtaken()) return;
      this.#open = true;
      const atMs = clock.now();
      this.#decoder = newDecoder(profile, levels.get("loop") ?? false, atMs);
      const early = this.#early ?? [];
      this.#early = null;
      this.#input({ type: "start", levels, atMs });
      for (const edge of early) this.#edge(edge);
    } catch (error) {
      if (overtaken()) return;
      await port.close().catch(() => undefined);
      if (!overtaken()) this.#lost(error);
    }
  }

  #lost(error: unknown): void {
    const { clock, log, profile } = this.#options;
    if (this.#open || this.status !== "fault") {
      log.error("line interface lost", { line: this.name, error: describeError(error) });
    }
    this.#attempt++;
    this.#open = false;
    this.#early = [];
    this.#audio.forget();
    this.#outputs.forget();
    this.#decoder = newDecoder(profile);
    this.#input({ type: "lost", atMs: clock.now() });
    this.#stopReopen();
    this.#stopReopen = clock.at(clock.now() + REOPEN_MS, () => void this.#openPort());
  }

  #edge(edge: Edge): void {
    if (this.#early !== null) {
      this.#early.push(edge);
      return;
    }
    if (edge.input === "loop" && this.type === "tie-line") {
      this.#decoded(decoderStep(this.#decoder, { type: "edge", closed: edge.active, atMs: edge.atMs }));
      this.#timers.arm();
    } else {
      this.#input({ type: "edge", input: edge.input, active: edge.active, atMs: edge.atMs });
    }
  }

  #decoded(outputs: readonly DecoderOutput[]): void {
    for (const output of outputs) {
      if (output.type === "error") this.#health.error();
      if (output.type === "false-break") this.#health.falseBreak();
      this.#input({ type: "decoded", output, atMs: output.atMs });
    }
  }

  /** One input at a time: what listeners command meanwhile comes after. */
  #input(input: MachineInput): void {
    this.#inputs.push(input);
    if (this.#busy) return;
    this.#busy = true;
    const { port, profile } = this.#options;
    const context = { profile, inputs: port.inputs, outputs: port.outputs };
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        const { state, effects } = this.#machine(this.#state, next, context);
        this.#setState(state);
        for (const effect of effects) this.#guarded(effect.type, () => this.#perform(effect));
      }
    } finally {
      this.#busy = false;
      this.#inputs.length = 0;
    }
    this.#timers.arm();
  }

  #setState(state: LineState): void {
    const before = this.status;
    this.#state = state;
    if (before === this.status) return;
    if (this.#running) logStatus(this.#options.log, this.name, before, state.phase);
    this.#guarded("status", () => this.#events.emit("status", this.status));
  }

  #digitHealth(health: DialHealth): void {
    const before = this.health;
    this.#health.digit(health);
    logHealth(this.#options.log, this.name, before, this.health);
  }

  /** One effect that fails must not keep the others from happening: the next may be the one that opens the loop. */
  #guarded(what: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#options.log.error("line effect failed", { line: this.name, what, error: describeError(error) });
    }
  }

  /** The clock is read after the impulses have begun: if the process is held up in between, the pause only grows. */
  #play(steps: readonly PatternStep[]): void {
    if (!this.#open) return;
    try {
      this.#outputs.play(steps);
    } catch (error) {
      return this.#lost(error);
    }
    this.#timers.set("sent", this.#options.clock.now() + patternDuration(steps));
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "set":
        if (this.#open) this.#outputs.set(effect.output, effect.active);
        return;
      case "play":
        return this.#play(effect.steps);
      case "timer":
        return this.#timers.set(effect.timer, effect.atMs);
      case "timers-off":
        return this.#timers.clear();
      case "audio":
        if (this.#open) this.#audio.set(effect.mode, effect.listen);
        return;
      case "emit":
        return this.#events.emit("event", effect.event);
      case "health":
        return this.#digitHealth(effect.health);
      default:
        return assertNever(effect);
    }
  }
}
