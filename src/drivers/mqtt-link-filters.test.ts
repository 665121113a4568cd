import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { covers, fits, widest } from "./mqtt-link-filters.ts";

describe("a filter", () => {
  it.each([
    ["a/b", "a/b", true],
    ["a/b", "a/c", false],
    ["a/b", "a", false],
    ["a", "a/b", false],
    ["+/b", "a/b", true],
    ["+", "a/b", false],
    ["a/+", "a", false],
    ["a/#", "a/b/c", true],
    ["a/#", "a", true],
    ["a/#", "b", false],
    ["#", "a/b", true],
  ])("%s and the topic %s: %s", (filter, topic, expected) => {
    expect(fits(filter, topic)).toBe(expected);
  });

  it("that covers another fits whatever the other fits", () => {
    const level = fc.constantFrom("a", "b", "+");
    const filter = fc
      .tuple(fc.array(level, { minLength: 1, maxLength: 4 }), fc.boolean())
      .map(([levels, all]) => [...levels, ...(all ? ["#"] : [])].join("/"));
    const topic = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 5 }).map((all) => all.join("/"));
    fc.assert(
      fc.property(filter, filter, topic, (wide, narrow, one) => {
        if (covers(wide, narrow) && fits(narrow, one)) expect(fits(wide, one)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("is asked of the broker only when no wider one is", () => {
    expect(widest(["p/s/#", "p/s/request/#", "p/+/availability", "p/s/#"])).toEqual(["p/s/#", "p/+/availability"]);
    expect(widest(["p/s/request/#", "p/#", "p/+/x"])).toEqual(["p/#"]);
  });
});
