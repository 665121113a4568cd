/**
 * MD5 (RFC 1321), because HTTP digest authentication as chan_sip speaks it knows nothing else (RFC 2617, section
 * 3.2.2.2): with `md5secret` Asterisk's file holds the hash of a password and not the password. Pure, like the files
 * that are rendered with it; not for anything else.
 */

/** Per round: how far each of its four steps rotates (RFC 1321, section 3.4). */
const ROTATIONS = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
] as const;

/** The table T of section 3.4: integer parts of 2^32 times abs(sin(i)), i in radians. */
const SINES = Array.from({ length: 64 }, (_, at) => Math.floor(2 ** 32 * Math.abs(Math.sin(at + 1))));

/** Hash of a text's UTF-8 bytes, in lower-case hexadecimal. */
export function md5(text: string): string {
  const blocks = padded(new TextEncoder().encode(text));
  let state: readonly [number, number, number, number] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
  for (let at = 0; at < blocks.byteLength; at += 64) state = withBlock(state, blocks, at);
  const bytes = new DataView(new ArrayBuffer(16));
  for (const [at, word] of state.entries()) bytes.setUint32(4 * at, word >>> 0, true);
  return Array.from({ length: 16 }, (_, at) => bytes.getUint8(at).toString(16).padStart(2, "0")).join("");
}

/** The message, a single bit, zeros, and the length in bits, in whole blocks of 64 bytes (sections 3.1 and 3.2). */
function padded(message: Uint8Array): DataView {
  const bytes = new Uint8Array(Math.ceil((message.length + 9) / 64) * 64);
  bytes.set(message);
  bytes[message.length] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setBigUint64(bytes.length - 8, BigInt(message.length) * 8n, true);
  return view;
}

function withBlock(
  before: readonly [number, number, number, number],
  blocks: DataView,
  from: number,
): readonly [number, number, number, number] {
  let [a, b, c, d] = before;
  for (let step = 0; step < 64; step++) {
    const round = step >> 4;
    const [mixed, word] = mix(round, step, b, c, d);
    const sum = (a + mixed + (SINES[step] ?? 0) + blocks.getUint32(from + 4 * word, true)) >>> 0;
    const by = ROTATIONS[round]?.[step & 3] ?? 0;
    [a, d, c, b] = [d, c, b, (b + ((sum << by) | (sum >>> (32 - by)))) | 0];
  }
  return [(before[0] + a) | 0, (before[1] + b) | 0, (before[2] + c) | 0, (before[3] + d) | 0];
}

/** The functions F, G, H and I of section 3.4, and which word of the block the step takes. */
function mix(round: number, step: number, b: number, c: number, d: number): readonly [number, number] {
  if (round === 0) return [(b & c) | (~b & d), step];
  if (round === 1) return [(b & d) | (c & ~d), (5 * step + 1) % 16];
  if (round === 2) return [b ^ c ^ d, (3 * step + 5) % 16];
  return [c ^ (b | ~d), (7 * step) % 16];
}
