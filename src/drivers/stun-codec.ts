/** A binding request and its answer, RFC 8489, as far as a client needs it to learn its address. */

const HEADER_BYTES = 20;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const MAGIC_COOKIE = 0x2112_a442;
const XOR_MAPPED_ADDRESS = 0x0020;
const IPV4 = 0x01;
/** The port without one in the name, section 18.6. */
export const STUN_PORT = 3478;
export const TRANSACTION_BYTES = 12;

/** Section 5: no attributes. `transaction` is random, of 12 bytes. */
export function encodeBinding(transaction: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, BINDING_REQUEST);
  view.setUint32(4, MAGIC_COOKIE);
  bytes.set(transaction.subarray(0, TRANSACTION_BYTES), 8);
  return bytes;
}

/** Our IPv4 address in a success response to this transaction; null for anything else. */
export function decodeBinding(bytes: Uint8Array, transaction: Uint8Array): string | null {
  if (bytes.length < HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint16(0) !== BINDING_SUCCESS || view.getUint32(4) !== MAGIC_COOKIE) return null;
  if (view.getUint16(2) !== bytes.length - HEADER_BYTES) return null;
  for (let at = 0; at < TRANSACTION_BYTES; at++) if (bytes[8 + at] !== transaction[at]) return null;
  let at = HEADER_BYTES;
  while (at + 4 <= bytes.length) {
    const length = view.getUint16(at + 2);
    const end = at + 4 + length;
    if (end > bytes.length) return null;
    if (view.getUint16(at) === XOR_MAPPED_ADDRESS && length === 8 && view.getUint8(at + 5) === IPV4) {
      const address = (view.getUint32(at + 8) ^ MAGIC_COOKIE) >>> 0;
      return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
    }
    // Attributes are padded to four bytes, section 14.
    at = end + ((4 - (length % 4)) % 4);
  }
  return null;
}

/** `HOST` or `HOST:PORT`; null when the port is none. */
export function parseStunServer(text: string): { readonly host: string; readonly port: number } | null {
  const [host = "", port, ...more] = text.split(":");
  if (host === "" || more.length > 0) return null;
  if (port === undefined) return { host, port: STUN_PORT };
  const number = /^[0-9]{1,5}$/.test(port) ? Number(port) : 0;
  return number >= 1 && number <= 65_535 ? { host, port: number } : null;
}
