import { contains, formatNetwork, parseAddress, parseNetwork } from "../base/ip.ts";
import { isSpecial } from "./address.ts";

/** What can be seen of a forwarding that was made by hand. */
export interface HandObserved {
  /** Ours on the way out; null without a default route. */
  readonly ownAddress: string | null;
  /** What STUN servers said, by server: an address, or why there is none. */
  readonly stun: ReadonlyMap<string, { readonly address: string } | { readonly fault: string }>;
  /** Packets from outside that have reached the SIP port; null when nobody counts. */
  readonly arrived: number | null;
  /** For how long they have been counted, s. */
  readonly countedS: number;
}

export interface HandConfig {
  /** `sip.externalAddress`: an address or a name; null when it is not set. */
  readonly externalAddress: string | null;
  /** What that means now, when it is a name that could be looked up. */
  readonly resolved: string | null;
  readonly sipPort: number;
  readonly tcp: boolean;
  readonly rtp: { readonly from: number; readonly to: number };
  /** `sip.localNetworks`: whoever is there needs no forwarding. */
  readonly localNetworks: readonly string[];
  /** Servers of the trunks that are addresses. */
  readonly trunkAddresses: readonly string[];
}

export interface HandFindings {
  readonly stunAddress: string | null;
  /** A router before ours translates too: what we take for public is not. */
  readonly doubleNat: boolean;
  readonly faults: readonly string[];
}

/** Silence from outside means something after this long, s: a trunk registers every 300 s, and is answered. */
const SILENCE_S = 900;

export function judgeHand(config: HandConfig, observed: HandObserved): HandFindings {
  const faults: string[] = [];
  const { externalAddress } = config;
  const external = externalAddress === null ? null : (config.resolved ?? canonical(externalAddress));
  const own = observed.ownAddress;
  const translated = own !== null && isSpecial(own);
  const stunAddresses = new Set<string>();
  for (const [server, answer] of observed.stun) {
    if ("address" in answer) stunAddresses.add(canonical(answer.address) ?? answer.address);
    else faults.push(`STUN server ${server}: ${answer.fault}`);
  }
  const stunAddress = stunAddresses.size === 1 ? ([...stunAddresses][0] ?? null) : null;
  if (stunAddresses.size > 1) faults.push(`STUN servers see different addresses: ${[...stunAddresses].join(", ")}`);
  if (own === null) faults.push("there is no default route, so nothing outside can be reached");
  if (externalAddress !== null && external === null) {
    faults.push(`sip.externalAddress: ${externalAddress} cannot be looked up`);
  }
  const isTranslated = translated || (stunAddress !== null && own !== null && stunAddress !== own);
  if (isTranslated && externalAddress === null && !isLocalOnly(config)) {
    const known = stunAddress === null ? "our public address" : stunAddress;
    faults.push(
      `our address ${own} is not reachable from outside and sip.externalAddress is not set: set it to ${known}`,
    );
  }
  if (external !== null && stunAddress !== null && external !== stunAddress) {
    faults.push(`sip.externalAddress is ${named(externalAddress, external)}, but we are seen as ${stunAddress}`);
  }
  const doubleNat = external !== null && isSpecial(external) && stunAddress !== null && stunAddress !== external;
  const outside = external ?? stunAddress;
  if (
    isTranslated &&
    outside !== null &&
    !isLocalOnly(config) &&
    observed.arrived === 0 &&
    observed.countedS >= SILENCE_S
  ) {
    faults.push(
      `nothing from outside has reached the SIP port in ${Math.floor(observed.countedS / 60)} minutes: ${forwardingNeeded(config, own)}`,
    );
  }
  return { stunAddress, doubleNat, faults };
}

/**
 * What has to be set at the router before us; null when none stands between us and those who call. `seenAs`: our
 * address outside, null when nobody told.
 */
export function adviceOf(config: HandConfig, ownAddress: string | null, seenAs: string | null): string | null {
  const needed =
    seenAs === null ? ownAddress !== null && isSpecial(ownAddress) && !isLocalOnly(config) : seenAs !== ownAddress;
  return needed ? forwardingNeeded(config, ownAddress) : null;
}

/** What has to be set at the router, with the exact numbers. */
function forwardingNeeded({ sipPort, tcp, rtp }: HandConfig, ownAddress: string | null): string {
  const protocols = tcp ? `UDP and TCP port ${sipPort}` : `UDP port ${sipPort}`;
  const to = ownAddress ?? "this machine";
  return `static forwarding of ${protocols} and UDP ports ${rtp.from} to ${rtp.to} to ${to}, with the same numbers, is needed at the router`;
}

/** All trunks are on our side: nothing needs to come from beyond a router. */
function isLocalOnly({ localNetworks, trunkAddresses }: HandConfig): boolean {
  const networks = localNetworks.flatMap((text) => parseNetwork(text) ?? []);
  const addresses = trunkAddresses.map(parseAddress);
  return addresses.length > 0 && addresses.every((one) => one !== null && networks.some((net) => contains(net, one)));
}

function canonical(text: string): string | null {
  const address = parseAddress(text);
  return address === null ? null : formatNetwork(address);
}

function named(text: string | null, address: string): string {
  return text === address ? address : `${text} (${address})`;
}
