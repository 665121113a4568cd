import type { Packet } from "../integration/support/pcap.ts";

/** Sequence number of an RTP packet (RFC 3550 section 5.1); null for what is none, RTCP too. */
export function sequenceOf({ payload }: Packet): number | null {
  const [first = 0, type = 0, high = 0, low = 0] = [0, 1, 2, 3].map((at) => payload.charCodeAt(at));
  // RTCP's types 200-204, without the highest bit (RFC 5761 section 4).
  const rtcp = (type & 127) >= 72 && (type & 127) <= 76;
  return payload.length < 12 || first >> 6 !== 2 || rtcp ? null : high * 256 + low;
}

/** Share of a stream's packets that are not among these, by sequence numbers, percent. NaN of fewer than two packets. */
export function lossPercent(packets: readonly Packet[]): number {
  const numbers: number[] = [];
  for (const packet of packets) {
    const sequence = sequenceOf(packet);
    if (sequence === null) continue;
    const last = numbers.at(-1) ?? sequence;
    // The nearest number that has these 16 bits: they begin anew after 65535.
    numbers.push(last + ((sequence - last + 32_768) & 65_535) - 32_768);
  }
  if (numbers.length < 2) return Number.NaN;
  // A new stream may begin anywhere; a call's own is one.
  const [least, most] = [numbers.reduce((a, b) => Math.min(a, b)), numbers.reduce((a, b) => Math.max(a, b))];
  return 100 * (1 - new Set(numbers).size / (most - least + 1));
}

/** Longest time between two of these, ms. */
export function longestGapMs(packets: readonly Packet[]): number {
  let longest = 0;
  let before: number | undefined;
  for (const { atMs } of packets) {
    if (before !== undefined) longest = Math.max(longest, atMs - before);
    before = atMs;
  }
  return longest;
}
