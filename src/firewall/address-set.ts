import { contains, type IpNetwork } from "../base/ip.ts";

/**
 * Large sets of addresses. IPv4 addresses are numbers in sorted typed arrays: four bytes each, where a set of texts
 * takes about a hundred.
 */

/** A plain IPv4 address as a number; null for anything else. Much faster than `parseAddress`: lists are long. */
export function address4(text: string): number | null {
  let value = 0;
  let part = -1;
  let digits = 0;
  let dots = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 46) {
      if (part < 0 || ++dots > 3) return null;
      value = value * 256 + part;
      part = -1;
      digits = 0;
      continue;
    }
    // A leading zero would be octal to some readers and decimal to others.
    if (code < 48 || code > 57 || (digits > 0 && part === 0)) return null;
    part = (digits++ === 0 ? 0 : part * 10) + code - 48;
    if (part > 255) return null;
  }
  return dots === 3 && part >= 0 ? value * 256 + part : null;
}

/** `192.0.2.1` of its number. */
export function formatAddress4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** Ascending, each value once. */
export function sortedUnique(values: ArrayLike<number>): Uint32Array {
  const sorted = Uint32Array.from(values).sort();
  let kept = 0;
  for (let at = 0; at < sorted.length; at++) {
    const value = sorted[at] ?? 0;
    if (kept === 0 || value !== sorted[kept - 1]) sorted[kept++] = value;
  }
  return sorted.slice(0, kept);
}

/** Place of the first value that is not less. */
export function lowerBound(sorted: ArrayLike<number | bigint>, value: number | bigint): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const found = sorted[middle];
    if (found !== undefined && found < value) from = middle + 1;
    else to = middle;
  }
  return from;
}

export function has(sorted: Uint32Array, value: number): boolean {
  return sorted[lowerBound(sorted, value)] === value;
}

/** The networks, each once, ascending: IPv4 first, an outer one before those in it. */
export function distinct(networks: readonly IpNetwork[]): IpNetwork[] {
  return ascending(networks, (last, network) => last.prefix === network.prefix && contains(last, network));
}

/** The networks that lie in no other one of them, ascending: IPv4 first. */
export function outermost(networks: readonly IpNetwork[]): IpNetwork[] {
  // Networks nest or are apart; the outer one comes first.
  return ascending(networks, contains);
}

function ascending(
  networks: readonly IpNetwork[],
  replaces: (last: IpNetwork, network: IpNetwork) => boolean,
): IpNetwork[] {
  const ordered = [...networks].sort(
    (a, b) => a.family - b.family || (a.first < b.first ? -1 : a.first > b.first ? 1 : a.prefix - b.prefix),
  );
  const kept: IpNetwork[] = [];
  for (const network of ordered) {
    const last = kept.at(-1);
    if (last === undefined || !replaces(last, network)) kept.push(network);
  }
  return kept;
}

/** Networks made ready for many questions. */
export interface NetworkIndex {
  readonly starts4: Uint32Array;
  readonly ends4: Uint32Array;
  readonly starts6: readonly bigint[];
  readonly ends6: readonly bigint[];
}

export function indexNetworks(networks: readonly IpNetwork[]): NetworkIndex {
  const outer = outermost(networks);
  const four = outer.filter((network) => network.family === 4);
  const six = outer.filter((network) => network.family === 6);
  return {
    starts4: Uint32Array.from(four, (network) => Number(network.first)),
    ends4: Uint32Array.from(four, (network) => Number(lastOf(network))),
    starts6: six.map((network) => network.first),
    ends6: six.map(lastOf),
  };
}

export function covers4(index: NetworkIndex, address: number): boolean {
  return touches(index.starts4, index.ends4, address, address);
}

/** The addresses (ascending) that none of the networks covers. Walks both at once: lists are long. */
export function uncovered(addresses: Uint32Array, { starts4, ends4 }: NetworkIndex): Uint32Array {
  if (starts4.length === 0) return addresses;
  const kept = new Uint32Array(addresses.length);
  let count = 0;
  let range = 0;
  for (const address of addresses) {
    while (range < ends4.length && (ends4[range] ?? 0) < address) range++;
    if (range === ends4.length || address < (starts4[range] ?? 0)) kept[count++] = address;
  }
  return count === addresses.length ? addresses : kept.slice(0, count);
}

/** Whether the network has an address in common with any of them. */
export function overlapsAny(index: NetworkIndex, network: IpNetwork): boolean {
  const last = lastOf(network);
  return network.family === 4
    ? touches(index.starts4, index.ends4, Number(network.first), Number(last))
    : touches(index.starts6, index.ends6, network.first, last);
}

function touches<T extends number | bigint>(starts: ArrayLike<T>, ends: ArrayLike<T>, first: T, last: T): boolean {
  // The ranges are apart, so their ends ascend too.
  const start = starts[lowerBound(ends, first)];
  return start !== undefined && start <= last;
}

function lastOf(network: IpNetwork): bigint {
  const host = BigInt((network.family === 4 ? 32 : 128) - network.prefix);
  return network.first + (1n << host) - 1n;
}

/** Short text of a sorted set, for the state file: the gaps between its values in base 36. */
export function packAddresses(sorted: Uint32Array): string {
  const gaps: string[] = [];
  let before = 0;
  for (const value of sorted) {
    gaps.push((value - before).toString(36));
    before = value;
  }
  return gaps.join(" ");
}

/** What `packAddresses` wrote; null when it is anything else, or more than `max` values. */
export function unpackAddresses(text: unknown, max: number): Uint32Array | null {
  if (typeof text !== "string" || text.length > max * 8) return null;
  if (text === "") return new Uint32Array();
  const gaps = text.split(" ");
  if (gaps.length > max) return null;
  const values = new Uint32Array(gaps.length);
  let value = 0;
  for (const [at, gap] of gaps.entries()) {
    if (!/^(?:0|[1-9a-z][0-9a-z]{0,6})$/.test(gap) || (gap === "0" && at > 0)) return null;
    value += Number.parseInt(gap, 36);
    if (value > 0xffff_ffff) return null;
    values[at] = value;
  }
  return values;
}
