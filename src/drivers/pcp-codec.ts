import { formatNetwork, parseAddress } from "../base/ip.ts";

/** The wire format of PCP, RFC 6887, as far as MAP and ANNOUNCE go. IPv4 only, as mapped addresses. */

/** Port of the server, RFC 6887 section 19. Clients hear announcements at the next lower one. */
export const PCP_SERVER_PORT = 5351;
export const PCP_CLIENT_PORT = 5350;
export const NONCE_BYTES = 12;

const VERSION = 2;
const HEADER_BYTES = 24;
const MAP_BYTES = 36;
const OPCODE = { announce: 0, map: 1 } as const;
const RESPONSE = 0x80;
const PROTOCOL = { udp: 17, tcp: 6 } as const;
/** Option: refuse rather than give another port, section 13.2. */
const PREFER_FAILURE = 2;

/** Result codes, section 7.4. */
export const PCP_RESULT = {
  success: 0,
  unsupportedVersion: 1,
  notAuthorized: 2,
  malformed: 3,
  unsupportedOpcode: 4,
  unsupportedOption: 5,
  malformedOption: 6,
  networkFailure: 7,
  noResources: 8,
  unsupportedProtocol: 9,
  userQuota: 10,
  cannotProvide: 11,
  addressMismatch: 12,
  excessivePeers: 13,
} as const;

export interface PcpMapRequest {
  /** Our address. */
  readonly client: string;
  readonly protocol: "udp" | "tcp";
  readonly internalPort: number;
  readonly externalPort: number;
  /** Seconds; 0 takes the mapping away. */
  readonly lifetimeS: number;
  readonly nonce: Uint8Array;
  readonly preferFailure: boolean;
}

export interface PcpAnswer {
  readonly result: number;
  readonly lifetimeS: number;
  /** The server's clock, s since it lost its mappings. */
  readonly epochS: number;
  /** Null in an answer to ANNOUNCE. */
  readonly map: PcpMapAnswer | null;
}

export interface PcpMapAnswer {
  readonly nonce: Uint8Array;
  readonly protocol: number;
  readonly internalPort: number;
  readonly externalPort: number;
  readonly address: string;
}

export function encodeMap(request: PcpMapRequest): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + MAP_BYTES + (request.preferFailure ? 4 : 0));
  const view = new DataView(bytes.buffer);
  encodeHeader(view, OPCODE.map, request.lifetimeS, request.client);
  bytes.set(request.nonce.subarray(0, NONCE_BYTES), HEADER_BYTES);
  view.setUint8(36, PROTOCOL[request.protocol]);
  view.setUint16(40, request.internalPort);
  view.setUint16(42, request.externalPort);
  // No address suggested: all zeros after ::ffff, section 11.1.
  view.setUint16(54, 0xffff);
  if (request.preferFailure) view.setUint8(60, PREFER_FAILURE);
  return bytes;
}

/** Asks for no more than a sign of life, section 14.1. */
export function encodeAnnounce(client: string): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  encodeHeader(new DataView(bytes.buffer), OPCODE.announce, 0, client);
  return bytes;
}

function encodeHeader(view: DataView, opcode: number, lifetimeS: number, client: string): void {
  view.setUint8(0, VERSION);
  view.setUint8(1, opcode);
  view.setUint32(4, lifetimeS);
  view.setUint16(18, 0xffff);
  for (const [at, part] of client.split(".").entries()) view.setUint8(20 + at, Number(part));
}

/** An answer of a PCP server; null for anything that is none. Options are not looked at. */
export function decodePcp(bytes: Uint8Array): PcpAnswer | null {
  if (bytes.length < HEADER_BYTES || bytes.length % 4 !== 0) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint8(0) !== VERSION) return null;
  const opcode = view.getUint8(1);
  if ((opcode & RESPONSE) === 0) return null;
  const head = { result: view.getUint8(3), lifetimeS: view.getUint32(4), epochS: view.getUint32(8) };
  if (opcode === (RESPONSE | OPCODE.announce)) return { ...head, map: null };
  if (opcode !== (RESPONSE | OPCODE.map) || bytes.length < HEADER_BYTES + MAP_BYTES) return null;
  const groups = Array.from({ length: 8 }, (_, at) => view.getUint16(44 + 2 * at).toString(16));
  const address = parseAddress(groups.join(":"));
  if (address === null) return null;
  const map = {
    nonce: bytes.slice(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES),
    protocol: view.getUint8(36),
    internalPort: view.getUint16(40),
    externalPort: view.getUint16(42),
    address: formatNetwork(address),
  };
  return { ...head, map };
}

/** Whether an answer is the one to this request. */
export function answersMap(request: PcpMapRequest, map: PcpMapAnswer): boolean {
  return (
    map.internalPort === request.internalPort &&
    map.protocol === PROTOCOL[request.protocol] &&
    map.nonce.every((byte, at) => byte === request.nonce[at])
  );
}

/** A server of NAT-PMP says that it does not know PCP: version 0, result 1 (RFC 6887 section 9). */
export function refusesVersion(bytes: Uint8Array): boolean {
  if (bytes.length < 4) return false;
  const result = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
  return (bytes[0] === 0 && result === 1) || (bytes[0] === VERSION && bytes[3] === PCP_RESULT.unsupportedVersion);
}
