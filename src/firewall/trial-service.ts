import type { Clock } from "../base/clock.ts";
import { describeError, GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Log } from "../base/log.ts";
import type { TrialView } from "./control.ts";
import { remoteOperators } from "./operators.ts";
import type { OperatorsPort, StatePort } from "./port.ts";
import {
  emptyTrial,
  type Moment,
  policyInForce,
  stepTrial,
  type TrialEffect,
  type TrialInput,
  type TrialState,
  trialView,
} from "./trial.ts";
import { readTrialMemory } from "./trial-memory.ts";
import type { FirewallPolicy } from "./types.ts";

interface Ports {
  readonly state: StatePort;
  readonly operators: OperatorsPort;
  readonly clock: Clock;
  /** Unix time, ms. */
  readonly unixMs: () => number;
}

/** Joins confirm or revert (`trial.ts`) with the disk, the clock and whoever is connected. It decides nothing. */
export class TrialService {
  readonly #ports: Ports;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<{
    enforce: [policy: FirewallPolicy];
    alert: [text: string | null];
    ended: [how: "confirmed" | "reverted"];
  }>();
  #state: TrialState = emptyTrial;
  #loaded = false;
  #stopped = false;
  #alert: string | null = null;
  #wake: Dispose | undefined;
  /** Inputs are taken one after the other, each with its effects. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(ports: Ports, log: Log) {
    this.#ports = ports;
    this.#log = log;
  }

  /** The policy that has to be in the kernel; null before `configure`. */
  get policy(): FirewallPolicy | null {
    return policyInForce(this.#state);
  }

  /** What people must know; null when nothing. */
  get alert(): string | null {
    return this.#alert;
  }

  get view(): TrialView {
    return trialView(this.#state, this.#now());
  }

  /** Called with the policy that has to be in the kernel from now on; in `configure` too. */
  onEnforce(listener: (policy: FirewallPolicy) => void): Dispose {
    return this.#emitter.on("enforce", listener);
  }

  onAlert(listener: (text: string | null) => void): Dispose {
    return this.#emitter.on("alert", listener);
  }

  /** Called when somebody has confirmed a change, or when its time was over. */
  onEnded(listener: (how: "confirmed" | "reverted") => void): Dispose {
    return this.#emitter.on("ended", listener);
  }

  /**
   * The configuration's policy, at the start and at every change. Resolves to the one to be in force, with everything
   * stored that a restart needs. `confirmSeconds`: as configured; 0 tries nothing.
   */
  configure(policy: FirewallPolicy, confirmSeconds: number): Promise<FirewallPolicy> {
    return this.#inTurn(async () => {
      // A start that failed has stopped it; without the timer a trial would never end.
      this.#stopped = false;
      await this.#load();
      // Whoever came in by a port that is closed now counts as well.
      const ports = [...policy.managementPorts, ...(this.policy?.managementPorts ?? [])];
      const operatorConnected = await this.#operatorConnected([...new Set(ports)]);
      await this.#take({ type: "configured", policy, confirmSeconds, operatorConnected });
      return this.policy ?? policy;
    });
  }

  /** @throws GatewayError `nothing-on-trial` */
  confirm(): Promise<{ readonly changes: readonly string[] }> {
    return this.#inTurn(async () => {
      const { view } = this;
      if (view.state === "confirmed")
        throw new GatewayError("nothing-on-trial", "no change of the firewall waits to be confirmed");
      await this.#take({ type: "confirm" });
      this.#log.info("a change of the firewall was confirmed", { changes: view.changes });
      return { changes: view.changes };
    });
  }

  /** A trial goes on at the next start with the time that is left of it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    this.#wake = undefined;
    await this.#last;
  }

  async #load(): Promise<void> {
    if (this.#loaded) return;
    const stored = await this.#ports.state.read();
    this.#loaded = true;
    if (stored === null) return;
    const memory = readTrialMemory(stored);
    if (memory === null)
      this.#log.warn("the confirmed firewall was stored by another version: the configured one counts as confirmed");
    else await this.#take({ type: "loaded", memory });
  }

  async #operatorConnected(ports: readonly number[]): Promise<boolean> {
    try {
      return remoteOperators(await this.#ports.operators.connected(ports)).length > 0;
    } catch (error) {
      this.#log.warn("nobody knows who is connected: a change is on trial", { error: describeError(error) });
      return true;
    }
  }

  async #take(input: TrialInput): Promise<void> {
    const before = this.#state.name;
    const { state, effects } = stepTrial(this.#state, input, this.#now());
    this.#state = state;
    for (const effect of effects) await this.#perform(effect);
    if (state.name === "reverted" && before !== "reverted")
      this.#log.error("a change of the firewall was taken back", {});
    if (state.name === "reverted" && before === "on-trial") this.#emitter.emit("ended", "reverted");
    if (input.type === "confirm" && state.name === "confirmed") this.#emitter.emit("ended", "confirmed");
  }

  async #perform(effect: TrialEffect): Promise<void> {
    switch (effect.type) {
      case "store":
        try {
          await this.#ports.state.write(effect.memory);
        } catch (error) {
          // The firewall goes by what is known now; only a restart would not know of it.
          this.#log.error("confirm or revert could not be stored", { error: describeError(error) });
        }
        return;
      case "enforce":
        this.#emitter.emit("enforce", effect.policy);
        return;
      case "wake":
        this.#wake?.();
        this.#wake = undefined;
        if (effect.atMs !== null && !this.#stopped) {
          this.#wake = this.#ports.clock.at(effect.atMs, () => void this.#inTurn(() => this.#take({ type: "time" })));
        }
        return;
      case "alert":
        if (effect.text !== null && effect.text !== this.#alert) this.#log.warn(effect.text);
        this.#alert = effect.text;
        this.#emitter.emit("alert", effect.text);
        return;
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  #now(): Moment {
    return { monotonicMs: this.#ports.clock.now(), unixMs: this.#ports.unixMs() };
  }
}
