import { GatewayError } from "../base/errors.ts";
import { formatNetwork, type IpNetwork, isSingle, parseNetwork } from "../base/ip.ts";
import { penaltySets, TABLE } from "./layout.ts";

/** Transactions on single sources. Nothing of a source's text gets into them but by way of its number. */

/** The set and element that stand for a source: an IPv4 address, or an IPv6 /64 by its first address. */
export function banElement(source: IpNetwork): { readonly n: 4 | 6; readonly key: string } | null {
  if (source.family === 4) return isSingle(source) ? { n: 4, key: formatNetwork(source) } : null;
  if (source.prefix < 64) return null;
  const key = formatNetwork({ family: 6, first: (source.first >> 64n) << 64n, prefix: 128 });
  return { n: 6, key };
}

/** `renewed`: it may be banned already; then the new time counts. Errors: `bad-source`. */
export function banScript(source: string, seconds: number, renewed: boolean): string {
  const { n, key } = elementOf(source);
  const set = `element inet ${TABLE} banned${n}`;
  const timed = `add ${set} { ${key} timeout ${Math.max(1, Math.ceil(seconds))}s }\n`;
  // The kernel does not change the time of an element that it has; it is there, or is now, so it can be deleted.
  return renewed ? `${timed}delete ${set} { ${key} }\n${timed}` : timed;
}

/**
 * Ends a ban, and forgets what the kernel holds against the source; `null`: against anybody. `each`: the same piece by
 * piece, of which some may be refused. Errors: `bad-source`.
 */
export function releaseScript(source: string | null): { readonly whole: string; readonly each: readonly string[] } {
  const sets = ["banned", ...penaltySets];
  if (source === null) {
    const all = sets.flatMap((set) => [4, 6].map((n) => `flush set inet ${TABLE} ${set}${n}\n`));
    return { whole: all.join(""), each: [] };
  }
  const { n, key } = elementOf(source);
  const elements = sets.map((set) => `element inet ${TABLE} ${set}${n} { ${key} }\n`);
  // Added first, so that it can be deleted whether it is there or not; only a full set refuses that.
  const whole = elements.map((element) => `add ${element}delete ${element}`).join("");
  return { whole, each: elements.map((element) => `delete ${element}`) };
}

function elementOf(source: string) {
  const network = parseNetwork(source);
  const element = network === null ? null : banElement(network);
  if (element !== null) return element;
  throw new GatewayError("bad-source", "a ban needs an IPv4 address or an IPv6 /64", { details: { source } });
}
