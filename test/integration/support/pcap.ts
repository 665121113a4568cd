/** One IP packet with UDP or TCP in it. */
export interface Packet {
  /** Since the epoch, by the kernel's clock; to the microsecond, ms. */
  readonly atMs: number;
  readonly proto: "udp" | "tcp";
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  /** Octets on the wire from the IP header on. */
  readonly length: number;
  /** TCP flags, RFC 9293 section 3.1; 0 for UDP. */
  readonly flags: number;
  /** As far as it was kept, Latin-1. */
  readonly payload: string;
}

interface PcapRecord {
  readonly atMs: number;
  readonly linkType: number;
  readonly data: Buffer;
}

/** Magic of a pcap file with nanoseconds, in the machine's order of octets (both of Debian's are little-endian). */
const MAGIC_NANO = 0xa1b23c4d;

/** Reads a pcap stream, whatever pieces it comes in. Errors: not such a stream. */
export class PcapReader {
  #rest: Buffer = Buffer.alloc(0);
  #linkType: number | null = null;

  *feed(chunk: Buffer): Generator<PcapRecord> {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    if (this.#linkType === null) {
      if (data.length < 24) {
        this.#rest = data;
        return;
      }
      if (data.readUInt32LE(0) !== MAGIC_NANO) throw new Error("no pcap stream with nanoseconds");
      this.#linkType = data.readUInt32LE(20) & 0xffff;
      at = 24;
    }
    while (data.length - at >= 16) {
      const length = data.readUInt32LE(at + 8);
      if (data.length - at - 16 < length) break;
      const atMs = data.readUInt32LE(at) * 1_000 + data.readUInt32LE(at + 4) / 1e6;
      yield { atMs, linkType: this.#linkType, data: data.subarray(at + 16, at + 16 + length) };
      at += 16 + length;
    }
    this.#rest = Buffer.from(data.subarray(at));
  }
}

/** Octets before the IP header: Ethernet, Linux cooked v1 and v2, none (LINKTYPE_ values of the pcap format). */
const LINK_HEADERS = new Map([
  [1, 14],
  [113, 16],
  [276, 20],
  [101, 0],
]);

/** Null for what is not UDP or TCP, is a fragment, or was cut off within its headers. */
export function decodePacket({ atMs, linkType, data }: PcapRecord): Packet | null {
  const link = LINK_HEADERS.get(linkType);
  if (link === undefined) throw new Error(`unknown link type ${linkType}`);
  const ip = data.subarray(link);
  const version = (ip[0] ?? 0) >> 4;
  if (version === 4 && ip.length >= 20 && (ip.readUInt16BE(6) & 0x3fff) === 0) {
    const addresses = { from: ip.subarray(12, 16).join("."), to: ip.subarray(16, 20).join(".") };
    const body = ip.subarray(((ip[0] ?? 0) & 15) * 4, ip.readUInt16BE(2));
    return decodeBody(ip[9], body, { atMs, ...addresses, length: ip.readUInt16BE(2) });
  }
  if (version === 6 && ip.length >= 40) {
    const addresses = { from: six(ip.subarray(8, 24)), to: six(ip.subarray(24, 40)) };
    const length = 40 + ip.readUInt16BE(4);
    return decodeBody(ip[6], ip.subarray(40, length), { atMs, ...addresses, length });
  }
  return null;
}

function decodeBody(
  protocol: number | undefined,
  body: Buffer,
  known: Pick<Packet, "atMs" | "from" | "to" | "length">,
): Packet | null {
  const header = protocol === 17 ? 8 : protocol === 6 && body.length >= 20 ? ((body[12] ?? 0) >> 4) * 4 : null;
  if (header === null || body.length < header) return null;
  return {
    ...known,
    proto: protocol === 17 ? "udp" : "tcp",
    fromPort: body.readUInt16BE(0),
    toPort: body.readUInt16BE(2),
    flags: protocol === 6 ? (body[13] ?? 0) : 0,
    payload: body.toString("latin1", header),
  };
}

/** RFC 5952 in short: the platform's own URL parser knows it. */
function six(address: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, at) => address.readUInt16BE(at * 2).toString(16));
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
