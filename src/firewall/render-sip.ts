import {
  ALL_REQUESTS,
  budgetsOf,
  CONNECTIONS_ALL,
  CONNECTIONS_EACH,
  FOLLOW_RATE,
  KNOWN_S,
  PERSISTENT,
  REFUSALS_KEPT_S,
  REGISTERED_BYTES,
  REGISTERED_REQUESTS,
  TRUSTED_FOLLOWS,
  TRUSTED_REQUESTS,
} from "./budgets.ts";
import { type PlainChain, STRANGER_MARK } from "./layout.ts";
import type { ClosedPolicy, RulesState } from "./model.ts";
import type { FirewallPolicy } from "./types.ts";

/**
 * The rules for SIP and audio, before connection tracking. Only what is known to be harmless is let through: chan_sip
 * takes a method's name in any case and with blanks before it, so that nothing could be kept out by matching it.
 */

export type Rules<Name extends string> = Readonly<Record<Name, readonly string[]>>;

/** How the two families differ. Sources of IPv6 are told apart by their /64, which any one host has whole. */
export const families = [
  { n: 4, address: "ip", source: "ip saddr", peer: "ip daddr" },
  {
    n: 6,
    address: "ip6",
    source: "ip6 saddr & ffff:ffff:ffff:ffff::",
    peer: "ip6 daddr & ffff:ffff:ffff:ffff::",
  },
] as const;
type Family = (typeof families)[number];

export function both(rule: (family: Family) => string): string[] {
  return families.map(rule);
}

/** Matches a packet whose payload begins with this text. */
function begins(text: string): string {
  return `@ih,0,${text.length * 8} 0x${hex(text)}`;
}

function hex(text: string): string {
  return [...text].map((letter) => letter.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}

/** In any case: of the trusted, nothing may get around the limit either. */
const anyInvite = `@ih,0,48 & 0xdfdfdfdfdfdf == 0x${hex("INVITE")}`;

/** What only goes on with something: it can't be a guess. */
const followUps = ["ACK ", "BYE ", "CANCEL ", "SIP/2.0 "];
/** UDP header and up to four bytes: the keep-alives of RFC 5626 section 3.5.1 and of common phones. */
const KEEP_ALIVE_BYTES = 12;
/**
 * Methods that chan_sip takes for no INVITE. Everything else may be one: it skips blanks before a method's name and takes
 * it in any case.
 */
const NO_INVITES = [
  "REGISTER ",
  "OPTIONS ",
  "SUBSCRIBE ",
  "NOTIFY ",
  "MESSAGE ",
  "INFO ",
  "PRACK ",
  "UPDATE ",
  "REFER ",
  "PUBLISH ",
];

/** A rule for each family that goes to `chain` while the source's meter has something left. */
function within(set: string, budget: string, chain: PlainChain): string[] {
  return both(({ n, source }) => `update @${set}${n} { ${source} ${budget} } goto ${chain}`);
}

/** Lets a trusted source's packet through while its meter has something left. */
function trustedWithin(set: string, budget: string): string[] {
  const accept = both(({ n, source }) => `update @${set}${n} { ${source} ${budget} } counter name trusted accept`);
  return [...accept, "counter name trusted_over drop"];
}

const trustedSources = (chain: "goto trusted" | "accept") => [
  ...both(({ n, address }) => `${address} saddr @trusted${n} ${chain}`),
  ...both(({ n, address }) => `${address} saddr @registered${n} ${chain}`),
];

/** Banned, then blocked. Neither comes before the trusted. */
const shutOut = (lengths: readonly number[]) => [
  ...both(({ n, source }) => `${source} @banned${n} counter name banned drop`),
  ...both(({ n, address }) => `${address} saddr @blocked${n} counter name blocked drop`),
  ...both(({ n, address }) => `${address} saddr @blockednet${n} counter name blocked drop`),
  ...lengths.map((length) => `ip saddr & ${mask(length)} @blocked4_${length} counter name blocked drop`),
];

function mask(length: number): string {
  return [0, 8, 16, 24].map((at) => 256 - 2 ** (8 - Math.min(8, Math.max(0, length - at)))).join(".");
}

/** Packets to this machine and no other, where there may be others behind it. */
function toUs({ protect, router }: ClosedPolicy): string {
  return protect === "host" && router === null ? "" : " fib daddr type != unicast";
}

export function sipPorts({ sip }: ClosedPolicy): string[] {
  return sip.tcp ? [`udp dport ${sip.port}`, `tcp dport ${sip.port}`] : [`udp dport ${sip.port}`];
}

export function renderGuard(policy: FirewallPolicy): string[] {
  return [
    'iif "lo" accept',
    ...sipPorts(policy).map((port) => `${port}${toUs(policy)} goto sip`),
    `udp dport ${policy.rtp.from}-${policy.rtp.to}${toUs(policy)} goto rtp_guard`,
  ];
}

/** While no supervisor runs: nobody is there to answer. */
export function renderClosedGuard(policy: ClosedPolicy): string[] {
  return [
    'iif "lo" accept',
    ...sipPorts(policy).map((port) => `${port}${toUs(policy)} counter name outside drop`),
    `udp dport ${policy.rtp.from}-${policy.rtp.to}${toUs(policy)} counter name rtp_refused drop`,
  ];
}

/** Chains behind `guard`. `lengths`: of blocked IPv4 networks, as far as there are any. */
export function renderSip({ policy, serving }: Pick<RulesState, "policy" | "serving">, lengths: readonly number[]) {
  const budgets = budgetsOf(policy);
  const { trustedInvitesPerSecond, trustedInviteBurst } = policy.limits;
  const invites = `timeout 10m limit rate ${trustedInvitesPerSecond}/second burst ${trustedInviteBurst} packets`;
  const methods = [
    // One budget for both: two would be guesses of two methods, and more than three of them.
    ...["REGISTER ", "INVITE "].map((text) => `${begins(text)} goto stranger_request`),
    ...followUps.map((text) => `${begins(text)} goto stranger_follow`),
  ];
  return {
    sip: [
      ...trustedSources("goto trusted"),
      ...shutOut(lengths),
      ...(policy.mode === "open"
        ? []
        : both(({ n, address }) => `${address} saddr != @allowed${n} counter name outside drop`)),
      // Nothing is counted that nobody can answer: a telephone that tries meanwhile has all of its budget afterwards.
      ...(serving ? [] : ["counter name starting drop"]),
      ...both(({ n, source }) => `${source} @limited${n} goto limited`),
      "meta l4proto udp goto stranger_udp",
      "goto stranger_tcp",
    ],
    trusted: [
      ...both(
        ({ n, address }) =>
          `${begins("REGISTER ")} ${address} saddr @registered${n} ${address} saddr != @trusted${n} goto registered_request`,
      ),
      // A connection can't be forged.
      `meta l4proto tcp ${anyInvite} goto trusted_invite`,
      "meta l4proto tcp counter name trusted accept",
      ...followUps.map((text) => `${begins(text)} goto trusted_follow`),
      `udp length <= ${KEEP_ALIVE_BYTES} goto trusted_follow`,
      ...NO_INVITES.map((text) => `${begins(text)} goto trusted_request`),
      "goto trusted_invite",
    ],
    trusted_request: trustedWithin("trusted_requests", TRUSTED_REQUESTS),
    registered_request: trustedWithin("registered_requests", REGISTERED_REQUESTS),
    registered_data: trustedWithin("registered_bytes", REGISTERED_BYTES),
    trusted_invite: trustedWithin("invites", invites),
    trusted_follow: trustedWithin("trusted_follows", TRUSTED_FOLLOWS),
    limited: [
      ...both(
        ({ n, source }) =>
          `update @persistent${n} { ${source} ${PERSISTENT} } update @limited${n} { ${source} timeout ${budgets.limitedS}s }`,
      ),
      "counter name limited drop",
    ],
    stranger_udp: [...methods, `udp length <= ${KEEP_ALIVE_BYTES} goto stranger_follow`, "counter name refused drop"],
    stranger_tcp: [
      "tcp flags & (fin | syn | rst | ack) == syn goto stranger_connect",
      ...within("received", budgets.received, "stranger_data"),
      "goto over",
    ],
    stranger_connect: [...within("connects", budgets.requests, "stranger_accept"), "goto over"],
    stranger_connection: [
      ...both(
        ({ n, source }) => `add @connected${n} { ${source} ct count ${CONNECTIONS_EACH} } goto stranger_connections`,
      ),
      "counter name connections_over reject with tcp reset",
    ],
    // In a set as well: a count of the rule itself would begin anew whenever rules are replaced.
    stranger_connections: [
      `add @connections { tcp dport ct count ${CONNECTIONS_ALL} } accept`,
      "counter name connections_over reject with tcp reset",
    ],
    stranger_data: [
      ...methods,
      // A payload of any other kind; without one, there is no first byte to look at.
      "@ih,0,8 0x00-0xff counter name refused drop",
      "goto stranger_accept",
    ],
    stranger_request: [
      `${ALL_REQUESTS} counter name crowded drop`,
      ...within("requests", budgets.requests, "stranger_accept"),
      "goto over",
    ],
    stranger_follow: [
      ...both(
        ({ n, source }) => `${source} @known${n} update @follows${n} { ${source} ${FOLLOW_RATE} } goto stranger_accept`,
      ),
      "counter name refused drop",
    ],
    stranger_accept: [`meta mark set 0x${STRANGER_MARK.toString(16)} counter name strangers accept`],
    // Two rules: when the set is full, the first one ends there.
    over: [
      ...both(({ n, source }) => `update @limited${n} { ${source} timeout ${budgets.limitedS}s }`),
      "counter name over drop",
    ],
    rtp_guard: [...trustedSources("accept"), ...shutOut(lengths)],
    rtp: [
      "ct state established,related counter name rtp accept",
      ...["trusted", "registered", "allowed"].flatMap((set) =>
        both(({ n, address }) => `${address} saddr @${set}${n} counter name rtp accept`),
      ),
      ...both(({ n, source }) => `${source} @known${n} counter name rtp accept`),
      "counter name rtp_refused drop",
    ],
    answer: [
      // Before anything is dropped here: whom Asterisk refuses has failed, whether it hears of it or not.
      ...both(
        ({ n, address }) =>
          `${begins("SIP/2.0 403")} update @refusals${n} { ${address} daddr timeout ${REFUSALS_KEPT_S}s counter }`,
      ),
      ...both(({ n, address }) => `${address} daddr @trusted${n} accept`),
      ...both(({ n, address }) => `${address} daddr @registered${n} accept`),
      // Says nothing, and ends a connection for connection tracking too, which would count it for 5 days more.
      "tcp flags & rst == rst accept",
      ...both(({ n, peer }) => `${peer} @banned${n} counter name unanswered drop`),
      ...both(({ n, peer }) => `update @known${n} { ${peer} timeout ${KNOWN_S}s }`),
      "meta l4proto tcp goto answer_tcp",
      "accept",
    ],
    // Over UDP a limited source has no more than its budget answered anyhow, and Asterisk would log every drop.
    answer_tcp: [
      ...both(({ n, peer }) => `${peer} @limited${n} counter name unanswered drop`),
      ...both(({ n, peer }) => `update @answered${n} { ${peer} ${budgets.answered} } accept`),
      ...both(({ n, peer }) => `update @limited${n} { ${peer} timeout ${budgets.limitedS}s }`),
      "counter name unanswered drop",
    ],
  } satisfies Partial<Rules<PlainChain>>;
}

/**
 * For the input hook: connections can be counted only where connection tracking has seen them. What is taken up in the
 * middle counts as new as well. There too a registered phone's bytes are counted: nobody else can use them up.
 */
export function renderConnections({ sip }: ClosedPolicy): string[] {
  if (!sip.tcp) return [];
  const tcp = `tcp dport ${sip.port}`;
  return [
    `${tcp} meta mark 0x${STRANGER_MARK.toString(16)} ct state new goto stranger_connection`,
    ...both(({ n, address }) => `${tcp} ${address} saddr @trusted${n} accept`),
    ...both(({ n, address }) => `${tcp} ct state established ${address} saddr @registered${n} goto registered_data`),
  ];
}

/** What leaves this machine: answers, and what its own users may connect to. */
export function renderAnswers({ policy }: RulesState): string[] {
  const { sip } = policy;
  return [
    'oif "lo" goto local',
    `udp sport ${sip.port} goto answer`,
    ...(sip.tcp ? [`tcp sport ${sip.port} goto answer`] : []),
  ];
}

export function renderLocal({ policy, localUids }: { policy: ClosedPolicy; localUids: readonly number[] }): string[] {
  if (policy.localPorts.length === 0) return [];
  const uids = [...new Set([0, ...localUids])].join(", ");
  const ports = [...new Set(policy.localPorts)].join(", ");
  const opening = `tcp dport { ${ports} } tcp flags & (fin | syn | rst | ack) == syn`;
  return [`${opening} meta skuid != { ${uids} } counter name local_refused reject with tcp reset`];
}
