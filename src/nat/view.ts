import { isPublic, isSpecial } from "./address.ts";
import { type UpstreamState, workingProtocol } from "./plan.ts";
import type { DefaultRoute, Refusal } from "./port.ts";
import { isMapped, type Slot } from "./slots.ts";
import type { ExternalPlace, NatView, WantedMapping } from "./types.ts";

/** What is known besides the mappings. */
export interface Surroundings {
  /** Null when there is no default route; undefined before anybody looked. */
  readonly route: DefaultRoute | null | undefined;
  /** Answers of the STUN servers at the last question, null for a server that gave none. */
  readonly stun: readonly (string | null)[];
  /** Servers of the trunks: addresses or names. */
  readonly trunkServers: readonly string[];
}

/** Our address as STUN servers see it: the first answer that can be true. */
export function stunAddress(stun: Surroundings["stun"]): string | null {
  return stun.find((address) => address !== null && isPublic(address)) ?? stun.find((one) => one !== null) ?? null;
}

/**
 * The network beyond the router is the event's own, with private addresses of which the trunks' servers have some too:
 * what is mapped there is where they find us. Nothing is known of a server that has a name.
 */
export function isEventNetwork({ address }: UpstreamState, trunkServers: Surroundings["trunkServers"]): boolean {
  return address !== null && isSpecial(address) && trunkServers.length > 0 && trunkServers.every(isSpecial);
}

/**
 * A second router translates addresses between the one that we ask and the Internet: ours has no address, or a private
 * one, or another than the Internet sees. No fault when all whom we call are on the near side of it.
 */
export function isDoubleNat(state: UpstreamState, stun: string | null, trunkServers: readonly string[]): boolean {
  const { address } = state;
  if (Object.values(state.refusals).includes("no-address")) return true;
  if (address === null || isEventNetwork(state, trunkServers)) return false;
  if (address === "" || !isPublic(address)) return true;
  return stun !== null && isPublic(stun) && stun !== address;
}

/**
 * Where the world finds us. Of two addresses the Internet's word counts more than the router's, which knows its own
 * side only, unless that is where the trunks are. Null when nobody told any, or nothing is mapped and only the router told.
 */
export function externalPlace(
  state: UpstreamState,
  stun: string | null,
  trunkServers: readonly string[],
  nowMs: number,
): ExternalPlace | null {
  const sip = state.slots.find((slot) => slot.name === "sip");
  if (sip === undefined) return null;
  const seen = stun !== null && isPublic(stun) && !isEventNetwork(state, trunkServers) ? stun : null;
  const mapped = isMapped(sip, nowMs);
  const address = seen ?? (mapped && state.address !== "" ? state.address : null);
  return address === null ? null : { address, sipPort: mapped ? (sip.externalPort ?? sip.askPort) : sip.wantedPort };
}

/** All of it for people and for the status. */
export function describe(
  state: UpstreamState,
  wanted: readonly WantedMapping[],
  around: Surroundings,
  nowMs: number,
): NatView {
  const stun = stunAddress(around.stun);
  const { trunkServers } = around;
  const doubleNat = isDoubleNat(state, stun, trunkServers);
  const advice = isEventNetwork(state, trunkServers)
    ? `the router's outside address ${state.address} is private, as the trunks' servers are: we are reachable in that network, and not from the Internet`
    : null;
  return {
    mode: "upstream",
    protocol: workingProtocol(state),
    router: around.route?.gateway ?? null,
    external: externalPlace(state, stun, trunkServers, nowMs),
    stunAddress: stun,
    doubleNat,
    mappings: wanted.map((mapping) => describeMapping(mapping, slotsOf(state, mapping), nowMs)),
    ...(advice === null ? {} : { advice }),
    faults: faultsOf(state, wanted, around, doubleNat, nowMs),
  };
}

function slotsOf(state: UpstreamState, mapping: WantedMapping): readonly Slot[] {
  return state.slots.filter((slot) => slot.name === mapping.name);
}

function describeMapping(mapping: WantedMapping, slots: readonly Slot[], nowMs: number): NatView["mappings"][number] {
  const mapped = slots.filter((slot) => isMapped(slot, nowMs));
  const whole = mapped.length === slots.length && slots.length > 0;
  const ends = mapped.flatMap((slot) => slot.expiresAtMs ?? []);
  return {
    name: mapping.name,
    externalPort: whole ? (slots[0]?.externalPort ?? null) : null,
    expiresS: ends.length === 0 ? null : Math.round((Math.min(...ends) - nowMs) / 1000),
    fault: mappingFault(mapping, slots),
  };
}

/** Null when every port of it is mapped, or still to be asked for. */
function mappingFault(mapping: WantedMapping, slots: readonly Slot[]): string | null {
  const bad = slots.filter((slot) => slot.fault !== null);
  const first = bad[0];
  if (first === undefined || first.fault === null) return null;
  const protocol = mapping.protocol.toUpperCase();
  const ports = bad.length === 1 ? `port ${first.wantedPort}` : `${bad.length} ports from ${first.wantedPort} on`;
  if (first.fault === "conflict") {
    const remedy =
      mapping.name === "rtp"
        ? "calls that use them may have no sound from outside: choose other ports in sip.rtpPorts"
        : "choose another one in nat.upstream.externalPort, or let another be asked for (otherPort)";
    return `${protocol} ${ports} at the router: somebody else has it; ${remedy}`;
  }
  return `${protocol} ${ports} at the router: ${WORDS[first.fault]}`;
}

const WORDS: Readonly<Record<Refusal, string>> = {
  conflict: "somebody else has it",
  "permanent-only": "it refuses leases of any length",
  denied: "its rules forbid it: allow this gateway there to open ports, or forward them by hand",
  "no-address": "it has no public address of its own",
  full: "it has no room for more mappings: remove some there, or use fewer audio ports",
  "other-router": "another router than the one that worked before answers in its place; it is asked after ten minutes",
  unsupported: "it does not know how",
  "no-answer": "no answer",
  failed: "it says no without a reason",
};

const NAMES = { pcp: "PCP", "nat-pmp": "NAT-PMP", upnp: "UPnP" } as const;

function faultsOf(
  state: UpstreamState,
  wanted: readonly WantedMapping[],
  around: Surroundings,
  doubleNat: boolean,
  nowMs: number,
): readonly string[] {
  if (around.route === null) return ["there is no default route: nothing leads to a router"];
  const faults: string[] = [];
  const router = around.route?.gateway ?? "";
  const tried = state.protocols.filter((protocol) => state.refusals[protocol] !== undefined);
  const sip = state.slots[0];
  if (tried.length === state.protocols.length) faults.push(routerFault(state, router));
  if (sip !== undefined && tried.length > 0 && !state.open && isMapped(sip, nowMs)) {
    faults.push("the router's mapping is not being renewed: it holds until its lease ends");
  }
  for (const mapping of wanted) {
    const fault = mappingFault(mapping, slotsOf(state, mapping));
    // What every protocol refused is said already.
    if (fault !== null && !(mapping.name === "sip" && tried.length > 0)) faults.push(fault);
  }
  if (doubleNat) {
    const own = state.address === null || state.address === "" ? "has no public address" : `has ${state.address}`;
    faults.push(
      `a second router is in the way: the one that we ask ${own}; forward the ports at the second one too, or make the first a bridge`,
    );
  }
  const answers = new Set(around.stun.filter((address) => address !== null));
  if (answers.size > 1) faults.push("the STUN servers see different addresses of ours: there is more than one way out");
  if (around.stun.length > 0 && answers.size === 0) faults.push("no STUN server answers");
  return faults;
}

function routerFault(state: UpstreamState, router: string): string {
  const said = state.protocols.map((protocol) => ({ name: NAMES[protocol], why: state.refusals[protocol] }));
  if (said.every((one) => one.why === "no-answer" || one.why === "unsupported")) {
    const names = said.map((one) => one.name).join(", ");
    return `the router ${router} does not answer to ${names}: switch one of them on there, or forward the ports by hand and set nat.mode to none`;
  }
  const words = said.map((one) => `${one.name}: ${WORDS[one.why ?? "failed"]}`);
  return `the router ${router} does not map SIP's port; ${words.join("; ")}`;
}
