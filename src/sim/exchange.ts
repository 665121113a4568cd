import { assertNever } from "../base/assert-never.ts";
import {
  type Circuit,
  type CircuitId,
  type CircuitState,
  type ExchangeEffect,
  type ExchangeInput,
  type ExchangeState,
  partner,
} from "./exchange-state.ts";
import type { Random } from "./random.ts";
import type { DigitMap, ExchangeConfig } from "./topology.ts";

/**
 * A register PAX with two-digit numbers and tie lines behind a single digit. A loop finds a register, which gives dial
 * tone, stores the digits and lets go; a tie line taken by an extension repeats what is dialled further.
 */
export function stepExchange(
  before: ExchangeState,
  input: ExchangeInput,
  atMs: number,
  config: ExchangeConfig,
  random: Random,
): { state: ExchangeState; effects: ExchangeEffect[] } {
  const work = new Work(before, atMs, config, random);
  work.take(input);
  work.serveWaiting();
  return work.result();
}

/** Digit for a train of pulses; null when the digit map has none. */
export function digitOf(pulses: number, map: DigitMap): string | null {
  if (pulses < 1 || pulses > 10) return null;
  switch (map) {
    case "uk":
      return String(pulses % 10);
    case "sweden":
      return String(pulses - 1);
    case "new-zealand":
      return String(10 - pulses);
    default:
      return assertNever(map);
  }
}

/** One step's working copy. */
class Work {
  readonly #before: ExchangeState;
  readonly #circuits: Map<CircuitId, Circuit>;
  readonly #atMs: number;
  readonly #config: ExchangeConfig;
  readonly #random: Random;
  #powered: boolean;

  constructor(before: ExchangeState, atMs: number, config: ExchangeConfig, random: Random) {
    this.#before = before;
    this.#circuits = new Map(before.circuits);
    this.#powered = before.powered;
    this.#atMs = atMs;
    this.#config = config;
    this.#random = random;
  }

  result(): { state: ExchangeState; effects: ExchangeEffect[] } {
    const effects: ExchangeEffect[] = [];
    for (const [id, after] of this.#circuits) {
      const before = this.#before.circuits.get(id) as Circuit;
      if (after !== before) effects.push({ type: "changed", before, after });
    }
    return { state: { powered: this.#powered, circuits: this.#circuits }, effects };
  }

  take(input: ExchangeInput) {
    if (input.type === "power") return this.#power(input.on);
    const circuit = this.#circuits.get(input.circuit);
    if (circuit === undefined) return;
    switch (input.type) {
      case "seized":
        return this.#seized({ ...circuit, looped: true });
      case "released":
        return this.#released({ ...circuit, looped: false });
      case "break":
        if (circuit.state.type === "register" && !circuit.state.impulsed) {
          this.#circuits.set(circuit.id, { ...circuit, state: { ...circuit.state, impulsed: true } });
        }
        return;
      case "digit":
        return this.#digit(circuit, digitOf(input.pulses, this.#config.digitMap));
      case "busied":
        this.#circuits.set(circuit.id, { ...circuit, busied: input.active });
        return;
      case "due":
        return this.#due(circuit);
      default:
        return assertNever(input);
    }
  }

  /** A register that came free goes to whoever has waited longest. */
  serveWaiting() {
    let longest: Circuit | null = null;
    let sinceMs = Number.POSITIVE_INFINITY;
    for (const circuit of this.#circuits.values()) {
      if (circuit.state.type !== "awaiting-register" || circuit.state.sinceMs >= sinceMs) continue;
      longest = circuit;
      sinceMs = circuit.state.sinceMs;
    }
    if (longest !== null && this.#registerFree()) this.#findRegister(longest);
  }

  #power(on: boolean) {
    this.#powered = on;
    if (on) return;
    for (const circuit of this.#circuits.values()) this.#enter({ ...circuit, looped: false }, { type: "idle" });
  }

  #seized(circuit: Circuit) {
    this.#circuits.set(circuit.id, circuit);
    if (circuit.state.type === "idle") return this.#findRegister(circuit);
    if (circuit.state.type !== "rung") return;
    const caller = this.#circuits.get(circuit.state.caller) as Circuit;
    this.#enter(circuit, { type: "talking", with: caller.id, role: "called" });
    this.#enter(caller, { type: "talking", with: circuit.id, role: "caller" });
  }

  #released(circuit: Circuit) {
    const { state } = circuit;
    this.#circuits.set(circuit.id, circuit);
    switch (state.type) {
      case "idle":
      case "rung":
      case "out":
      case "guard":
        return;
      case "calling":
        this.#rest(state.called);
        break;
      case "on-tie":
        this.#rest(state.tie);
        break;
      case "talking":
        this.#leave(state.with);
        break;
      case "awaiting-register":
      case "finding-register":
      case "register":
      case "intruding":
      case "held":
        break;
      default:
        return assertNever(state);
    }
    this.#dropIntruders(circuit.id, partner(circuit));
    this.#rest(circuit.id);
  }

  #digit(circuit: Circuit, digit: string | null) {
    const { state } = circuit;
    if (state.type === "held") {
      const on = this.#config.intrusion && digit === "1" ? state.busyOn : null;
      if (on !== null && partner(this.#circuits.get(on)) !== null) this.#enter(circuit, { type: "intruding", on });
      return;
    }
    if (state.type !== "register") return;
    if (digit === null) return this.#hold(circuit, "unobtainable");
    const digits = state.digits + digit;
    const group = circuit.group === null ? this.#config.tieCodes[digits] : undefined;
    if (group !== undefined) return this.#takeTie(circuit, group);
    if (digits.length < 2) {
      return this.#enter(circuit, { type: "register", digits, impulsed: true }, this.#config.nextDigitMs);
    }
    const called = this.#circuits.get(digits);
    if (called === undefined) return this.#hold(circuit, "unobtainable");
    if (called.state.type !== "idle" || called.looped || called.busied) {
      return this.#enter(circuit, { type: "held", tone: "busy", busyOn: called.id });
    }
    this.#enter(circuit, { type: "calling", called: called.id });
    this.#enter(called, { type: "rung", caller: circuit.id });
  }

  /** Hunts over the group. A tie line that is back-busied, or that the distant end holds, is passed over. */
  #takeTie(circuit: Circuit, group: string) {
    for (const tie of this.#circuits.values()) {
      if (tie.group !== group || tie.state.type !== "idle" || tie.busied || tie.looped) continue;
      this.#enter(circuit, { type: "on-tie", tie: tie.id });
      return this.#enter(tie, { type: "out", caller: circuit.id });
    }
    this.#hold(circuit, "busy");
  }

  #due(circuit: Circuit) {
    if (circuit.untilMs === null || circuit.untilMs > this.#atMs) return;
    switch (circuit.state.type) {
      case "finding-register":
        return this.#enter(circuit, { type: "register", digits: "", impulsed: false }, this.#config.firstDigitMs);
      case "register":
        return this.#hold(circuit, "busy");
      case "guard":
        if (circuit.looped) return this.#findRegister(circuit);
        return this.#enter(circuit, { type: "idle" });
      default:
        return;
    }
  }

  #findRegister(circuit: Circuit) {
    if (!this.#registerFree()) return this.#enter(circuit, { type: "awaiting-register", sinceMs: this.#atMs });
    this.#enter(circuit, { type: "finding-register" }, this.#random.between(...this.#config.registerDelayMs));
  }

  #registerFree(): boolean {
    let engaged = 0;
    for (const { state } of this.#circuits.values()) {
      if (state.type === "finding-register" || state.type === "register") engaged++;
    }
    return engaged < this.#config.registers;
  }

  /** The other party has cleared. */
  #leave(id: CircuitId) {
    const circuit = this.#circuits.get(id) as Circuit;
    if (this.#config.afterClear === "dial-tone") return this.#findRegister(circuit);
    this.#hold(circuit, this.#config.afterClear === "silence" ? null : "busy");
  }

  #dropIntruders(...members: readonly (CircuitId | null)[]) {
    for (const circuit of this.#circuits.values()) {
      if (circuit.state.type === "intruding" && members.includes(circuit.state.on)) this.#hold(circuit, "busy");
    }
  }

  #hold(circuit: Circuit, tone: "busy" | "unobtainable" | null) {
    this.#enter(circuit, { type: "held", tone, busyOn: null });
  }

  #rest(id: CircuitId) {
    const circuit = this.#circuits.get(id) as Circuit;
    if (circuit.group === null) return this.#enter(circuit, { type: "idle" });
    this.#enter(circuit, { type: "guard" }, this.#config.tieGuardMs);
  }

  #enter(circuit: Circuit, state: CircuitState, forMs: number | null = null) {
    const untilMs = forMs === null ? null : this.#atMs + forMs;
    this.#circuits.set(circuit.id, { ...circuit, state, untilMs });
  }
}
