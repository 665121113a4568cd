import { contains, formatNetwork, type IpNetwork, parseAddress } from "../base/ip.ts";
import {
  covers4,
  indexNetworks,
  type NetworkIndex,
  outermost,
  overlapsAny,
  sortedUnique,
  uncovered,
} from "./address-set.ts";
import { type ListEntries, type ListOrigin, MAX_ADDRESSES, MAX_NETWORKS } from "./block-list.ts";
import type { BlockedSources } from "./types.ts";

/** Joins all lists into one, and takes out what our own lists protect. */

export interface Protected {
  /** Trunks and operators: never blocked, by whatever list. */
  readonly trusted: readonly IpNetwork[];
  /** Where SIP may come from: not blocked by lists from elsewhere; our own file may name single sources in it. */
  readonly allowed: readonly IpNetwork[];
}

/** `Protected`, ready for many questions. */
export interface Protection {
  readonly trusted: NetworkIndex;
  readonly allowed: NetworkIndex;
  readonly allowedNetworks: readonly IpNetwork[];
}

export function protection({ trusted, allowed }: Protected): Protection {
  return { trusted: indexNetworks(trusted), allowed: indexNetworks(allowed), allowedNetworks: outermost(allowed) };
}

export function protects4({ trusted, allowed }: Protection, address: number, origin: ListOrigin): boolean {
  return covers4(trusted, address) || (origin === "stranger" && covers4(allowed, address));
}

export function protects(guard: Protection, network: IpNetwork, origin: ListOrigin): boolean {
  if (overlapsAny(guard.trusted, network)) return true;
  if (!overlapsAny(guard.allowed, network)) return false;
  // A network that takes in all of ours is a mistake, also in our own file.
  return origin === "stranger" || guard.allowedNetworks.some((ours) => contains(network, ours));
}

export interface ListPart {
  readonly entries: ListEntries;
  readonly origin: ListOrigin;
}

/** What became of one list's entries. */
export interface PartCounts {
  readonly blocked: number;
  readonly skipped: number;
  /** Had no more room. */
  readonly over: number;
}

export interface Union {
  readonly blocked: BlockedSources;
  readonly counts: readonly PartCounts[];
}

/** Earlier lists come first where room is short. */
export function unite(parts: readonly ListPart[], guard: Protection): Union {
  const networks: IpNetwork[] = [];
  const fours: Uint32Array[] = [];
  const sixes = new Set<string>();
  const counts: PartCounts[] = [];
  let room = MAX_ADDRESSES;
  for (const { entries, origin } of parts) {
    const keptNetworks = entries.networks.filter((network) => !protects(guard, network, origin));
    const notTrusted = uncovered(entries.addresses4, guard.trusted);
    const four = origin === "stranger" ? uncovered(notTrusted, guard.allowed) : notTrusted;
    const six = entries.addresses6.filter((text) => {
      const address = parseAddress(text);
      return address !== null && !protects(guard, address, origin);
    });
    const takenNetworks = keptNetworks.slice(0, MAX_NETWORKS - networks.length);
    const taken4 = four.subarray(0, room);
    const taken6 = six.slice(0, room - taken4.length);
    room -= taken4.length + taken6.length;
    networks.push(...takenNetworks);
    fours.push(taken4);
    for (const text of taken6) sixes.add(text);
    const blocked = takenNetworks.length + taken4.length + taken6.length;
    const wanted = keptNetworks.length + four.length + six.length;
    const all = entries.networks.length + entries.addresses4.length + entries.addresses6.length;
    counts.push({ blocked, skipped: all - wanted, over: wanted - blocked });
  }
  const outer = outermost(networks);
  const index = indexNetworks(outer);
  return {
    blocked: {
      addresses4: uncovered(sortedUnique(concatenated(fours)), index),
      addresses6: [...sixes].sort().filter((text) => {
        const address = parseAddress(text);
        return address !== null && !overlapsAny(index, address);
      }),
      networks: outer.map((network) => formatNetwork(network)),
    },
    counts,
  };
}

export function sameBlocked(one: BlockedSources, other: BlockedSources): boolean {
  return (
    sameItems(one.addresses4, other.addresses4) &&
    sameItems(one.addresses6, other.addresses6) &&
    sameItems(one.networks, other.networks)
  );
}

function sameItems(one: ArrayLike<number | string>, other: ArrayLike<number | string>): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

function concatenated(arrays: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}
