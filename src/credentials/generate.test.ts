import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { generateSecret, generateUsername, SECRET_BITS } from "./generate.ts";

/** All values of a byte in turn: shows what the choice does with each. */
function countingBytes() {
  let next = 0;
  return (count: number) => Uint8Array.from({ length: count }, () => next++ % 256);
}

describe("secrets", () => {
  it("hold at least 128 bits", () => {
    expect(SECRET_BITS).toBeGreaterThanOrEqual(128);
    expect(new Set(Array.from({ length: 1000 }, () => generateSecret(randomBytes))).size).toBe(1000);
  });

  it("hold only letters and digits, and none that is mistaken for another", () => {
    const all = Array.from({ length: 500 }, () => generateSecret(randomBytes)).join("");
    expect(all).toMatch(/^[A-Za-z0-9]+$/);
    expect(all).not.toMatch(/[0Oo1Il]/);
  });

  it("use each character as often as any other", () => {
    const bytes = countingBytes();
    const counts = new Map<string, number>();
    // 56 * 4 = 224 of 256 byte values are usable; 24 * 28 = 672 characters are three whole rounds of them.
    for (const character of Array.from({ length: 28 }, () => generateSecret(bytes)).join("")) {
      counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    expect(counts.size).toBe(56);
    expect(Math.max(...counts.values()) - Math.min(...counts.values())).toBeLessThanOrEqual(4);
  });
});

describe("usernames", () => {
  it("begin with the account's name and are never only digits", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z][a-z0-9-]{0,23}$/), (name) => {
        const username = generateUsername(name, randomBytes);
        expect(username.startsWith(`${name}-`)).toBe(true);
        expect(username).toMatch(/^[a-z][a-z0-9-]+$/);
      }),
    );
  });

  it("are refused for a name of digits", () => {
    expect(() => generateUsername("4100", randomBytes)).toThrow(RangeError);
  });
});
