import { contains, formatNetwork, type IpNetwork, parseNetwork } from "../base/ip.ts";
import type { Config } from "../config/schema.ts";
import type { BlockedSources, FirewallPolicy, ResolvedLists } from "./types.ts";

/** What the configuration asks of the firewall; null where there shall be none (`protect: none`). */
export function policyOf(config: Config): FirewallPolicy | null {
  const { firewall, sip, nat } = config;
  if (firewall.protect === "none") return null;
  const phones = config.accounts.flatMap(({ networks }) => (networks.length > 0 ? networks : sip.localNetworks));
  const { lists } = firewall;
  return {
    protect: firewall.protect,
    mode: firewall.mode,
    sip: { port: sip.port, tcp: sip.tcp },
    rtp: { from: sip.rtpPorts.from, to: sip.rtpPorts.to },
    localPorts: [config.asterisk.ariPort, config.asterisk.managerPort],
    lists: {
      trunks: unique([...config.trunks.map(({ server }) => server), ...lists.trunks]),
      operators: unique(lists.operators),
      allowed: unique([...phones, ...lists.eventNetwork]),
      management: unique(lists.management),
    },
    managementPorts: uniquePorts([...firewall.managementPorts, ...lanPorts(config)]),
    allow: firewall.allow,
    limits: firewall.limits,
    scanner: firewall.scanner,
    router: nat.mode === "router" ? (nat.router ?? null) : null,
    asksRouter: nat.mode === "upstream",
  };
}

/** The page, and the gateway's own broker, where the LAN may reach them. */
function lanPorts({ web, status }: Config): number[] {
  const broker = status.mqtt === undefined && status.broker.enabled && status.broker.listen === "lan";
  return [...(web.enabled && web.listen === "lan" ? [web.port] : []), ...(broker ? [status.broker.port] : [])];
}

function uniquePorts(ports: readonly number[]): number[] {
  return [...new Set(ports)];
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

/** A ban for the kernel. */
export interface TimedBan {
  /** As in `Ban`: an IPv4 address or an IPv6 /64. */
  readonly source: string;
  /** For how long from now, s. */
  readonly seconds: number;
}

/** Everything that the kernel's rules are made of. */
export interface RulesState {
  readonly policy: FirewallPolicy;
  readonly lists: ResolvedLists;
  readonly blocked: BlockedSources;
  /** Addresses of phones registered now. */
  readonly registered: readonly IpNetwork[];
  /** Default gateways: only their answers to our requests for ports are let in. */
  readonly gateways: readonly IpNetwork[];
  /** Whether Asterisk is up. While it is not, strangers are dropped without being counted. */
  readonly serving: boolean;
  /** Users besides root that may connect to `policy.localPorts`: Asterisk's and our own. */
  readonly localUids: readonly number[];
}

/** What of a policy holds without a supervisor. */
export type ClosedPolicy = Pick<
  FirewallPolicy,
  "protect" | "sip" | "rtp" | "localPorts" | "managementPorts" | "router"
> & { readonly lists: Pick<FirewallPolicy["lists"], "operators" | "management"> };

/** For a machine whose configuration cannot be read: as the defaults of the configuration say. */
export const unknownPolicy: ClosedPolicy = {
  protect: "host",
  sip: { port: 5060, tcp: true },
  rtp: { from: 10_000, to: 10_999 },
  localPorts: [8188, 8138],
  managementPorts: [22],
  router: null,
  lists: { operators: [], management: ["192.168.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "fd00::/8", "fe80::/10"] },
};

export const noLists: ResolvedLists = { trunks: [], operators: [], allowed: [], management: [], allow: [] };
export const nothingBlocked: BlockedSources = { addresses4: new Uint32Array(), addresses6: [], networks: [] };

/** Of one family, ascending, without those that lie in another one: an interval set refuses overlaps. */
export function disjoint(networks: readonly IpNetwork[], family: 4 | 6): string[] {
  const sorted = networks
    .filter((network) => network.family === family)
    .sort(
      (one, other) => Number(one.first > other.first) - Number(one.first < other.first) || one.prefix - other.prefix,
    );
  const kept: IpNetwork[] = [];
  for (const network of sorted) {
    const last = kept.at(-1);
    if (last === undefined || !contains(last, network)) kept.push(network);
  }
  return kept.map(formatNetwork);
}

/** Those of the texts that are addresses or networks; the others are DNS names. */
export function literals(texts: readonly string[]): IpNetwork[] {
  return texts.flatMap((text) => parseNetwork(text) ?? []);
}
