import { GatewayError } from "../base/errors.ts";
import type { ScannerRules } from "../firewall/port.ts";

/** What is read of, and written to, iptables for the scanner filter. */

const GATE = "PAXGATE-SCANNER";
const AGENTS = "PAXGATE-AGENTS";

/** What of ours stands in the table `mangle` of one family. */
export interface FoundRules {
  readonly present: boolean;
  /** No chain but iptables' own ones and ours, and no rule but ours. */
  readonly alone: boolean;
  readonly chains: readonly string[];
  /** Our jumps, as iptables writes them, without counters. */
  readonly jumps: readonly string[];
  /** Rules in our chains. */
  readonly rules: number;
  /** Packets dropped, by token. */
  readonly dropped: ReadonlyMap<string, number>;
}

/** Reads `iptables-save -c -t mangle`. */
export function parseSaved(text: string): FoundRules {
  const chains: string[] = [];
  const jumps: string[] = [];
  const dropped = new Map<string, number>();
  let rules = 0;
  let foreign = 0;
  for (const line of text.split("\n")) {
    const chain = /^:(\S+) (\S+)/.exec(line);
    if (chain !== null) {
      const [, name = "", policy] = chain;
      if (name === GATE || name === AGENTS) chains.push(name);
      else if (policy !== "ACCEPT") foreign++;
      continue;
    }
    const rule = /^\[(\d+):\d+\] (-A (\S+) .*)$/.exec(line);
    if (rule === null) continue;
    const [, packets, whole = "", place] = rule;
    if (place === GATE || place === AGENTS) {
      rules++;
      const token = /--comment (?:"([^"]*)"|(\S+))/.exec(whole);
      const name = token?.[1] ?? token?.[2];
      if (place === AGENTS && name !== undefined) dropped.set(name, (dropped.get(name) ?? 0) + Number(packets));
    } else if (place === "PREROUTING" && whole.endsWith(` -j ${GATE}`)) jumps.push(whole);
    else foreign++;
  }
  return { present: chains.length + jumps.length > 0, alone: foreign === 0, chains, jumps, rules, dropped };
}

/** One transaction for iptables-restore --noflush; null when the rules are there already. */
export function replacement(rules: ScannerRules, identity: string, found: FoundRules): string | null {
  const lines: string[] = [];
  const protocols = rules.tcp ? ["udp", "tcp"] : ["udp"];
  for (const protocol of protocols) {
    lines.push(`-A ${GATE} -p ${protocol} -m ${protocol} --dport ${rules.sipPort} -g ${AGENTS}`);
  }
  for (const token of rules.tokens) {
    for (const text of rules.patterns?.[token] ?? [token]) {
      const match = `-m string --algo bm --icase --string ${quoted(text)}`;
      lines.push(`-A ${AGENTS} ${match} -m comment --comment ${quoted(token)} -j DROP`);
    }
  }
  const [jump, ...others] = found.jumps;
  const current = jump?.includes(`--comment "paxgate ${identity}"`) ?? false;
  if (current && others.length === 0 && found.chains.length === 2 && found.rules === lines.length) return null;
  return script([
    // Naming a chain empties it, within the same transaction.
    `:${GATE} - [0:0]`,
    `:${AGENTS} - [0:0]`,
    ...found.jumps.map(deletion),
    ...lines,
    `-I PREROUTING 1 -m mark --mark 0x${rules.mark.toString(16)} -m comment --comment "paxgate ${identity}" -j ${GATE}`,
  ]);
}

/** One transaction that leaves nothing of ours. */
export function removal(found: FoundRules): string {
  return script([
    ...found.chains.map((chain) => `:${chain} - [0:0]`),
    ...found.jumps.map(deletion),
    ...found.chains.map((chain) => `-X ${chain}`),
  ]);
}

function script(lines: readonly string[]): string {
  return ["*mangle", ...lines, "COMMIT", ""].join("\n");
}

function deletion(jump: string): string {
  return jump.replace(/^-A/, "-D");
}

/** The kernel takes 128 bytes; what could end the quotation is no part of any token. */
function quoted(text: string): string {
  if (/^[A-Za-z0-9 ._/:-]{1,128}$/.test(text)) return `"${text}"`;
  throw new GatewayError("scanner-token", "not a text that the scanner filter can look for", { details: { text } });
}
