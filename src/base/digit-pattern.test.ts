import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ambiguousOverlap,
  type DigitPattern,
  findCollisions,
  isMoreSpecific,
  matchDigits,
  parseDigitPattern,
  prefixCollision,
  wildcardPositions,
} from "./digit-pattern.ts";

const parse = (text: string): DigitPattern => parseDigitPattern(text) ?? expect.fail(`not a pattern: ${text}`);

/** Patterns over the digits 0-2 only, so that every number of up to three digits can be tried. */
const smallPattern = fc
  .array(fc.constantFrom("0", "1", "2", "[01]", "[12]", "[0-2]", "[02]"), { minLength: 1, maxLength: 3 })
  .map((positions) => positions.join(""));

function numbersOf(length: number): string[] {
  return length === 0 ? [""] : numbersOf(length - 1).flatMap((front) => ["0", "1", "2"].map((digit) => front + digit));
}

const whole = (pattern: DigitPattern, length: number) =>
  numbersOf(length).filter((number) => matchDigits(pattern, number) === "whole");

describe("reading a pattern", () => {
  it.each([
    ["4XXX", "4123", "whole"],
    ["4XXX", "41", "begins"],
    ["4XXX", "41234", "no"],
    ["Z", "0", "no"],
    ["N", "1", "no"],
    ["N", "2", "whole"],
    ["[2-57]", "4", "whole"],
    ["[2-57]", "7", "whole"],
    ["[2-57]", "6", "no"],
    ["[27]1", "71", "whole"],
    ["X", "a", "no"],
    ["X", "", "begins"],
  ])("%s against %s: %s", (pattern, digits, outcome) => {
    expect(matchDigits(parse(pattern), digits)).toBe(outcome);
  });

  it.each(["", "A", "4x", "[", "[]", "[5-2]", "[-2]", "[2-]", "2]", "4 1", "+44", "4.", "_4X"])(
    "refuses %j",
    (text) => {
      expect(parseDigitPattern(text)).toBeNull();
    },
  );

  it("counts as wildcards only positions that leave a choice", () => {
    expect(wildcardPositions(parse("4X[3]Z[12]"))).toEqual([1, 3, 4]);
  });
});

describe("collisions", () => {
  it("agree with trying every number: a number of one begins a number of the other", () => {
    fc.assert(
      fc.property(smallPattern, smallPattern, (textA, textB) => {
        const [a, b] = [parse(textA), parse(textB)];
        const numbersA = whole(a, a.length);
        const numbersB = whole(b, b.length);
        const collides = numbersA.some((x) => numbersB.some((y) => x.startsWith(y) || y.startsWith(x)));
        const example = prefixCollision(a, b);
        expect(example !== null).toBe(collides);
        if (example !== null) {
          expect(matchDigits(a, example)).not.toBe("no");
          expect(matchDigits(b, example)).not.toBe("no");
        }
      }),
    );
  });

  it("of whole numbers agree with trying every number, and the subset is the more specific", () => {
    fc.assert(
      fc.property(smallPattern, smallPattern, (textA, textB) => {
        const [a, b] = [parse(textA), parse(textB)];
        const numbersA = whole(a, a.length);
        const numbersB = whole(b, b.length);
        const common = numbersA.filter((number) => numbersB.includes(number)).length;
        const aInB = common === numbersA.length && common < numbersB.length;
        const bInA = common === numbersB.length && common < numbersA.length;
        expect(isMoreSpecific(a, b)).toBe(aInB);
        expect(ambiguousOverlap(a, b) !== null).toBe(common > 0 && !aInB && !bInA);
      }),
    );
  });

  it("are reported once for each colliding rule, against the first it collides with", () => {
    const patterns = ["1X", "2", "11", "1", "3"].map(parse);
    expect(findCollisions(patterns, prefixCollision)).toEqual([
      { first: 0, second: 2, digits: "11" },
      { first: 0, second: 3, digits: "1" },
    ]);
  });
});
