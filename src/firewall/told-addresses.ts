import { formatNetwork, isSingle, parseAddress } from "../base/ip.ts";
import { has, packAddresses, unpackAddresses } from "./address-set.ts";
import { isLocal, isLocal4 } from "./special-networks.ts";

/**
 * Addresses with the time at which each was last told. Eight bytes an IPv4 address; a map would take ten times that.
 * Never changed in place: who holds one may keep it.
 */
export interface ToldAddresses {
  /** Ascending. */
  readonly addresses4: Uint32Array;
  /** Unix time in seconds, for each. */
  readonly told4: Uint32Array;
  /** Canonical text → Unix time, s. */
  readonly told6: ReadonlyMap<string, number>;
}

export const NOBODY: ToldAddresses = {
  addresses4: new Uint32Array(),
  told4: new Uint32Array(),
  told6: new Map(),
};

export function countOf(told: ToldAddresses): number {
  return told.addresses4.length + told.told6.size;
}

export function isTold4(told: ToldAddresses, address: number): boolean {
  return has(told.addresses4, address);
}

/** With these told at `atS`, those that are known already told anew. `addresses4`: ascending, each once. */
export function tell(
  told: ToldAddresses,
  addresses4: Uint32Array,
  addresses6: readonly string[],
  atS: number,
): ToldAddresses {
  const size = told.addresses4.length + addresses4.length;
  const merged = new Uint32Array(size);
  const times = new Uint32Array(size);
  let kept = 0;
  let old = 0;
  let fresh = 0;
  while (old < told.addresses4.length || fresh < addresses4.length) {
    const before = told.addresses4[old] ?? Number.POSITIVE_INFINITY;
    const now = addresses4[fresh] ?? Number.POSITIVE_INFINITY;
    merged[kept] = Math.min(before, now);
    times[kept++] = now <= before ? atS : (told.told4[old] ?? 0);
    if (before <= now) old++;
    if (now <= before) fresh++;
  }
  const told6 = new Map(told.told6);
  for (const address of addresses6) told6.set(address, atS);
  return { addresses4: merged.slice(0, kept), told4: times.slice(0, kept), told6 };
}

/** Without those told before `beforeS`; the same object when none was. */
export function forget(told: ToldAddresses, beforeS: number): ToldAddresses {
  const keep = Array.from(told.told4.keys()).filter((at) => (told.told4[at] ?? 0) >= beforeS);
  const told6 = new Map([...told.told6].filter(([, atS]) => atS >= beforeS));
  if (keep.length === told.told4.length && told6.size === told.told6.size) return told;
  return {
    addresses4: Uint32Array.from(keep, (at) => told.addresses4[at] ?? 0),
    told4: Uint32Array.from(keep, (at) => told.told4[at] ?? 0),
    told6,
  };
}

/** When the first of them was told, s; null when there is none. */
export function oldest(told: ToldAddresses): number | null {
  let first = Number.POSITIVE_INFINITY;
  for (const atS of told.told4) first = Math.min(first, atS);
  for (const atS of told.told6.values()) first = Math.min(first, atS);
  return first === Number.POSITIVE_INFINITY ? null : first;
}

interface Group {
  readonly toldS: number;
  readonly v4: string;
  readonly v6: readonly string[];
}

/** For the state file: those told at the same time together. */
export function packTold(told: ToldAddresses): readonly Group[] {
  const groups = new Map<number, { v4: number[]; v6: string[] }>();
  const groupOf = (toldS: number) => {
    const group = groups.get(toldS) ?? { v4: [], v6: [] };
    groups.set(toldS, group);
    return group;
  };
  for (const [at, address] of told.addresses4.entries()) groupOf(told.told4[at] ?? 0).v4.push(address);
  for (const [address, toldS] of told.told6) groupOf(toldS).v6.push(address);
  return [...groups].map(([toldS, { v4, v6 }]) => ({ toldS, v4: packAddresses(Uint32Array.from(v4)), v6 }));
}

/** What `packTold` wrote; null when it is anything else, or holds what may not be blocked. */
export function unpackTold(packed: unknown, max: number): ToldAddresses | null {
  if (!Array.isArray(packed)) return null;
  const items: { address: number; toldS: number }[] = [];
  const told6 = new Map<string, number>();
  for (const group of packed as readonly unknown[]) {
    if (typeof group !== "object" || group === null) return null;
    const { toldS, v4, v6 } = group as Readonly<Record<string, unknown>>;
    const addresses4 = unpackAddresses(v4, max);
    if (typeof toldS !== "number" || !Number.isInteger(toldS) || toldS < 0 || toldS > 0xffff_ffff) return null;
    if (addresses4 === null || addresses4.some(isLocal4) || !Array.isArray(v6)) return null;
    for (const address of addresses4) items.push({ address, toldS });
    for (const text of v6 as readonly unknown[]) {
      const network = typeof text === "string" ? parseAddress(text) : null;
      if (network === null || network.family !== 6 || !isSingle(network) || isLocal(network)) return null;
      told6.set(formatNetwork(network), toldS);
    }
    if (items.length + told6.size > max) return null;
  }
  items.sort((a, b) => a.address - b.address);
  return {
    addresses4: Uint32Array.from(items, (item) => item.address),
    told4: Uint32Array.from(items, (item) => item.toldS),
    told6,
  };
}
