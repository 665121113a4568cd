/** G.711: A-law and µ-law, by tables (ITU-T G.711). Samples are 16-bit linear, codes are bytes. */

/** Decodes one A-law code (with the standard's inversion of even bits). */
function alawToLinear(code: number): number {
  const c = code ^ 0x55;
  const exponent = (c >> 4) & 7;
  const mantissa = (c & 15) * 16 + 8;
  const magnitude = exponent === 0 ? mantissa : (mantissa + 256) << (exponent - 1);
  return c & 0x80 ? magnitude : -magnitude;
}

/** Decodes one µ-law code. */
function ulawToLinear(code: number): number {
  const c = ~code & 0xff;
  const magnitude = ((((c & 15) << 3) + 132) << ((c >> 4) & 7)) - 132;
  return c & 0x80 ? -magnitude : magnitude;
}

/** The code of every linear value at the law's resolution: the nearest decoded value, the smaller of two equally near. */
function encodeTable(decode: (code: number) => number, shift: number): Uint8Array {
  const codes = Array.from({ length: 256 }, (_, code) => code).sort((a, b) => decode(a) - decode(b));
  const table = new Uint8Array(65_536 >> shift);
  let at = 0;
  for (let index = 0; index < table.length; index++) {
    // Centre of the range of samples that share this entry.
    const linear = (index << shift) - 32_768 + (1 << shift) / 2;
    const distance = (position: number) => Math.abs(decode(codes[position] ?? 0) - linear);
    while (at < 255 && distance(at + 1) <= distance(at)) at++;
    table[index] = codes[at] ?? 0;
  }
  return table;
}

const alawDecode = Int16Array.from({ length: 256 }, (_, code) => alawToLinear(code));
const ulawDecode = Int16Array.from({ length: 256 }, (_, code) => ulawToLinear(code));
/** A-law has 13 bits of resolution, µ-law 14. */
const ALAW_SHIFT = 3;
const ULAW_SHIFT = 2;
const alawEncode = encodeTable(alawToLinear, ALAW_SHIFT);
const ulawEncode = encodeTable(ulawToLinear, ULAW_SHIFT);

export type G711Law = "alaw" | "ulaw";

/** Encodes `samples` into `codes` (as many as there are of the fewer). */
export function g711Encode(law: G711Law, samples: Int16Array, codes: Uint8Array): void {
  const table = law === "alaw" ? alawEncode : ulawEncode;
  const shift = law === "alaw" ? ALAW_SHIFT : ULAW_SHIFT;
  const count = Math.min(samples.length, codes.length);
  for (let n = 0; n < count; n++) codes[n] = table[((samples[n] ?? 0) + 32_768) >> shift] ?? 0;
}

/** Decodes `codes` into `samples` (as many as there are of the fewer). */
export function g711Decode(law: G711Law, codes: Uint8Array, samples: Int16Array): void {
  const table = law === "alaw" ? alawDecode : ulawDecode;
  const count = Math.min(samples.length, codes.length);
  for (let n = 0; n < count; n++) samples[n] = table[codes[n] ?? 0] ?? 0;
}

/** Copies `from` into `to` with a gain as a factor, limited to 16 bits. */
export function applyGain(from: Int16Array, to: Int16Array, factor: number): void {
  if (factor === 1) {
    to.set(from);
    return;
  }
  for (let n = 0; n < to.length; n++) {
    const x = Math.round((from[n] ?? 0) * factor);
    to[n] = x > 32_767 ? 32_767 : x < -32_768 ? -32_768 : x;
  }
}

/** The factor of a gain in decibels. */
export const gainFactor = (db: number): number => 10 ** (db / 20);
