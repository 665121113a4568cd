import { describe, expect, it } from "vitest";
import { bool, list, MAX_TEXT, nullable, num, object, oneOf, record, str } from "./decode.ts";

const HOSTILE: readonly unknown[] = [undefined, null, 7, Number.NaN, "x", true, [], {}, [[]], Symbol("x"), () => 1];

describe("decoders", () => {
  it("take their own kind only", () => {
    for (const input of HOSTILE) {
      expect(str(input)?.value).toBe(typeof input === "string" ? input : undefined);
      expect(num(input)?.value).toBe(input === 7 ? 7 : undefined);
      expect(bool(input)?.value).toBe(input === true ? true : undefined);
      expect(oneOf(["x"])(input)?.value).toBe(input === "x" ? "x" : undefined);
      expect(nullable(num)(input)).toEqual(input === null ? { value: null } : num(input));
    }
    expect(num(Number.POSITIVE_INFINITY)).toBeNull();
  });

  it("cut long texts, lists and maps", () => {
    expect(str("a".repeat(5_000))?.value).toBe(`${"a".repeat(MAX_TEXT)}…`);
    expect(list(num, 3)([1, "2", 3, 4, 5])?.value).toEqual([1, 3]);
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, index]));
    expect(Object.keys(record(num, 5)(many)?.value ?? {})).toHaveLength(5);
  });

  it("want every field of an object as its own, and ignore others", () => {
    const point = object<{ x: number; y: number | null }>({ x: num, y: nullable(num) });
    expect(point({ x: 1, y: null, z: 3 })?.value).toEqual({ x: 1, y: null });
    expect(point({ x: 1 })).toBeNull();
    expect(point(Object.create({ x: 1, y: 2 }))).toBeNull();
    expect(point([1, 2])).toBeNull();
  });

  it("keep names of prototypes as plain names", () => {
    const read = record(num, 9)(JSON.parse('{"__proto__": 4, "constructor": 5}'))?.value ?? {};
    expect(Object.entries(read)).toEqual([
      ["__proto__", 4],
      ["constructor", 5],
    ]);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
  });
});
