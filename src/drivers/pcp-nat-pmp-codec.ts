/** The wire format of NAT-PMP, RFC 6886. */

const OPCODE = { address: 0, udp: 1, tcp: 2 } as const;
const RESPONSE = 128;

/** Result codes, section 3.5. */
export const NAT_PMP_RESULT = {
  success: 0,
  unsupportedVersion: 1,
  refused: 2,
  networkFailure: 3,
  noResources: 4,
  unsupportedOpcode: 5,
} as const;

export interface NatPmpMapRequest {
  readonly protocol: "udp" | "tcp";
  readonly internalPort: number;
  /** 0 together with a lifetime of 0 takes the mapping away, section 3.4. */
  readonly externalPort: number;
  /** Seconds. */
  readonly lifetimeS: number;
}

export type NatPmpAnswer =
  | { readonly kind: "address"; readonly result: number; readonly epochS: number; readonly address: string }
  | {
      readonly kind: "map";
      readonly result: number;
      readonly epochS: number;
      readonly protocol: "udp" | "tcp";
      readonly internalPort: number;
      readonly externalPort: number;
      readonly lifetimeS: number;
    }
  /** Version or operation refused: nothing but a header, or the question repeated. */
  | { readonly kind: "refused"; readonly result: number };

/** Section 3.2. */
export const ADDRESS_QUESTION: Uint8Array = new Uint8Array([0, OPCODE.address]);

/** Section 3.3. */
export function encodeNatPmpMap(request: NatPmpMapRequest): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint8(1, OPCODE[request.protocol]);
  view.setUint16(4, request.internalPort);
  view.setUint16(6, request.externalPort);
  view.setUint32(8, request.lifetimeS);
  return bytes;
}

/** An answer of a NAT-PMP server; null for anything that is none. */
export function decodeNatPmp(bytes: Uint8Array): NatPmpAnswer | null {
  if (bytes.length < 4 || bytes.length > 16) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const opcode = view.getUint8(1);
  if (opcode < RESPONSE) return null;
  const result = view.getUint16(2);
  if (view.getUint8(0) !== 0) return null;
  const what = opcode - RESPONSE;
  if (bytes.length === 12 && what === OPCODE.address) {
    return { kind: "address", result, epochS: view.getUint32(4), address: [...bytes.subarray(8, 12)].join(".") };
  }
  if (bytes.length === 16 && (what === OPCODE.udp || what === OPCODE.tcp)) {
    return {
      kind: "map",
      result,
      epochS: view.getUint32(4),
      protocol: what === OPCODE.udp ? "udp" : "tcp",
      internalPort: view.getUint16(8),
      externalPort: view.getUint16(10),
      lifetimeS: view.getUint32(12),
    };
  }
  return result === NAT_PMP_RESULT.success ? null : { kind: "refused", result };
}
