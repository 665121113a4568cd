import { contains, formatNetwork, type IpNetwork, parseAddress, parseNetwork } from "../base/ip.ts";
import type { Config } from "../config/schema.ts";
import type { Explanation, ExplanationReason, SourceClass } from "./control.ts";
import type { Ban } from "./types.ts";

/** An entry of the configuration with its place there. */
export interface ConfiguredSource {
  readonly class: "trusted" | "allowed" | "management";
  /** Such as `firewall.lists.operators` or `trunks[0].server`. */
  readonly list: string;
  /** An address, a network or a DNS name. */
  readonly entry: string;
}

/** What there is to know about one address. */
export interface KnownOfSource {
  readonly address: IpNetwork;
  readonly protect: Config["firewall"]["protect"];
  readonly mode: Config["firewall"]["mode"];
  readonly configured: readonly ConfiguredSource[];
  /** Addresses of a DNS name, as they are in use now. */
  readonly addressesOf: (name: string) => readonly IpNetwork[];
  /** Account → address of its registered phone. */
  readonly registered: ReadonlyMap<string, string>;
  readonly bans: readonly Ban[];
  /** Entries of block lists that this address lies in. */
  readonly blocked: readonly { readonly list: string; readonly entry: string }[];
  /** How long the kernel limits it, s; null when it does not. */
  readonly limitedS: number | null;
}

const LOOPBACK = ["127.0.0.0/8", "::1"].flatMap((text) => parseNetwork(text) ?? []);

/** Every source that the configuration names for SIP or for management, in the order of the rules. */
export function configuredSources({ firewall, trunks, accounts, sip }: Config): readonly ConfiguredSource[] {
  const from = (of: ConfiguredSource["class"], list: string, entries: readonly string[]): ConfiguredSource[] =>
    entries.map((entry) => ({ class: of, list, entry }));
  const { lists } = firewall;
  const anywhere = accounts.some(({ networks }) => networks.length === 0);
  return [
    ...trunks.flatMap(({ server }, at) => from("trusted", `trunks[${at}].server`, [server])),
    ...from("trusted", "firewall.lists.trunks", lists.trunks),
    ...from("trusted", "firewall.lists.operators", lists.operators),
    ...from("allowed", "firewall.lists.eventNetwork", lists.eventNetwork),
    ...accounts.flatMap(({ networks }, at) => from("allowed", `accounts[${at}].networks`, networks)),
    ...(anywhere ? from("allowed", "sip.localNetworks", sip.localNetworks) : []),
    ...from("management", "firewall.lists.management", lists.management),
    ...from("management", "firewall.lists.operators", lists.operators),
  ];
}

/**
 * What becomes of SIP from an address, by the order of the rules: trusted before banned, banned before blocked, both
 * before allowed. What stands lower and would have counted is told as well.
 */
export function explain(known: KnownOfSource): Explanation {
  const { address } = known;
  const matches = known.configured.filter(({ entry }) =>
    networksOf(known, entry).some((one) => contains(one, address)),
  );
  const configured = (of: "trusted" | "allowed"): ExplanationReason[] =>
    matches.flatMap((one) =>
      one.class === of ? [{ kind: "configured", class: of, list: one.list, entry: one.entry }] : [],
    );
  const registered = [...known.registered].flatMap(([account, at]): ExplanationReason[] => {
    const phone = parseAddress(at);
    return phone !== null && contains(phone, address) ? [{ kind: "registered", account }] : [];
  });
  const banned = known.bans.flatMap((ban): ExplanationReason[] => {
    const source = parseNetwork(ban.source);
    return source !== null && contains(source, address) ? [{ kind: "banned", ban }] : [];
  });
  const blocked = known.blocked.map(({ list, entry }): ExplanationReason => ({ kind: "blocked", list, entry }));
  const limited: ExplanationReason[] = known.limitedS === null ? [] : [{ kind: "limited", expiresS: known.limitedS }];
  const ranks: readonly (readonly [of: SourceClass, reasons: readonly ExplanationReason[]])[] = [
    ["trusted", configured("trusted")],
    ["registered", registered],
    ["banned", banned],
    ["blocked", blocked],
    // The kernel asks who is allowed before it asks who is limited: who is not allowed never gets to be.
    ["limited", known.mode === "open" || configured("allowed").length > 0 ? limited : []],
    ["allowed", configured("allowed")],
  ];
  const rank = ranks.find(([, reasons]) => reasons.length > 0)?.[0] ?? "stranger";
  const management = matches.flatMap((one): ExplanationReason[] =>
    one.class === "management" ? [{ kind: "management", entry: one.entry }] : [],
  );
  const of = classOf(known, rank);
  return {
    address: formatNetwork(address),
    verdict: verdictOf(of, known.mode),
    class: of,
    reasons: [...ranks.flatMap(([, reasons]) => reasons), ...management],
  };
}

function classOf({ protect, address }: KnownOfSource, rank: SourceClass): SourceClass {
  if (LOOPBACK.some((loopback) => contains(loopback, address))) return "local";
  return protect === "none" ? "unguarded" : rank;
}

function verdictOf(of: SourceClass, mode: KnownOfSource["mode"]): Explanation["verdict"] {
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

function networksOf({ addressesOf }: KnownOfSource, entry: string): readonly IpNetwork[] {
  const network = parseNetwork(entry);
  return network === null ? addressesOf(entry) : [network];
}
