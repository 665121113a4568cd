import { assertNever } from "../base/assert-never.ts";
import type { Clock } from "../base/clock.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { step } from "./machine.ts";
import type { LinesPort, SipPort } from "./port.ts";
import {
  type Call,
  type CallReport,
  type CallsContext,
  type CallsEffect,
  type CallsInput,
  type CallsState,
  initialState,
} from "./state.ts";

/** Runs the call machine: feeds it what lines and SIP report, and performs its effects. It decides nothing. */
export class CallService implements Service {
  readonly name = "calls";
  readonly #lines: LinesPort;
  readonly #sip: SipPort;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #context: CallsContext;
  readonly #emitter = new TypedEmitter<{ report: [report: CallReport]; blocked: [line: string] }>();
  readonly #subscriptions: Dispose[] = [];
  readonly #timers = new Map<string, Dispose>();
  readonly #queue: CallsInput[] = [];
  #state: CallsState = initialState;
  #stepping = false;

  constructor(lines: LinesPort, sip: SipPort, clock: Clock, context: CallsContext, log: Log) {
    this.#lines = lines;
    this.#sip = sip;
    this.#clock = clock;
    this.#context = context;
    this.#log = log;
  }

  /** Calls under way. */
  get calls(): readonly Call[] {
    return [...this.#state.calls.values()];
  }

  /** Resolves when no call is up; at once if none is. A PAX caller who has yet to clear is no call any more. */
  idle(): Promise<void> {
    const none = () => this.calls.every((call) => call.direction === "from-pax" && call.phase === "over");
    if (none()) return Promise.resolve();
    return new Promise((resolve) => {
      const dispose = this.onReport(() => {
        if (!none()) return;
        dispose();
        resolve();
      });
    });
  }

  /** Lines that are out of service by hand. */
  get blocked(): ReadonlySet<string> {
    return this.#state.blocked;
  }

  /** Takes a line out of service, or puts it back. A call on it may finish. Lasts until this service stops. */
  setBlocked(line: string, blocked: boolean): void {
    this.#feed({ type: "block", line, blocked, atMs: this.#clock.now() });
    this.#emitter.emit("blocked", line);
  }

  /** A line was taken out of service by hand, or put back. */
  onBlocked(listener: (line: string) => void): Dispose {
    return this.#emitter.on("blocked", listener);
  }

  /**
   * Seizes an idle line towards the PAX for a test; nobody else gets it before `endTest`, but the PAX, whose seizure
   * wins. False when it was not idle.
   */
  beginTest(line: string): boolean {
    if (this.#state.tested.has(line)) return false;
    this.#feed({ type: "test", line, atMs: this.#clock.now() });
    return this.#state.tested.has(line);
  }

  /** Releases a line that is being tested; does nothing when the test has ended by itself. */
  endTest(line: string): void {
    this.#feed({ type: "test-over", line, atMs: this.#clock.now() });
  }

  onReport(listener: (report: CallReport) => void): Dispose {
    return this.#emitter.on("report", listener);
  }

  async start(): Promise<void> {
    this.#subscriptions.push(
      this.#lines.onReport((line, report) => this.#feed({ type: "line", line, report, atMs: this.#clock.now() })),
      this.#sip.onEvent((event) => this.#feed({ type: "sip", event, atMs: this.#clock.now() })),
    );
    if (this.#sip.up) this.#feed({ type: "sip", event: { type: "up" }, atMs: this.#clock.now() });
  }

  async stop(): Promise<void> {
    for (const dispose of this.#subscriptions.splice(0)) dispose();
    for (const call of this.#state.calls.values()) {
      if (call.leg !== null) this.#sip.hangup(call.leg, "congestion");
      if (call.line !== null) this.#sip.closeMedia(call.line);
    }
    for (const stop of this.#timers.values()) stop();
    this.#timers.clear();
    this.#state = initialState;
  }

  /** Inputs that come while effects are performed wait their turn, so that steps never nest. */
  #feed(input: CallsInput): void {
    this.#queue.push(input);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        const { state, effects } = step(this.#state, next, this.#context);
        this.#state = state;
        for (const effect of effects) this.#perform(effect);
      }
    } finally {
      this.#stepping = false;
    }
  }

  #perform(effect: CallsEffect): void {
    switch (effect.type) {
      case "line":
        return this.#lines.order(effect.line, effect.order);
      case "open-media":
        return this.#sip.openMedia(effect.line);
      case "close-media":
        return this.#sip.closeMedia(effect.line);
      case "dial":
        return this.#sip.dial(effect.leg, effect.line, effect.target);
      case "connect-early":
        return this.#sip.connectEarly(effect.leg, effect.line);
      case "answer":
        return this.#sip.answer(effect.leg, effect.line);
      case "hangup":
        return this.#sip.hangup(effect.leg, effect.reason);
      case "start-timer": {
        const key = `${effect.call} ${effect.timer}`;
        const { call, timer } = effect;
        this.#timers.get(key)?.();
        const stop = this.#clock.at(this.#clock.now() + effect.ms, () => {
          this.#timers.delete(key);
          this.#feed({ type: "timer", call, timer, atMs: this.#clock.now() });
        });
        this.#timers.set(key, stop);
        return;
      }
      case "stop-timers":
        for (const [key, stop] of this.#timers) {
          if (!key.startsWith(`${effect.call} `)) continue;
          stop();
          this.#timers.delete(key);
        }
        return;
      case "report": {
        const { type, ...fields } = effect.report;
        this.#log.info(`call ${type}`, fields);
        this.#emitter.emit("report", effect.report);
        return;
      }
      default:
        return assertNever(effect);
    }
  }
}
