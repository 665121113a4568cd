import { type ClosedPolicy, disjoint, type RulesState } from "./model.ts";
import { both, renderConnections, sipPorts } from "./render-sip.ts";

/** The rules for everything else that comes to this machine, and for being a router. */

/** The machine's own needs: RFC 4890 section 4.4 for ICMPv6; a ping is answered only where we are known. */
const icmp = [
  "icmp type { destination-unreachable, time-exceeded, parameter-problem } limit rate 100/second burst 200 packets accept",
  "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } limit rate 100/second burst 200 packets accept",
  // Neighbour discovery comes from the link itself, which the hop limit proves (RFC 4861 section 7.1).
  "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, nd-router-solicit } ip6 hoplimit 255 accept",
  "icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } ip6 saddr fe80::/10 accept",
];

const ping = (sets: readonly string[]) =>
  sets.flatMap((set) => [
    `icmp type echo-request ip saddr @${set}4 limit rate 20/second burst 40 packets accept`,
    `icmpv6 type echo-request ip6 saddr @${set}6 limit rate 20/second burst 40 packets accept`,
  ]);

/** Answers to a DHCP client, which come from an address that we don't know yet. */
const dhcpClient = [
  "udp sport 67 udp dport 68 meta nfproto ipv4 accept",
  "ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept",
];

const management = ({ managementPorts }: ClosedPolicy) => {
  if (managementPorts.length === 0) return [];
  const ports = `tcp dport { ${[...new Set(managementPorts)].join(", ")} }`;
  return both(({ n, address }) => `${ports} ${address} saddr @management${n} counter name management accept`);
};

const established = ["ct state established,related accept", "ct state invalid counter name dropped drop"];

export function renderInput(state: RulesState): string[] {
  const { policy } = state;
  const audio = `udp dport ${policy.rtp.from}-${policy.rtp.to} goto rtp`;
  // SIP that gets here was let through before connection tracking.
  const sip = [...renderConnections(policy), ...sipPorts(policy).map((port) => `${port} accept`)];
  const always = ['iif "lo" accept', ...sip, audio];
  if (policy.protect === "gateway") return [...always, ...renderLanServices(policy)];
  return [
    ...always,
    ...icmp,
    ...established,
    ...ping(["management", "trusted", "registered", "allowed"]),
    ...dhcpClient,
    ...management(policy),
    ...policy.allow.flatMap(({ port, protocol }, at) => renderAllow(`${protocol} dport ${port}`, state, at)),
    ...renderLanServices(policy),
    ...renderUpstream(state),
    "counter name dropped",
  ];
}

/** While no supervisor runs. */
export function renderClosedInput(policy: ClosedPolicy): string[] {
  if (policy.protect === "gateway") return [];
  return [
    'iif "lo" accept',
    ...icmp,
    ...established,
    ...ping(["management"]),
    ...dhcpClient,
    ...management(policy),
    ...renderLanServices(policy),
    "counter name dropped",
  ];
}

function renderAllow(port: string, { lists }: RulesState, at: number): string[] {
  return both(({ n, address }) => {
    const from = disjoint(lists.allow[at] ?? [], n).join(", ");
    return from === "" ? "" : `${port} ${address} saddr { ${from} } counter name allowed_service accept`;
  }).filter((rule) => rule !== "");
}

/** DHCP and DNS for the LAN. */
function renderLanServices({ router }: ClosedPolicy): string[] {
  if (router === null) return [];
  const lan = `iifname "${router.lan}"`;
  return [`${lan} udp dport { 53, 67 } accept`, `${lan} tcp dport 53 accept`];
}

/**
 * Answers of the router that we ask for ports, as far as connection tracking does not know them: it was asked by
 * multicast (SSDP), or announces by itself that it has started anew (SSDP; RFC 6887 section 14.1; RFC 6886 section 3.2.1).
 */
function renderUpstream({ policy, gateways }: RulesState): string[] {
  if (!policy.asksRouter) return [];
  return both(({ n, address }) => {
    const from = disjoint(gateways, n).join(", ");
    return from === "" ? "" : `${address} saddr { ${from} }`;
  })
    .filter((from) => from !== "")
    .flatMap((from) => [
      `${from} udp sport 1900 udp dport 1024-65535 accept`,
      `${from} udp dport { 1900, 5350 } accept`,
    ]);
}
