import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseNetwork } from "../base/ip.ts";
import { attribute, bySource, liesIn, risesSince, sourceOf } from "./evidence.ts";

const nobody = () => false;
const counts = (entries: Record<string, number>) => new Map(Object.entries(entries));

describe("a source", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["192.0.2.1/32", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8::1", "2001:db8::/64"],
    ["2001:DB8:0:0:ffff::/64", "2001:db8::/64"],
    ["192.0.2.0/24", null],
    ["2001:db8::/48", null],
    ["x", null],
  ])("of %s is %s", (text, source) => {
    expect(sourceOf(text)).toBe(source);
  });

  it("of IPv6 is trusted with any address in it", () => {
    const networks = ["2001:db8::5", "198.51.100.0/24"].flatMap((text) => parseNetwork(text) ?? []);
    expect(liesIn("2001:db8::/64", networks)).toBe(true);
    expect(liesIn("2001:db8:0:1::/64", networks)).toBe(false);
    expect(liesIn("198.51.100.7", networks)).toBe(true);
  });

  it("has the refusals of all its addresses", () => {
    expect(bySource(counts({ "2001:db8::1": 1, "2001:db8::2": 2, "192.0.2.1": 4, x: 8 }))).toEqual(
      counts({ "2001:db8::/64": 3, "192.0.2.1": 4 }),
    );
  });
});

describe("refusals since an earlier look", () => {
  it("are the difference, or all of them when the kernel had forgotten", () => {
    expect(risesSince(counts({ a: 2, b: 5, c: 1 }), counts({ a: 3, b: 1, c: 1, d: 4 }))).toEqual(
      counts({ a: 1, b: 1, d: 4 }),
    );
  });
});

describe("a proven failure", () => {
  it("is of the one whom Asterisk names and the kernel saw refused", () => {
    const { failures, left } = attribute(counts({ a: 2 }), counts({ a: 2, b: 3 }), nobody);
    expect(failures).toEqual(counts({ a: 2 }));
    expect(left.size).toBe(0);
  });

  it("is of the one whom the kernel saw refused when Asterisk names another", () => {
    expect(attribute(counts({ victim: 2 }), counts({ attacker: 2 }), nobody).failures).toEqual(counts({ attacker: 2 }));
  });

  it("is not of a trusted one that Asterisk does not name", () => {
    const { failures, left } = attribute(counts({ victim: 1 }), counts({ trunk: 9 }), (source) => source === "trunk");
    expect(failures.size).toBe(0);
    expect(left).toEqual(counts({ victim: 1 }));
  });

  it("is nobody's when the kernel saw nobody refused", () => {
    expect(attribute(counts({ victim: 3 }), new Map(), nobody)).toEqual({
      failures: new Map(),
      left: counts({ victim: 3 }),
      unused: new Map(),
    });
  });

  it("never makes more failures than there were events, nor than the source was refused", () => {
    const names = fc.constantFrom<string[]>("a", "b", "c", "d");
    const map = fc.array(fc.tuple(names, fc.integer({ min: 1, max: 9 }))).map((entries) => new Map(entries));
    fc.assert(
      fc.property(map, map, (named, rises) => {
        const { failures, left, unused } = attribute(named, rises, (source) => source === "d");
        const sum = (each: ReadonlyMap<string, number>) => [...each.values()].reduce((a, b) => a + b, 0);
        expect(sum(failures) + sum(left)).toBe(sum(named));
        expect(sum(failures) + sum(unused)).toBe(sum(rises));
        for (const [source, count] of failures) expect(count).toBeLessThanOrEqual(rises.get(source) ?? 0);
      }),
    );
  });
});
