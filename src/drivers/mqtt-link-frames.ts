/**
 * MQTT's framing (MQTT 3.1.1 section 2.2): one byte of type and flags, then the remaining length in one to four bytes
 * of seven bits. The packages collect a packet until it is whole, and the length may be 256 MB; so packets are measured
 * here before anything collects them.
 */

/** Control packet types that matter here. */
export const CONNECT = 1;
export const PUBLISH = 3;

/** Why a stream of packets is not read any further. */
export type FrameFault = "too-long" | "malformed" | "not-wanted";

export interface FrameRules {
  /** Longest packet without its fixed header, bytes; asked for each packet. */
  longest(): number;
  /** Whether packets of this type, with these flags (the low four bits), may come at all. */
  wants(type: number, flags: number): boolean;
}

type Place = "first-byte" | "length" | "body";

/** Measures the packets of one connection as its bytes come; keeps none of them. */
export class FrameGuard {
  readonly #rules: FrameRules;
  #place: Place = "first-byte";
  #length = 0;
  #shift = 0;
  /** Bytes of the body that are still to come. */
  #left = 0;

  constructor(rules: FrameRules) {
    this.#rules = rules;
  }

  /** Takes the next bytes; answers what is wrong, or null. After a fault the connection has to go. */
  take(chunk: Uint8Array): FrameFault | null {
    let at = 0;
    while (at < chunk.length) {
      const byte = chunk[at] ?? 0;
      switch (this.#place) {
        case "first-byte":
          if (!this.#rules.wants(byte >> 4, byte & 0x0f)) return "not-wanted";
          [this.#place, this.#length, this.#shift] = ["length", 0, 0];
          at += 1;
          break;
        case "length":
          this.#length |= (byte & 0x7f) << this.#shift;
          this.#shift += 7;
          at += 1;
          if ((byte & 0x80) !== 0) {
            if (this.#shift >= 28) return "malformed";
            break;
          }
          if (this.#length > this.#rules.longest()) return "too-long";
          this.#left = this.#length;
          this.#place = this.#left === 0 ? "first-byte" : "body";
          break;
        case "body": {
          const step = Math.min(this.#left, chunk.length - at);
          this.#left -= step;
          at += step;
          if (this.#left === 0) this.#place = "first-byte";
          break;
        }
      }
    }
    return null;
  }
}

/** A publication of QoS 2: nobody here uses it, and its half-open handshakes cost memory. */
export function isQos2(type: number, flags: number): boolean {
  return type === PUBLISH && (flags & 0b0110) === 0b0100;
}
