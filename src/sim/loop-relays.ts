/**
 * How the exchange sees a loop: relay A follows it, relay B (slow to release) holds the call through the breaks, and
 * relay C (slow to release) marks a train. Deliberately not the gateway's decoder: the two must agree by the standard,
 * not by sharing a mistake.
 */

/** Time constants, ms (EJ, after common practice for slow-releasing relays). */
export const RELAY_A_MS = 6;
export const RELAY_B_RELEASE_MS = 250;
export const RELAY_C_RELEASE_MS = 180;

export interface LoopRelays {
  readonly loop: boolean;
  readonly a: boolean;
  readonly b: boolean;
  /** Impulses of the train so far; null between trains. */
  readonly train: number | null;
  readonly aDueMs: number | null;
  readonly bDueMs: number | null;
  readonly cDueMs: number | null;
}

export const relaysAtRest: LoopRelays = {
  loop: false,
  a: false,
  b: false,
  train: null,
  aDueMs: null,
  bDueMs: null,
  cDueMs: null,
};

export type RelayInput = { readonly type: "loop"; readonly closed: boolean } | { readonly type: "due" };

/** `break` and `make` are relay A's, as a tie line repeats them; `digit` is the number of impulses of a whole train. */
export type RelayEvent =
  | { readonly type: "seized" | "break" | "make" | "released"; readonly atMs: number }
  | { readonly type: "digit"; readonly pulses: number; readonly atMs: number };

/** When `due` must be given next; null when nothing moves. */
export function relaysDueMs(relays: LoopRelays): number | null {
  const due = [relays.aDueMs, relays.bDueMs, relays.cDueMs].filter((ms) => ms !== null);
  return due.length === 0 ? null : Math.min(...due);
}

/** The relays after the input, and what they did. Give `due` for every due time before a later `loop`. */
export function stepRelays(
  relays: LoopRelays,
  input: RelayInput,
  atMs: number,
): { state: LoopRelays; effects: RelayEvent[] } {
  if (input.type === "loop") {
    if (input.closed === relays.loop) return { state: relays, effects: [] };
    // The armature starts again with every bounce, and rests if the contact comes back before it moved.
    const aDueMs = input.closed === relays.a ? null : atMs + RELAY_A_MS;
    return { state: { ...relays, loop: input.closed, aDueMs }, effects: [] };
  }
  if (relays.aDueMs !== null && relays.aDueMs <= atMs) return moveA(relays, atMs);
  if (relays.bDueMs !== null && relays.bDueMs <= atMs) {
    return {
      state: { ...relays, b: false, train: null, bDueMs: null, cDueMs: null },
      effects: [{ type: "released", atMs }],
    };
  }
  if (relays.cDueMs !== null && relays.cDueMs <= atMs) {
    const pulses = relays.train ?? 0;
    return { state: { ...relays, train: null, cDueMs: null }, effects: [{ type: "digit", pulses, atMs }] };
  }
  return { state: relays, effects: [] };
}

function moveA(relays: LoopRelays, atMs: number): { state: LoopRelays; effects: RelayEvent[] } {
  const a = !relays.a;
  const moved = { ...relays, a, aDueMs: null };
  if (!a) {
    const state = { ...moved, train: relays.train ?? 0, cDueMs: null, bDueMs: atMs + RELAY_B_RELEASE_MS };
    return { state, effects: [{ type: "break", atMs }] };
  }
  if (!relays.b) return { state: { ...moved, b: true, bDueMs: null }, effects: [{ type: "seized", atMs }] };
  const state = { ...moved, train: (relays.train ?? 0) + 1, bDueMs: null, cDueMs: atMs + RELAY_C_RELEASE_MS };
  return { state, effects: [{ type: "make", atMs }] };
}
