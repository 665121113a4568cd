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
/** Of them, and of keep-alives, from one source. Three retransmitting calls stay far below. */
const FOLLOW_RATE = "limit rate 20/second burst 40 packets";
/** UDP header and up to four bytes: the keep-alives of RFC 5626 section 3.5.1 and of common phones. */
const KEEP_ALIVE_BYTES = 12;
/**
 * What the trusted may send over UDP besides new calls, since anybody can send in their name: requests, each of which
 * Asterisk remembers for 32 s in 15 kB (measured), and packets that go on with something.
 */
const TRUSTED_REQUESTS = "timeout 10m limit rate 30/second burst 400 packets";
const TRUSTED_FOLLOWS = "timeout 10m limit rate 500/second burst 1000 packets";
/**
 * What a registered phone may send over TCP: as much as over UDP, where a request has 300 bytes at least. A registration
 * takes less than 2 kB, so that a hundred phones behind one address can come back at once after a power cut.
 */
const REGISTERED_BYTES = "timeout 10m limit rate 8192 bytes/second burst 262144 bytes";
/** How long after its last refusal an address is forgotten, s: whose failed login it was is asked within 2 s. */
const REFUSALS_KEPT_S = 10;
/** How long the packets of a dialogue pass after our own last word to that source: longer than most calls, s. */
const KNOWN_S = 7_200;

/**
 * Bytes over TCP for each request of the budget, with all headers. Requests in one segment can't be counted, their bytes
 * can: a REGISTER with credentials takes about 700 to us, its answer 500 from us.
 */
const RECEIVED_PER_REQUEST = 750;
const ANSWERED_PER_REQUEST = 500;

/**
 * Connections of one stranger at a time, and of all together. chan_sip's own limit does not hold: a connection on which a
 * REGISTER was challenged counts as authenticated for ever, and takes a thread and 57 kB (measured).
 */
const CONNECTIONS_EACH = 4;
const CONNECTIONS_ALL = 100;

interface Budgets {
  readonly requests: string;
  readonly received: string;
  readonly answered: string;
  readonly limitedS: number;
}

function budgetsOf({ limits }: FirewallPolicy): Budgets {
  const { requestBurst: burst, requestsPerHour: perHour } = limits;
  // A meter that has been silent for so long is full again: forgetting it gives nothing away.
  const refilled = Math.ceil((burst * 3600) / perHour) + 60;
  const bytes = (each: number) =>
    `timeout ${refilled}s limit rate ${Math.max(1, Math.floor((perHour * each) / 3600))} bytes/second burst ${burst * each} bytes`;
  return {
    requests: `timeout ${refilled}s limit rate ${perHour}/hour burst ${burst} packets`,
    received: bytes(RECEIVED_PER_REQUEST),
    answered: bytes(ANSWERED_PER_REQUEST),
    limitedS: limits.limitedMinutes * 60,
  };
}

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
export function renderSip(policy: FirewallPolicy, lengths: readonly number[]) {
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
      ...both(({ n, source }) => `${source} @limited${n} goto limited`),
      "meta l4proto udp goto stranger_udp",
      "goto stranger_tcp",
    ],
    trusted: [
      `${anyInvite} goto trusted_invite`,
      // A connection can't be forged.
      "meta l4proto tcp counter name trusted accept",
      ...followUps.map((text) => `${begins(text)} goto trusted_follow`),
      `udp length <= ${KEEP_ALIVE_BYTES} goto trusted_follow`,
      ...trustedWithin("trusted_requests", TRUSTED_REQUESTS),
    ],
    registered_data: trustedWithin("registered_bytes", REGISTERED_BYTES),
    trusted_invite: trustedWithin("invites", invites),
    trusted_follow: trustedWithin("trusted_follows", TRUSTED_FOLLOWS),
    limited: [
      ...both(({ n, source }) => `update @limited${n} { ${source} timeout ${budgets.limitedS}s }`),
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
    stranger_request: [...within("requests", budgets.requests, "stranger_accept"), "goto over"],
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
      ...both(({ n, address }) => `${address} daddr @trusted${n} goto answer_leaves`),
      ...both(({ n, address }) => `${address} daddr @registered${n} goto answer_leaves`),
      // Says nothing, and ends a connection for connection tracking too, which would count it for 5 days more.
      "tcp flags & rst == rst accept",
      ...both(({ n, peer }) => `${peer} @banned${n} counter name unanswered drop`),
      ...both(({ n, peer }) => `update @known${n} { ${peer} timeout ${KNOWN_S}s }`),
      "meta l4proto tcp goto answer_tcp",
      "goto answer_leaves",
    ],
    // Over UDP a limited source has no more than its budget answered anyhow, and Asterisk would log every drop.
    answer_tcp: [
      ...both(({ n, peer }) => `${peer} @limited${n} counter name unanswered drop`),
      ...both(({ n, peer }) => `update @answered${n} { ${peer} ${budgets.answered} } goto answer_leaves`),
      ...both(({ n, peer }) => `update @limited${n} { ${peer} timeout ${budgets.limitedS}s }`),
      "counter name unanswered drop",
    ],
    answer_leaves: [
      ...both(
        ({ n, address }) =>
          `${begins("SIP/2.0 403")} update @refusals${n} { ${address} daddr timeout ${REFUSALS_KEPT_S}s counter }`,
      ),
      "accept",
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
