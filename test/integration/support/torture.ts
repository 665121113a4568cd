import { invalidTorture } from "./torture-invalid.ts";
import type { TortureMessage, TortureScene } from "./torture-parts.ts";
import { validTorture } from "./torture-valid.ts";

export type { TortureMessage, TortureScene } from "./torture-parts.ts";

/** All 49 messages of RFC 4475, by its descriptions. */
export function tortureMessages(scene: TortureScene): TortureMessage[] {
  return [...validTorture(scene), ...invalidTorture(scene)];
}

/** A generator of the same numbers in every run, below a bound: Mulberry32. */
export function seeded(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return Math.floor((((word ^ (word >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** The same message, damaged: cut off somewhere, some bits turned over, a piece doubled or a run of one octet put in. */
export function mutated(bytes: Buffer, random: (below: number) => number): Buffer {
  const at = random(bytes.length);
  const piece = bytes.subarray(at, at + 1 + random(200));
  switch (random(4)) {
    case 0:
      return bytes.subarray(0, at);
    case 1: {
      const flipped = Buffer.from(bytes);
      for (let flips = 1 + random(16); flips > 0; flips--) {
        const where = random(flipped.length);
        flipped[where] = (flipped[where] ?? 0) ^ (1 << random(8));
      }
      return flipped;
    }
    case 2:
      return Buffer.concat([bytes.subarray(0, at), piece, piece, bytes.subarray(at)]);
    default: {
      const octet = [0, 9, 10, 13, 32, 34, 37, 44, 58, 59, 60, 255][random(12)] ?? 0;
      return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(1 + random(500), octet), bytes.subarray(at)]);
    }
  }
}

/** The message with a number of its own wherever it has a mark. */
export function numbered(bytes: Buffer, serial: number): Buffer {
  const number = serial.toString(16).padStart(8, "0");
  return Buffer.from(bytes.toString("latin1").replaceAll("########", number), "latin1");
}
