import type { ToneName } from "../line/types.ts";

/** An extension's number, or a tie line's name: the exchange's end of one pair. */
export type CircuitId = string;

/** What one circuit of the exchange is doing. */
export type CircuitState =
  | { readonly type: "idle" }
  | { readonly type: "awaiting-register"; readonly sinceMs: number } // all registers are engaged: no dial tone
  | { readonly type: "finding-register" }
  | { readonly type: "register"; readonly digits: string; readonly impulsed: boolean }
  | { readonly type: "calling"; readonly called: CircuitId } // hears ringing tone
  | { readonly type: "rung"; readonly caller: CircuitId } // ringing current on the line
  | { readonly type: "talking"; readonly with: CircuitId; readonly role: "caller" | "called" }
  | { readonly type: "intruding"; readonly on: CircuitId }
  | { readonly type: "on-tie"; readonly tie: CircuitId } // an extension, joined to a tie line
  | { readonly type: "out"; readonly caller: CircuitId } // a tie line: a loop stands across the outgoing pair
  | { readonly type: "held"; readonly tone: ToneName | null; readonly busyOn: CircuitId | null } // until it clears
  | { readonly type: "guard" }; // a tie line at rest after a call

export interface Circuit {
  readonly id: CircuitId;
  /** A tie line's group; null for an extension. */
  readonly group: string | null;
  /** The far end holds a loop (relay B is operated). */
  readonly looped: boolean;
  /** Made busy: a tie line by the distant end, an extension by the tester. */
  readonly busied: boolean;
  readonly state: CircuitState;
  /** When the state ends by itself; null when it does not. */
  readonly untilMs: number | null;
}

export interface ExchangeState {
  readonly powered: boolean;
  /** In the order in which tie lines are hunted. */
  readonly circuits: ReadonlyMap<CircuitId, Circuit>;
}

export type ExchangeInput =
  | { readonly type: "seized" | "break" | "released" | "due"; readonly circuit: CircuitId }
  | { readonly type: "digit"; readonly circuit: CircuitId; readonly pulses: number }
  | { readonly type: "busied"; readonly circuit: CircuitId; readonly active: boolean }
  | { readonly type: "power"; readonly on: boolean };

/** What changed at a circuit; the rest follows from the states (`hears`, `answered`). */
export interface ExchangeEffect {
  readonly type: "changed";
  readonly before: Circuit;
  readonly after: Circuit;
}

/** An exchange at rest. `extensions` are the numbers that exist. */
export function exchangeAtRest(
  extensions: readonly CircuitId[],
  tieLines: readonly { readonly name: CircuitId; readonly group: string }[],
): ExchangeState {
  const rest = { looped: false, busied: false, state: { type: "idle" }, untilMs: null } as const;
  const circuits = new Map<CircuitId, Circuit>();
  for (const id of extensions) circuits.set(id, { id, group: null, ...rest });
  for (const { name, group } of tieLines) circuits.set(name, { id: name, group, ...rest });
  return { powered: true, circuits };
}

/** Whom the circuit is joined to for speech, leaving intruders aside. */
export function partner(circuit: Circuit | undefined): CircuitId | null {
  switch (circuit?.state.type) {
    case "talking":
      return circuit.state.with;
    case "on-tie":
      return circuit.state.tie;
    case "out":
      return circuit.state.caller;
    default:
      return null;
  }
}

/** What the circuit hears: a tone, the voices of other circuits, or neither. */
export function hears(state: ExchangeState, id: CircuitId): { tone: ToneName | null; voices: CircuitId[] } {
  const circuit = state.circuits.get(id);
  const silence = { tone: null, voices: [] };
  if (!state.powered || circuit === undefined) return silence;
  switch (circuit.state.type) {
    case "register":
      return circuit.state.impulsed ? silence : { tone: "dial", voices: [] };
    case "calling":
      return { tone: "ringing", voices: [] };
    case "held":
      return { tone: circuit.state.tone, voices: [] };
    case "intruding":
      return { tone: null, voices: others(state, id, circuit.state.on) };
    default:
      return { tone: null, voices: partner(circuit) === null ? [] : others(state, id, id) };
  }
}

/** Everybody in the conversation of `member`, without `self`. */
function others(state: ExchangeState, self: CircuitId, member: CircuitId): CircuitId[] {
  const with_ = partner(state.circuits.get(member));
  const voices = with_ === null ? [] : [member, with_];
  for (const { id, state: at } of state.circuits.values()) {
    if (at.type === "intruding" && voices.includes(at.on)) voices.push(id);
  }
  return voices.filter((id) => id !== self);
}

/** Whether the circuit's call has been answered: what a polarity reversal tells the calling end. */
export function answered(circuit: Circuit): boolean {
  return circuit.state.type === "talking" && circuit.state.role === "caller";
}
