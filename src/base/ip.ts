/**
 * IP addresses and networks, both families alike. Pure: also for rooms that may not use Node's `net`.
 * Text forms: RFC 4291 section 2.2, written as RFC 5952 says.
 */

export interface IpNetwork {
  readonly family: 4 | 6;
  /** The network's first address; no bit behind the prefix is set. */
  readonly first: bigint;
  /** 0 to 32 or 128; at the family's full width it is a single address. */
  readonly prefix: number;
}

const WIDTH = { 4: 32, 6: 128 } as const;

/** A single address; null when the text is none. No leading zeros, no zone, no port. IPv4 in IPv6 is IPv4. */
export function parseAddress(text: string): IpNetwork | null {
  const v4 = parseV4(text);
  if (v4 !== null) return { family: 4, first: v4, prefix: 32 };
  const v6 = parseV6(text);
  if (v6 === null) return null;
  // ::ffff:0:0/96 is how a dual-stack socket shows IPv4 peers (RFC 4291 section 2.5.5.2).
  if (v6 >> 32n === 0xffffn) return { family: 4, first: v6 & 0xffff_ffffn, prefix: 32 };
  return { family: 6, first: v6, prefix: 128 };
}

/** An address or a network in CIDR form; bits behind the prefix are cleared. Null when the text is neither. */
export function parseNetwork(text: string): IpNetwork | null {
  const [address = "", length, ...more] = text.split("/");
  if (more.length > 0) return null;
  const whole = parseAddress(address);
  if (whole === null || length === undefined) return whole;
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(length)) return null;
  // A network of mapped addresses would change its family halfway through its length.
  if (whole.family === 4 && address.includes(":")) return null;
  const prefix = Number(length);
  const width = WIDTH[whole.family];
  if (prefix > width) return null;
  const host = BigInt(width - prefix);
  return { family: whole.family, first: (whole.first >> host) << host, prefix };
}

/** Canonical text: `192.0.2.1`, `192.0.2.0/24`, `2001:db8::1`, `2001:db8::/32`. */
export function formatNetwork(network: IpNetwork): string {
  const address = network.family === 4 ? formatV4(network.first) : formatV6(network.first);
  return isSingle(network) ? address : `${address}/${network.prefix}`;
}

export function isSingle(network: IpNetwork): boolean {
  return network.prefix === WIDTH[network.family];
}

/** Whether all of `inner` lies in `outer`. */
export function contains(outer: IpNetwork, inner: IpNetwork): boolean {
  if (outer.family !== inner.family || outer.prefix > inner.prefix) return false;
  const host = BigInt(WIDTH[outer.family] - outer.prefix);
  return inner.first >> host === outer.first >> host;
}

/** Whether they have an address in common. */
export function overlaps(one: IpNetwork, other: IpNetwork): boolean {
  return contains(one, other) || contains(other, one);
}

function parseV4(text: string): bigint | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  let value = 0n;
  for (const part of parts) {
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return null;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

function parseV6(text: string): bigint | null {
  if (!/^[0-9A-Fa-f:.]{2,45}$/.test(text)) return null;
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const groups = halves.map(groupsOf);
  const [head, tail] = groups;
  if (head === undefined || head === null || tail === null) return null;
  const given = head.length + (tail?.length ?? 0);
  if (tail === undefined ? given !== 8 : given > 7) return null;
  const all = [...head, ...Array.from({ length: 8 - given }, () => 0), ...(tail ?? [])];
  return all.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** The 16-bit groups of one side of `::`; the last may be an IPv4 address. */
function groupsOf(side: string): number[] | null {
  if (side === "") return [];
  const parts = side.split(":");
  const groups: number[] = [];
  for (const [at, part] of parts.entries()) {
    if (at === parts.length - 1 && part.includes(".")) {
      const v4 = parseV4(part);
      if (v4 === null) return null;
      groups.push(Number(v4 >> 16n), Number(v4 & 0xffffn));
    } else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return null;
  }
  return groups;
}

function formatV4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join(".");
}

function formatV6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, at) => Number((value >> BigInt(112 - 16 * at)) & 0xffffn));
  // The longest run of two or more zero groups becomes `::`, the first one of equals.
  let best = { at: 0, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.length < 2) return hex.join(":");
  return `${hex.slice(0, best.at).join(":")}::${hex.slice(best.at + best.length).join(":")}`;
}
