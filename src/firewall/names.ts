import { assertNever } from "../base/assert-never.ts";
import { formatNetwork, isSingle, parseAddress } from "../base/ip.ts";
import { isUnusable } from "./special-networks.ts";

/**
 * The DNS names of the named lists. Invariants:
 * - a look-up that fails or comes back empty takes nothing away, for however long that lasts;
 * - an address that is missing from an answer stays for a grace period: servers answer with changing subsets;
 * - what an answer can do is bounded: so many addresses, none that is no host's.
 */

/** Most addresses of one name. */
export const MAX_ADDRESSES_PER_NAME = 16;
const TTL_S = { least: 60, most: 3_600 };
/** How long an address counts that was in earlier answers, ms. */
const GRACE_MS = 3_600_000;
const RETRY_MS = { first: 15_000, most: 600_000 };
/** Look-ups at a time. */
const MAX_ASKING = 4;

export interface NameState {
  /** Address → Unix time, ms, of the last answer that had it. */
  readonly addresses: ReadonlyMap<string, number>;
  readonly asking: boolean;
  /** Unix time, ms, of the next look-up. */
  readonly nextMs: number;
  /** Failed look-ups in a row. */
  readonly failures: number;
  readonly fault: string | null;
  /** It was looked up since the start, with or without success. */
  readonly tried: boolean;
}

export interface NamesState {
  readonly names: ReadonlyMap<string, NameState>;
}

/** `nowMs`: Unix time. */
export type NamesInput = { readonly nowMs: number } & (
  | { readonly type: "want"; readonly names: readonly string[] }
  | { readonly type: "tick" }
  /** Look all up now. */
  | { readonly type: "refresh" }
  | {
      readonly type: "answer";
      readonly name: string;
      readonly addresses: readonly string[];
      readonly ttlS: number;
      readonly partial: boolean;
    }
  | { readonly type: "failed"; readonly name: string; readonly why: string }
);

export type NamesEffect =
  | { readonly type: "look-up"; readonly name: string }
  /** Call again with `tick` at this Unix time, ms. */
  | { readonly type: "wake"; readonly atMs: number }
  | { readonly type: "changed"; readonly name: string; readonly addresses: readonly string[] }
  | { readonly type: "persist" }
  | { readonly type: "fault"; readonly name: string; readonly fault: string };

export interface NamesStep {
  readonly state: NamesState;
  readonly effects: readonly NamesEffect[];
}

const UNKNOWN: NameState = {
  addresses: new Map(),
  asking: false,
  nextMs: 0,
  failures: 0,
  fault: null,
  tried: false,
};

/** From what was stored, which may be anything. What is known counts as just seen: nobody knows how long we were off. */
export function initialNames(stored: unknown, nowMs: number): NamesState {
  const names = new Map<string, NameState>();
  if (typeof stored === "object" && stored !== null) {
    for (const [name, texts] of Object.entries(stored)) {
      if (!Array.isArray(texts)) continue;
      const found = (texts as readonly unknown[]).flatMap((text) =>
        typeof text === "string" ? (usable(text) ?? []) : [],
      );
      const seen = found.slice(0, MAX_ADDRESSES_PER_NAME).map((address): [string, number] => [address, nowMs]);
      names.set(name, { ...UNKNOWN, addresses: new Map(seen) });
    }
  }
  return { names };
}

/** What to store; `initialNames` reads it. */
export function storedNames(state: NamesState): unknown {
  return Object.fromEntries([...state.names].map(([name, { addresses }]) => [name, [...addresses.keys()]]));
}

export function step(state: NamesState, input: NamesInput): NamesStep {
  switch (input.type) {
    case "want":
      return proceed({ names: new Map(input.names.map((name) => [name, state.names.get(name) ?? UNKNOWN])) }, input);
    case "tick":
      return proceed(state, input);
    case "refresh": {
      const due = [...state.names].map(([name, known]): [string, NameState] => [name, { ...known, nextMs: 0 }]);
      return proceed({ names: new Map(due) }, input);
    }
    case "answer":
    case "failed":
      return settle(state, input);
    default:
      return assertNever(input);
  }
}

type Outcome = Extract<NamesInput, { readonly type: "answer" | "failed" }>;

function settle(state: NamesState, input: Outcome): NamesStep {
  const known = state.names.get(input.name);
  // Nobody wants it any longer.
  if (known === undefined) return proceed(state, input);
  const found = input.type === "answer" ? input.addresses.flatMap((text) => usable(text) ?? []) : [];
  if (input.type === "failed" || found.length === 0) {
    const fault = input.type === "failed" ? input.why : "the answer has no address of a host";
    const waitMs = Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** Math.min(known.failures, 10));
    const failed: NameState = {
      ...known,
      asking: false,
      tried: true,
      fault,
      failures: known.failures + 1,
      nextMs: input.nowMs + waitMs,
    };
    const { state: next, effects } = proceed(replaced(state, input.name, failed), input);
    return { state: next, effects: [{ type: "fault", name: input.name, fault }, ...effects] };
  }
  const addresses = merge(known.addresses, found, input.nowMs, input.partial);
  const ttlS = Math.min(TTL_S.most, Math.max(TTL_S.least, input.ttlS));
  const answered: NameState = {
    addresses,
    asking: false,
    tried: true,
    fault: null,
    failures: 0,
    nextMs: input.nowMs + ttlS * 1_000,
  };
  const { state: next, effects } = proceed(replaced(state, input.name, answered), input);
  const before = [...known.addresses.keys()].sort().join(" ");
  const after = [...addresses.keys()].sort();
  if (before === after.join(" ")) return { state: next, effects };
  return {
    state: next,
    effects: [{ type: "changed", name: input.name, addresses: after }, { type: "persist" }, ...effects],
  };
}

/** The answer's own first; then those of earlier answers, as long as they have grace, the latest first. */
function merge(
  before: ReadonlyMap<string, number>,
  found: readonly string[],
  nowMs: number,
  partial: boolean,
): ReadonlyMap<string, number> {
  const now = new Set(found.slice(0, MAX_ADDRESSES_PER_NAME));
  const earlier = [...before]
    .filter(([address, atMs]) => !now.has(address) && (partial || nowMs - atMs < GRACE_MS))
    .sort(([, a], [, b]) => b - a);
  const all = [...[...now].map((address): [string, number] => [address, nowMs]), ...earlier];
  return new Map(all.slice(0, MAX_ADDRESSES_PER_NAME));
}

/** Begins what is due and can be begun, and tells when to look again. */
function proceed(state: NamesState, { nowMs }: NamesInput): NamesStep {
  const names = new Map(state.names);
  const effects: NamesEffect[] = [];
  let asking = [...names.values()].filter((known) => known.asking).length;
  let wakeMs = Number.POSITIVE_INFINITY;
  for (const [name, known] of names) {
    if (known.asking) continue;
    // A clock that was set back must not make us wait for its old time.
    const due = nowMs >= known.nextMs || known.nextMs - nowMs > 2 * TTL_S.most * 1_000;
    if (!due) wakeMs = Math.min(wakeMs, known.nextMs);
    else if (asking < MAX_ASKING) {
      asking++;
      names.set(name, { ...known, asking: true });
      effects.push({ type: "look-up", name });
    }
  }
  // What is due and had no place is begun when another one ends.
  if (wakeMs < Number.POSITIVE_INFINITY) effects.push({ type: "wake", atMs: wakeMs });
  return { state: { names }, effects };
}

function replaced(state: NamesState, name: string, known: NameState): NamesState {
  return { names: new Map([...state.names, [name, known]]) };
}

/** Canonical text of an address that a host can have; null for others. */
function usable(text: string): string | null {
  const address = parseAddress(text);
  if (address === null || !isSingle(address) || isUnusable(address)) return null;
  return formatNetwork(address);
}
