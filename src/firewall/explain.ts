import { GatewayError } from "../base/errors.ts";
import { contains, formatNetwork, type IpNetwork, isSingle, parseAddress, parseNetwork } from "../base/ip.ts";
import type { Explanation, ExplanationReason, SourceClass } from "./control.ts";
import type { RulesState } from "./model.ts";
import type { Ban, BlockedSources, FirewallPolicy, LimitedSource } from "./types.ts";

/** What there is to know about a source. */
export interface KnownOfSources {
  /** What the rules in the kernel are made of. */
  readonly state: Pick<RulesState, "policy" | "blocked">;
  /** Addresses of phones registered now. */
  readonly registered: ReadonlySet<string>;
  readonly bans: readonly Ban[];
  readonly limited: readonly LimitedSource[];
  /** Networks of an entry of the policy's lists, a DNS name's as they are in use now. */
  addressesOf(entry: string): readonly IpNetwork[];
}

const LOOPBACK = ["127.0.0.0/8", "::1"].flatMap((text) => parseNetwork(text) ?? []);

/**
 * What becomes of SIP from an address, by the order of the rules: trusted before banned, banned before blocked, both
 * before allowed. What stands lower and would have counted is told as well.
 * @throws GatewayError `bad-address`
 */
export function explain(text: string, known: KnownOfSources): Explanation {
  const address = parseAddress(text);
  if (address === null) throw new GatewayError("bad-address", "no IP address");
  const { policy } = known.state;
  const ranks = ranksOf(address, known);
  const rank = ranks.find(([, reasons]) => reasons.length > 0)?.[0] ?? "stranger";
  const local = LOOPBACK.some((loopback) => contains(loopback, address));
  const of: SourceClass = local ? "local" : rank;
  const { operators, management } = policy.lists;
  // Otherwise everybody may reach them, as far as we are concerned.
  const managed = policy.protect === "host" ? matching(address, [...management, ...operators], known) : [];
  return {
    address: formatNetwork(address),
    verdict: verdictOf(of, policy.mode),
    class: of,
    reasons: [
      ...ranks.flatMap(([, reasons]) => reasons),
      ...managed.map((entry): ExplanationReason => ({ kind: "management", entry })),
    ],
  };
}

/** Every class in the order of the rules, with what puts the address into it. */
function ranksOf(
  address: IpNetwork,
  known: KnownOfSources,
): readonly (readonly [of: SourceClass, reasons: readonly ExplanationReason[]])[] {
  const { policy, blocked } = known.state;
  const configured = (of: "trusted" | "allowed", list: keyof FirewallPolicy["lists"]) =>
    matching(address, policy.lists[list], known).map(
      (entry): ExplanationReason => ({ kind: "configured", class: of, list, entry }),
    );
  const allowed = configured("allowed", "allowed");
  const limited = known.limited.filter(({ source }) => covers(source, address));
  // The kernel asks who is allowed before it asks who is limited: in mode allowlist a stranger gets no further.
  const mayBeLimited = policy.mode === "open" || allowed.length > 0;
  return [
    ["trusted", [...configured("trusted", "trunks"), ...configured("trusted", "operators")]],
    ["registered", [...known.registered].some((phone) => covers(phone, address)) ? [{ kind: "registered" }] : []],
    ["banned", known.bans.filter(({ source }) => covers(source, address)).map((ban) => ({ kind: "banned", ban }))],
    ["blocked", blockedBy(address, blocked).map((entry) => ({ kind: "blocked", entry }))],
    ["limited", mayBeLimited ? limited.map(({ expiresS }) => ({ kind: "limited", expiresS })) : []],
    ["allowed", allowed],
  ];
}

function matching(address: IpNetwork, entries: readonly string[], { addressesOf }: KnownOfSources): string[] {
  return entries.filter((entry) => addressesOf(entry).some((network) => contains(network, address)));
}

/** Whether an address or a network holds this address; an IPv6 source of the kernel stands for its whole /64. */
function covers(source: string, address: IpNetwork): boolean {
  const network = parseNetwork(source);
  if (network === null) return false;
  const whole = network.family === 6 && isSingle(network) && (network.first & 0xffff_ffff_ffff_ffffn) === 0n;
  return contains(whole ? { ...network, prefix: 64 } : network, address);
}

function blockedBy(address: IpNetwork, { addresses4, addresses6, networks }: BlockedSources): string[] {
  const text = formatNetwork(address);
  const single = address.family === 4 ? addresses4.includes(Number(address.first)) : addresses6.includes(text);
  return [...(single ? [text] : []), ...networks.filter((network) => covers(network, address))];
}

function verdictOf(of: SourceClass, mode: FirewallPolicy["mode"]): Explanation["verdict"] {
  switch (of) {
    case "local":
    case "trusted":
    case "registered":
    case "unguarded":
      return "accepted";
    case "banned":
    case "blocked":
    case "limited":
      return "dropped";
    case "allowed":
      return "limited";
    case "stranger":
      return mode === "open" ? "limited" : "dropped";
  }
}
