import { assertNever } from "../base/assert-never.ts";
import type { MapperProtocol, MapRequest, Refusal } from "./port.ts";
import { forget, isFree, isMapped, otherPort, refuse, type Slot, slotName, slotsFor } from "./slots.ts";
import type { WantedMapping } from "./types.ts";

/**
 * What to ask the router for next. Invariants:
 * - one question at a time; `nextStep` says which, `note` takes in what came of it;
 * - SIP comes first: it decides which protocol is used, and a protocol that refuses it is left for the next one;
 * - a mapping is renewed at half its lease, and looked at between (`CHECK_MS`) where the protocol can;
 * - every failure has a next attempt, later each time up to `MAX_REST_MS`, so that a dead router costs nothing.
 */

/** Time between two looks at the router, ms: also how late a change of the outside address is noticed. */
export const CHECK_MS = 30_000;
const FIRST_REST_MS = 2_000;
/** Longest rest after no protocol worked, ms. */
export const MAX_REST_MS = 60_000;
/** A hint is free for anybody on the LAN to send: it brings work forward no more often than this, ms. */
const HINT_GAP_MS = 5_000;
/** Another router than the one that worked before is taken for it only after so long without the old one, ms. */
export const STRANGER_HOLD_MS = 600_000;

export interface UpstreamState {
  readonly protocols: readonly MapperProtocol[];
  readonly leaseS: number;
  /** Place in `protocols` of the one in use, or tried next. */
  readonly at: number;
  readonly open: boolean;
  /** A protocol has mapped SIP since it was opened. */
  readonly working: boolean;
  readonly slots: readonly Slot[];
  /** The router knows no leases. */
  readonly permanent: boolean;
  /** The router's outside address as it says; "" when it says that it has none; null when it did not say. */
  readonly address: string | null;
  /** What each protocol said when SIP could not be mapped with it. */
  readonly refusals: Partial<Readonly<Record<MapperProtocol, Refusal>>>;
  readonly restMs: number;
  readonly restUntilMs: number;
  readonly checkedAtMs: number;
  readonly checkDueMs: number;
  /** Which of the mapped slots is looked at next besides SIP's. */
  readonly turn: number;
  /** Since when another router stands where ours was; null while none does. */
  readonly strangerSinceMs: number | null;
}

export type UpstreamStep =
  | { readonly kind: "open"; readonly protocol: MapperProtocol; readonly believeStranger: boolean }
  | { readonly kind: "map"; readonly slot: number; readonly request: MapRequest }
  | { readonly kind: "check"; readonly slots: readonly number[]; readonly requests: readonly MapRequest[] }
  | { readonly kind: "wait"; readonly untilMs: number };

export type UpstreamInput =
  /** Outside ports that may still be ours from before a restart. */
  | { readonly kind: "remembered"; readonly ports: Readonly<Record<string, number>> }
  | { readonly kind: "opened"; readonly address: string | null }
  | { readonly kind: "open-refused"; readonly why: Refusal }
  | {
      readonly kind: "mapped";
      readonly slot: number;
      readonly externalPort: number;
      readonly leaseS: number;
      readonly address: string | null;
    }
  | { readonly kind: "map-refused"; readonly slot: number; readonly why: Refusal }
  | { readonly kind: "checked"; readonly address: string | null; readonly gone: readonly number[] }
  | { readonly kind: "check-refused"; readonly why: Refusal }
  /** The router has lost its mappings. */
  | { readonly kind: "lost" }
  | { readonly kind: "hint" }
  /** Another default route, or another address of ours: nothing of before holds. */
  | { readonly kind: "moved" };

export function initialState(
  protocols: readonly MapperProtocol[],
  wanted: readonly WantedMapping[],
  leaseS: number,
): UpstreamState {
  return {
    protocols,
    leaseS,
    at: 0,
    open: false,
    working: false,
    slots: slotsFor(wanted),
    permanent: false,
    address: null,
    refusals: {},
    restMs: FIRST_REST_MS,
    restUntilMs: 0,
    checkedAtMs: 0,
    checkDueMs: 0,
    turn: 0,
    strangerSinceMs: null,
  };
}

/** The protocol in use; null before one works. */
export function workingProtocol(state: UpstreamState): MapperProtocol | null {
  return state.working ? (state.protocols[state.at] ?? null) : null;
}

/** What to do now. */
export function nextStep(state: UpstreamState, nowMs: number): UpstreamStep {
  const protocol = state.protocols[state.at];
  if (protocol === undefined || state.restUntilMs > nowMs) return { kind: "wait", untilMs: state.restUntilMs };
  if (!state.open) {
    const stranger = state.strangerSinceMs !== null && nowMs - state.strangerSinceMs >= STRANGER_HOLD_MS;
    return { kind: "open", protocol, believeStranger: stranger };
  }
  const due = state.slots.findIndex((slot) => slot.dueMs <= nowMs);
  // A look at SIP's mapping does not wait for a long range to be mapped.
  const mappingFirst = due === 0 || state.checkDueMs > nowMs;
  const slot = state.slots[due];
  if (slot !== undefined && mappingFirst) return { kind: "map", slot: due, request: requestFor(state, slot) };
  if (state.checkDueMs <= nowMs) return checkStep(state);
  const first = state.slots.reduce((least, one) => Math.min(least, one.dueMs), state.checkDueMs);
  return { kind: "wait", untilMs: first };
}

/** As it stands at the router: for taking it away. */
export function requestFor(state: UpstreamState, slot: Slot): MapRequest {
  return {
    protocol: slot.protocol,
    internalPort: slot.internalPort,
    externalPort: slot.externalPort ?? slot.askPort,
    otherPort: slot.otherPort,
    careful: slot.name !== "rtp",
    leaseS: state.permanent ? 0 : state.leaseS,
  };
}

function checkStep(state: UpstreamState): UpstreamStep {
  const mapped = state.slots.flatMap((slot, at) => (slot.externalPort === null ? [] : [at]));
  const sip = mapped.filter((at) => state.slots[at]?.name !== "rtp");
  const rest = mapped.filter((at) => state.slots[at]?.name === "rtp");
  const turn = rest[state.turn % Math.max(1, rest.length)];
  const slots = turn === undefined ? sip : [...sip, turn];
  const requests = slots.flatMap((at) => {
    const slot = state.slots[at];
    return slot === undefined ? [] : [requestFor(state, slot)];
  });
  return { kind: "check", slots, requests };
}

/** Takes in what happened. */
export function note(state: UpstreamState, input: UpstreamInput, nowMs: number): UpstreamState {
  switch (input.kind) {
    case "remembered": {
      const asked = (slot: Slot) => (slot.otherPort ? input.ports[slotName(slot)] : undefined) ?? slot.askPort;
      return { ...state, slots: state.slots.map((slot) => ({ ...slot, askPort: asked(slot) })) };
    }
    case "opened":
      return {
        ...state,
        open: true,
        address: input.address ?? state.address,
        checkDueMs: nowMs + CHECK_MS,
        slots: state.slots.map((slot) => (isMapped(slot, nowMs) ? { ...slot, dueMs: nowMs } : isFree(slot, nowMs))),
      };
    case "open-refused":
      return nextProtocol(state, input.why, nowMs);
    case "mapped":
      return mapped(state, input, nowMs);
    case "map-refused":
      return mapRefused(state, input.slot, input.why, nowMs);
    case "checked": {
      const next = {
        ...state,
        address: input.address ?? state.address,
        checkedAtMs: nowMs,
        checkDueMs: nowMs + CHECK_MS,
        turn: state.turn + 1,
      };
      // Where one is gone the others may be too: asking again for one that is there does no harm.
      return input.gone.length === 0 ? next : { ...next, slots: forget(next.slots, nowMs) };
    }
    case "check-refused":
      return reopen(state, nowMs);
    case "lost":
      return { ...state, slots: forget(state.slots, nowMs) };
    case "hint":
      return hinted(state, nowMs);
    case "moved":
      return {
        ...state,
        at: 0,
        open: false,
        working: false,
        permanent: false,
        address: null,
        refusals: {},
        restMs: FIRST_REST_MS,
        restUntilMs: nowMs,
        slots: forget(state.slots, nowMs).map((slot) => ({ ...slot, askPort: slot.wantedPort })),
      };
    default:
      return assertNever(input);
  }
}

/**
 * All is renewed: not every protocol can be asked what is there, and a clock that has only just begun to count cannot
 * be seen to have gone back.
 */
function hinted(state: UpstreamState, nowMs: number): UpstreamState {
  const soonest = Math.max(nowMs, state.checkedAtMs + HINT_GAP_MS);
  if (!state.open) return { ...state, restUntilMs: Math.min(state.restUntilMs, soonest) };
  return {
    ...state,
    checkDueMs: Math.min(state.checkDueMs, soonest),
    slots: state.slots.map((slot) => (slot.fault === null ? { ...slot, dueMs: Math.min(slot.dueMs, soonest) } : slot)),
  };
}

function mapped(state: UpstreamState, input: Extract<UpstreamInput, { kind: "mapped" }>, nowMs: number): UpstreamState {
  const leaseMs = input.leaseS * 1000;
  const slots = state.slots.map((slot, at): Slot => {
    if (at !== input.slot) return slot;
    return {
      ...slot,
      externalPort: input.externalPort,
      askPort: input.externalPort,
      expiresAtMs: input.leaseS === 0 ? null : nowMs + leaseMs,
      dueMs: input.leaseS === 0 ? Number.POSITIVE_INFINITY : nowMs + leaseMs / 2,
      attempt: 0,
      fault: null,
    };
  });
  const lead = input.slot === 0;
  return {
    ...state,
    slots,
    working: state.working || lead,
    address: input.address ?? state.address,
    ...(lead ? { refusals: {}, restMs: FIRST_REST_MS, strangerSinceMs: null } : {}),
  };
}

function mapRefused(state: UpstreamState, at: number, why: Refusal, nowMs: number): UpstreamState {
  if (why === "permanent-only" && !state.permanent) return { ...state, permanent: true };
  if (why === "no-answer") return state.working ? reopen(state, nowMs) : nextProtocol(state, why, nowMs);
  if (why === "conflict") {
    return { ...state, slots: state.slots.map((slot, n) => (n === at ? otherPort(slot, nowMs) : slot)) };
  }
  // SIP's own port decides about the protocol; an audio port that is refused is that port's matter.
  if (at === 0) return nextProtocol({ ...state, slots: refuse(state.slots, at, why, nowMs) }, why, nowMs);
  return { ...state, slots: refuse(state.slots, at, why, nowMs) };
}

/** The same router again from the beginning: it may have come back elsewhere, or speak something else now. */
function reopen(state: UpstreamState, nowMs: number): UpstreamState {
  return { ...state, at: 0, open: false, working: false, restUntilMs: nowMs, checkedAtMs: nowMs };
}

function nextProtocol(state: UpstreamState, why: Refusal, nowMs: number): UpstreamState {
  const tried = state.protocols[state.at];
  const refusals = tried === undefined ? state.refusals : { ...state.refusals, [tried]: why };
  const strangerSinceMs = why === "other-router" ? (state.strangerSinceMs ?? nowMs) : state.strangerSinceMs;
  const next = { ...state, refusals, strangerSinceMs, open: false, working: false, permanent: false };
  if (state.at + 1 < state.protocols.length) return { ...next, at: state.at + 1 };
  return {
    ...next,
    at: 0,
    checkedAtMs: nowMs,
    restUntilMs: nowMs + state.restMs,
    restMs: Math.min(MAX_REST_MS, state.restMs * 2),
  };
}
