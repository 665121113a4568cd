/**
 * The table's fixed parts: sets, counters and chains. They are the same under every policy, so that rules can be
 * replaced while bans and meters stay.
 */

export const TABLE = "paxgate";

/** Number of this layout. A table of another layout is deleted and made anew. Raise it with every change below. */
const LAYOUT = 8;
/** A chain without rules whose name tells the layout. */
export const MARKER = `layout_${LAYOUT}`;

/** What strangers send and is let through carries this mark: the scanner filter looks at nothing else. */
export const STRANGER_MARK = 0x5058_0001;

/** Networks. A small interval set each: whenever an element is added to any set, nft reads all interval sets. */
const networkSets = ["trusted", "allowed", "management", "blockednet"] as const;
/** Single addresses from lists. A hash set each. */
const addressSets = ["blocked"] as const;
/**
 * Blocked IPv4 networks of these lengths, each in a hash set by its first address. In an interval set, 5,000 of them would
 * make every ban take 16 ms instead of 5 (measured): see `networkSets`.
 */
export const hashedLengths = Array.from({ length: 24 }, (_, at) => at + 8);

/** Single addresses with a time of their own. */
const timedSets = ["registered", "banned"] as const;
/**
 * Filled by the kernel itself. `limited`: over its budget; `known`: we have sent it SIP; the others are meters:
 * new calls, other requests and further packets of the trusted, REGISTER and bytes over TCP from registered phones; then
 * of strangers: REGISTER and INVITE, further packets of a dialogue, TCP connections, bytes over TCP from and to it, and
 * what comes from the limited; `refusals` counts the 403 that went to each address, whoever it is.
 */
const dynamicSets = [
  "limited",
  "known",
  "invites",
  "trusted_requests",
  "trusted_follows",
  "registered_requests",
  "registered_bytes",
  "requests",
  "follows",
  "connects",
  "received",
  "answered",
  "persistent",
  "refusals",
] as const;
/**
 * Where the kernel counts connections of strangers: by source, and (one for both families) all of them. Without
 * time-outs: an element is forgotten with its last connection.
 */
const connectionSets = ["connected"] as const;

type Both<T extends string> = `${T}${4 | 6}`;
/** Sets that we fill as a whole. */
export type StaticSet =
  | Both<(typeof networkSets)[number] | (typeof addressSets)[number] | "registered">
  | `blocked4_${number}`;

/**
 * Elements of a set that the kernel fills. When it is full, new sources get nothing. An element takes 0.25 kB of
 * kernel memory (measured): forged sources can take 8 MB in each set, no more. All strangers
 * together are let send no more (`ALL_REQUESTS`) than the time-outs make room for: the meters of requests are never full.
 */
export const DYNAMIC_SIZE = 32_768;
/** Bans in force at most. */
export const MOST_BANS = 65_536;

/** Names of the counters in the order of the rules, with what they count. */
export const counterNames = {
  spoofed: "at the uplink, with a source of our LAN",
  trusted: "SIP of trunks, operators and registered phones",
  trusted_over: "SIP of theirs over the rate, dropped",
  banned: "SIP and audio of banned sources, dropped",
  blocked: "SIP and audio of sources on block lists, dropped",
  outside: "SIP of sources on no list, dropped",
  starting: "SIP of strangers while Asterisk is not up, dropped",
  limited: "SIP of sources that were over their budget, dropped",
  crowded: "requests of strangers over what all of them together may send, dropped",
  over: "SIP that went over the budget, dropped",
  connections_over: "TCP connections of strangers over their number, refused",
  refused: "SIP of strangers that is neither REGISTER nor INVITE nor part of a dialogue, dropped",
  strangers: "SIP of strangers, let through",
  unanswered: "answers to banned sources, over TCP also to limited ones, dropped",
  local_refused: "connections to local ports by other users, refused",
  rtp: "audio",
  rtp_refused: "packets to audio ports from elsewhere, dropped",
  management: "new management connections",
  allowed_service: "new packets to services allowed by the configuration",
  dropped: "everything else to this machine, dropped",
  forwarded: "new connections between LAN and uplink",
  forward_dropped: "packets that were not forwarded",
} as const;

/** Base chains with their hooks; `drop` in the policy is decided by the rules' author. */
export const baseChains = {
  guard: "type filter hook prerouting priority raw",
  answers: "type filter hook output priority raw",
  input: "type filter hook input priority filter",
  forward: "type filter hook forward priority filter",
  redirects: "type nat hook prerouting priority dstnat",
  masquerades: "type nat hook postrouting priority srcnat",
} as const;
export type BaseChain = keyof typeof baseChains;

export const plainChains = [
  "sip",
  "trusted",
  "trusted_request",
  "trusted_invite",
  "trusted_follow",
  "registered_request",
  "registered_data",
  "limited",
  "stranger_udp",
  "stranger_tcp",
  "stranger_connect",
  "stranger_connection",
  "stranger_connections",
  "stranger_data",
  "stranger_request",
  "stranger_follow",
  "stranger_accept",
  "over",
  "rtp_guard",
  "rtp",
  "answer",
  "answer_tcp",
  "local",
] as const;
export type PlainChain = (typeof plainChains)[number];

const families = [4, 6] as const;
const typeOf = { 4: "ipv4_addr", 6: "ipv6_addr" } as const;

/** Every set's declaration, by its name. */
function declarations(): Map<string, string> {
  const all = new Map<string, string>();
  for (const length of hashedLengths) all.set(`blocked4_${length}`, `type ${typeOf[4]};`);
  for (const family of families) {
    const declare = (names: readonly string[], more: string) => {
      for (const name of names) all.set(`${name}${family}`, `type ${typeOf[family]};${more}`);
    };
    declare(networkSets, " flags interval;");
    declare(addressSets, "");
    declare(timedSets, ` flags timeout; size ${MOST_BANS};`);
    declare(dynamicSets, ` flags dynamic,timeout; size ${DYNAMIC_SIZE}; timeout 1h;`);
    declare(connectionSets, ` flags dynamic; size ${DYNAMIC_SIZE};`);
  }
  all.set("connections", "type inet_service; flags dynamic; size 8;");
  return all;
}

/** Declares everything that is not there yet, changes nothing that is but the chains' policies. */
export function renderLayout(policies: Readonly<Record<BaseChain, "accept" | "drop">>): string {
  const base = (Object.keys(baseChains) as BaseChain[]).map(
    (name) => `  chain ${name} { ${baseChains[name]}; policy ${policies[name]}; }`,
  );
  const lines = [
    `table inet ${TABLE} {`,
    ...[...declarations()].map(([name, text]) => `  set ${name} { ${text} }`),
    ...Object.keys(counterNames).map((name) => `  counter ${name} { }`),
    ...[MARKER, ...plainChains].map((name) => `  chain ${name} { }`),
    ...base,
    "}",
  ];
  return `${lines.join("\n")}\n`;
}

/** Names of everything in the table, for telling what is not ours. */
export const ourObjects: ReadonlySet<string> = new Set([
  ...[...declarations().keys()].map((name) => `set ${name}`),
  ...Object.keys(counterNames).map((name) => `counter ${name}`),
  ...[MARKER, ...plainChains, ...Object.keys(baseChains)].map((name) => `chain ${name}`),
]);

/** Meters and the list of limited sources: what is forgotten when a source is released. */
export const penaltySets = ["limited", "requests", "connects", "received", "answered"] as const;
