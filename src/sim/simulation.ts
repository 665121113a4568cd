import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import { TypedEmitter } from "../base/events.ts";
import type { LineOutput } from "../line/port.ts";
import { stepExchange } from "./exchange.ts";
import {
  answered,
  type Circuit,
  type CircuitId,
  type ExchangeInput,
  type ExchangeState,
  exchangeAtRest,
  hears,
  partner,
} from "./exchange-state.ts";
import { LineEnd, type LineFaults } from "./line-end.ts";
import {
  type LoopRelays,
  type RelayEvent,
  type RelayInput,
  relaysAtRest,
  relaysDueMs,
  stepRelays,
} from "./loop-relays.ts";
import { type Random, seededRandom } from "./random.ts";
import { Sound } from "./sound.ts";
import { Telephone } from "./telephone.ts";
import { TieRelaySet } from "./tie-relay-set.ts";
import { dialSchema, type Topology } from "./topology.ts";

export interface SimulationEvents {
  /** A telephone or a line is doing something else than before. */
  circuit: [id: CircuitId];
  /** The exchange was switched on or off. */
  power: [];
}

/** The whole simulated exchange with its telephones and lines, on a clock of its own. */
export class Simulation {
  readonly topology: Topology;
  readonly clock: Clock;
  readonly telephones = new Map<CircuitId, Telephone>();
  /** By circuit: a tie line's name, an extension line's number. */
  readonly lines = new Map<CircuitId, LineEnd>();
  readonly events = new TypedEmitter<SimulationEvents>();
  readonly sound: Sound;
  readonly #random: Random;
  readonly #relays = new Map<CircuitId, { relays: LoopRelays; cancel: Dispose }>();
  readonly #tieSets = new Map<CircuitId, { set: TieRelaySet; closed: boolean }>();
  readonly #telephoneLoops = new Set<CircuitId>();
  readonly #due = new Map<CircuitId, Dispose>();
  #exchange: ExchangeState;

  constructor(clock: Clock, topology: Topology, seed: number, lagMs: () => number = () => 0) {
    this.clock = clock;
    this.topology = topology;
    this.#random = seededRandom(seed);
    for (const config of topology.lines) {
      const id = config.type === "tie-line" ? config.name : config.extension;
      this.lines.set(id, new LineEnd(config, clock, (output, active) => this.#outputChanged(id, output, active)));
      if (config.type !== "tie-line") continue;
      const tie = {
        closed: false,
        set: new TieRelaySet(
          clock,
          this.#random,
          () => config,
          (closed) => {
            tie.closed = closed;
            this.#putPair(id);
          },
        ),
      };
      this.#tieSets.set(id, tie);
    }
    for (const number of topology.telephones) {
      if (!this.lines.has(number)) this.telephones.set(number, this.#telephone(number));
    }
    const extensions = [...this.telephones.keys(), ...[...this.lines.keys()].filter((id) => !this.#tieSets.has(id))];
    const ties = topology.lines.filter((line) => line.type === "tie-line");
    this.#exchange = exchangeAtRest(extensions.sort(), ties);
    for (const id of this.#exchange.circuits.keys()) {
      this.#relays.set(id, { relays: relaysAtRest, cancel: () => undefined });
    }
    this.sound = new Sound(clock, {
      telephones: this.telephones,
      lines: this.lines,
      hears: (id) => hears(this.#exchange, id),
      lagMs,
    });
  }

  get powered(): boolean {
    return this.#exchange.powered;
  }

  get circuits(): Iterable<Circuit> {
    return this.#exchange.circuits.values();
  }

  circuit(id: CircuitId): Circuit | undefined {
    return this.#exchange.circuits.get(id);
  }

  hears(id: CircuitId): ReturnType<typeof hears> {
    return hears(this.#exchange, id);
  }

  /** Whether the circuit is in an answered call; on a tie line, as far as the distant end tells by reversal. */
  inAnsweredCall(id: CircuitId): boolean {
    const circuit = this.circuit(id);
    if (circuit?.state.type === "talking") return true;
    const tie = circuit?.state.type === "on-tie" ? circuit.state.tie : circuit?.state.type === "out" ? id : null;
    return tie !== null && this.lines.get(tie)?.outputLatch.active.includes("reversal") === true;
  }

  /** Makes an extension busy, or lets it be called again. */
  setBusied(id: CircuitId, active: boolean): void {
    this.#step({ type: "busied", circuit: id, active });
  }

  /** Puts faults on a line, or takes them off. */
  setFaults(id: CircuitId, faults: LineFaults): void {
    const line = this.lines.get(id);
    if (line === undefined) return;
    line.faults = faults;
    this.#loopChanged(id);
    this.events.emit("circuit", id);
  }

  /** Switches the exchange off, which drops every call, or on again: whoever holds a loop then gets a register. */
  setPower(on: boolean): void {
    if (on === this.powered) return;
    this.#step({ type: "power", on });
    for (const [id, entry] of this.#relays) {
      entry.cancel();
      this.#relays.set(id, { relays: relaysAtRest, cancel: () => undefined });
      this.#putPair(id);
      this.#loopChanged(id);
    }
    this.events.emit("power");
  }

  #telephone(number: string): Telephone {
    return new Telephone(number, dialSchema.parse({}), this.clock, this.#random, (closed) => {
      if (closed) this.#telephoneLoops.add(number);
      else this.#telephoneLoops.delete(number);
      this.#loopChanged(number);
    });
  }

  #outputChanged(id: CircuitId, output: LineOutput, active: boolean): void {
    if (output === "loop") this.#loopChanged(id);
    if (output === "busy") this.#step({ type: "busied", circuit: id, active });
    this.events.emit("circuit", id);
  }

  #loopChanged(id: CircuitId): void {
    const closed = this.lines.get(id)?.loopSeen ?? this.#telephoneLoops.has(id);
    this.#stepRelays(id, { type: "loop", closed: closed && this.powered });
  }

  #stepRelays(id: CircuitId, input: RelayInput): void {
    const entry = this.#relays.get(id);
    if (entry === undefined) return;
    entry.cancel();
    const { state, effects } = stepRelays(entry.relays, input, this.clock.now());
    const dueMs = relaysDueMs(state);
    const cancel = dueMs === null ? () => undefined : this.clock.at(dueMs, () => this.#stepRelays(id, { type: "due" }));
    this.#relays.set(id, { relays: state, cancel });
    for (const effect of effects) this.#relayMoved(id, effect);
  }

  #relayMoved(id: CircuitId, event: RelayEvent) {
    // The tie line of before the step: the digit that takes a tie line is not repeated on it.
    const state = this.circuit(id)?.state;
    const tie = state?.type === "on-tie" ? this.#tieSets.get(state.tie)?.set : undefined;
    if (event.type === "break" || event.type === "make") this.sound.click(id);
    switch (event.type) {
      case "break":
        tie?.break();
        return this.#step({ type: "break", circuit: id });
      case "make":
        return tie?.make();
      case "digit":
        tie?.digit(event.pulses);
        return this.#step({ type: "digit", circuit: id, pulses: event.pulses });
      default:
        return this.#step({ type: event.type, circuit: id });
    }
  }

  #step(input: ExchangeInput): void {
    const { exchange } = this.topology;
    const { state, effects } = stepExchange(this.#exchange, input, this.clock.now(), exchange, this.#random);
    this.#exchange = state;
    for (const { before, after } of effects) {
      if (before.state === after.state) continue;
      this.#arm(after);
      const tie = this.#tieSets.get(after.id)?.set;
      if (before.state.type !== "out" && after.state.type === "out") tie?.seize();
      if (before.state.type === "out" && after.state.type !== "out") tie?.release();
      const rung = after.state.type === "rung";
      if (rung !== (before.state.type === "rung")) this.telephones.get(after.id)?.ring(rung);
      this.#putPair(after.id);
    }
    for (const { after } of effects) this.events.emit("circuit", after.id);
  }

  #arm(circuit: Circuit): void {
    this.#due.get(circuit.id)?.();
    this.#due.delete(circuit.id);
    if (circuit.untilMs === null) return;
    const fire = () => this.#step({ type: "due", circuit: circuit.id });
    this.#due.set(circuit.id, this.clock.at(circuit.untilMs, fire));
  }

  /** Puts on a line's pair what the exchange's state means for it. */
  #putPair(id: CircuitId): void {
    const line = this.lines.get(id);
    const circuit = this.circuit(id);
    if (line === undefined || circuit === undefined) return;
    line.putPair({
      looped: this.#tieSets.get(id)?.closed === true,
      fed: this.powered && circuit.state.type !== "out",
      ringing: circuit.state.type === "rung",
      reversed: answered(circuit),
    });
    this.#loopChanged(id);
  }

  /** Whom the circuit speaks with; null when it speaks with nobody. */
  partnerOf(id: CircuitId): CircuitId | null {
    return partner(this.circuit(id));
  }
}
