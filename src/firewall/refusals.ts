import { formatNetwork, parseAddress } from "../base/ip.ts";
import type { Refusals } from "./evidence.ts";

/**
 * Whom Asterisk refused, as the kernel counts it: two dynamic sets of addresses with a counter each, filled by a rule
 * at the head of whatever sees the SIP port's answers, before anything there accepts or drops them. Only real sources
 * get in (see `evidence.ts`), so that forged ones cannot fill them.
 */

/** Definition of a set, without its name and type. Flags, time and counter as nft 1.0.6 takes them. */
export const REFUSAL_SET = "size 4096; flags dynamic,timeout; timeout 10s; counter;";

/** The payload begins with `SIP/2.0 403`. Over TCP chan_sip writes each answer by itself. */
export const REFUSED = "@ih,0,88 0x5349502f322e3020343033";

/** The rules, for sets `NAME4` and `NAME6`. */
export function refusalRules(name: string): string[] {
  return [
    `${REFUSED} update @${name}4 { ip daddr counter }`,
    `${REFUSED} update @${name}6 { ip6 daddr & ffff:ffff:ffff:ffff:: counter }`,
  ];
}

/** Address → packets, of one such set (`NftPort.set`). What is not in form is left out. */
export function refusalsOf(listing: unknown): Refusals {
  const counts = new Map<string, number>();
  for (const element of elementsOf(listing)) {
    const { val, counter } = fieldsOf(fieldsOf(element)["elem"]);
    const address = typeof val === "string" ? parseAddress(val) : null;
    const packets = fieldsOf(counter)["packets"];
    if (address !== null && typeof packets === "number") counts.set(formatNetwork(address), packets);
  }
  return counts;
}

function elementsOf(listing: unknown): readonly unknown[] {
  if (!Array.isArray(listing)) return [];
  for (const entry of listing) {
    const elements = fieldsOf(fieldsOf(entry)["set"])["elem"];
    if (Array.isArray(elements)) return elements;
  }
  return [];
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
