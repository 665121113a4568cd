import { formatNetwork, type IpNetwork, isSingle, parseNetwork } from "../base/ip.ts";
import { address4, distinct, packAddresses, sortedUnique, unpackAddresses } from "./address-set.ts";
import { isLocal, isLocal4, isUnusable, isUnusable4 } from "./special-networks.ts";

/** Plain block lists: an address or a network on each line, `#` or `;` begins a comment. */

/** Most single addresses and most networks that are taken, of one list and of all together. */
export const MAX_ADDRESSES = 200_000;
/** Few, because the kernel's interval sets cost 1.5 kB for each. */
export const MAX_NETWORKS = 10_000;

/** A network larger than these is a mistake: it would shut out a 256th of the world. */
const WIDEST = { 4: 8, 6: 16 } as const;
const MAX_LINE = 1_000;
const MAX_FAULTS = 20;

/** The entries of one list, each once. */
export interface ListEntries {
  readonly addresses4: Uint32Array;
  /** Canonical texts. */
  readonly addresses6: readonly string[];
  /** May lie in one another: the outer one may be protected, and the inner one not. */
  readonly networks: readonly IpNetwork[];
}

export type LineFault = "malformed" | "too-wide" | "unusable" | "private" | "too-many";

export interface ParsedList extends ListEntries {
  /** Lines that were refused, how many, and the first of them. */
  readonly refused: number;
  readonly faults: readonly { readonly line: number; readonly fault: LineFault }[];
  readonly duplicates: number;
  /** Lines with something else than a comment on them. */
  readonly lines: number;
}

/**
 * `operator`: the operator's own file, which may name private addresses. `stranger`: from elsewhere; lists of
 * "bogons" would shut out our own phones, so addresses of private networks are refused.
 */
export type ListOrigin = "operator" | "stranger";

/** Reads a list in portions, so that a long one does not hold up the audio that the same process serves. */
export class ListReader {
  readonly #text: string;
  readonly #origin: ListOrigin;
  readonly #addresses4: number[] = [];
  readonly #addresses6 = new Set<string>();
  readonly #networks: IpNetwork[] = [];
  readonly #faults: { line: number; fault: LineFault }[] = [];
  #at = 0;
  #line = 0;
  #lines = 0;
  #refused = 0;

  constructor(text: string, origin: ListOrigin) {
    this.#text = text.startsWith("\ufeff") ? text.slice(1) : text;
    this.#origin = origin;
  }

  /** Reads up to so many lines more; whether there are further ones. */
  read(lines: number): boolean {
    for (let left = lines; left > 0 && this.#at < this.#text.length; left--) {
      const found = this.#text.indexOf("\n", this.#at);
      const end = found < 0 ? this.#text.length : found;
      this.#line++;
      // A line that long is refused whatever it begins with.
      this.#take(this.#text.slice(this.#at, Math.min(end, this.#at + MAX_LINE)), end - this.#at >= MAX_LINE);
      this.#at = end + 1;
    }
    return this.#at < this.#text.length;
  }

  result(): ParsedList {
    const addresses4 = sortedUnique(this.#addresses4);
    const networks = distinct(this.#networks);
    return {
      addresses4,
      addresses6: [...this.#addresses6].sort(),
      networks,
      refused: this.#refused,
      faults: this.#faults,
      lines: this.#lines,
      duplicates: this.#lines - this.#refused - addresses4.length - this.#addresses6.size - networks.length,
    };
  }

  #take(line: string, tooLong: boolean): void {
    const comment = line.search(/[#;]/);
    const entry = (comment < 0 ? line : line.slice(0, comment)).trim();
    if (entry === "") return;
    this.#lines++;
    if (tooLong && comment < 0) return this.#refuse("malformed");
    const four = address4(entry);
    if (four !== null) return this.#take4(four);
    const network = parseNetwork(entry);
    if (network === null) return this.#refuse("malformed");
    if (isSingle(network) && network.family === 4) return this.#take4(Number(network.first));
    if (network.prefix < WIDEST[network.family]) return this.#refuse("too-wide");
    if (isUnusable(network)) return this.#refuse("unusable");
    if (this.#origin === "stranger" && isLocal(network)) return this.#refuse("private");
    if (isSingle(network)) {
      if (this.#addresses4.length + this.#addresses6.size >= MAX_ADDRESSES) return this.#refuse("too-many");
      this.#addresses6.add(formatNetwork(network));
    } else if (this.#networks.length >= MAX_NETWORKS) this.#refuse("too-many");
    else this.#networks.push(network);
  }

  #take4(address: number): void {
    if (isUnusable4(address)) return this.#refuse("unusable");
    if (this.#origin === "stranger" && isLocal4(address)) return this.#refuse("private");
    if (this.#addresses4.length + this.#addresses6.size >= MAX_ADDRESSES) return this.#refuse("too-many");
    this.#addresses4.push(address);
  }

  #refuse(fault: LineFault): void {
    this.#refused++;
    if (this.#faults.length < MAX_FAULTS) this.#faults.push({ line: this.#line, fault });
  }
}

/** A whole list at once. */
export function parseList(text: string, origin: ListOrigin): ParsedList {
  const reader = new ListReader(text, origin);
  while (reader.read(10_000));
  return reader.result();
}

/**
 * Why what came is no block list, or null. A server in trouble sends a page about it, or nothing; neither may empty
 * a list.
 */
export function unlikeList(list: ParsedList, text: string): string | null {
  const entries = list.addresses4.length + list.addresses6.length + list.networks.length;
  if (text.trim() === "") return "it came empty";
  return list.refused > entries ? "most of its lines are no addresses" : null;
}

/** For the state file. */
export function packEntries(list: ListEntries): unknown {
  return {
    v4: packAddresses(list.addresses4),
    v6: list.addresses6,
    networks: list.networks.map((network) => formatNetwork(network)),
  };
}

/** What `packEntries` wrote, examined like any other list; null when it is something else. */
export function unpackEntries(packed: unknown): ListEntries | null {
  if (typeof packed !== "object" || packed === null) return null;
  const { v4, v6, networks } = packed as Readonly<Record<string, unknown>>;
  const addresses4 = unpackAddresses(v4, MAX_ADDRESSES);
  if (addresses4 === null || !Array.isArray(v6) || !Array.isArray(networks)) return null;
  const texts: unknown[] = [...v6, ...networks];
  if (!texts.every((text): text is string => typeof text === "string")) return null;
  const rest = parseList(texts.join("\n"), "stranger");
  if (rest.refused > 0 || rest.addresses4.length > 0 || addresses4.some(isLocal4)) return null;
  return { addresses4, addresses6: rest.addresses6, networks: rest.networks };
}
