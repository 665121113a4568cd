import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PatternStep } from "../line/port.ts";
import { HOLD_TEXT, OPEN_TEXT, planPattern, wholeSteps } from "./led-pattern-text.ts";

const step = fc.record({ closed: fc.boolean(), ms: fc.double({ min: 0, max: 900, noNaN: true }) });

describe("the text of a pattern", () => {
  it("is a step per level, with the dead-man at the end", () => {
    expect(HOLD_TEXT).toBe("1 900 1 0 0 1 0 0\n");
    expect(OPEN_TEXT).toBe("0 1 0 0\n");
    const [chunk] = planPattern([
      { closed: false, ms: 67 },
      { closed: true, ms: 33 },
    ]);
    expect(chunk).toEqual({ text: "0 67 0 0 1 933 1 0 0 1 0 0\n", ms: 100, steps: 2 });
  });

  it("of no steps holds the loop", () => {
    expect(planPattern([])).toEqual([{ text: HOLD_TEXT, ms: 0, steps: 0 }]);
  });

  it("closes the loop after a break that ends a pattern", () => {
    expect(planPattern([{ closed: false, ms: 67 }])[0]?.text).toBe("0 67 0 0 1 900 1 0 0 1 0 0\n");
  });

  it("takes a whole digit 0 and the longest extension in one write", () => {
    const digit: PatternStep[] = Array.from({ length: 20 }, (_, at) => ({ closed: at % 2 === 1, ms: 50 }));
    const pause = { closed: true, ms: 800 };
    expect(planPattern([digit, pause, digit, pause, digit, pause, digit].flat())).toHaveLength(1);
  });

  it("refuses impulses without a pause that no write could take", () => {
    const steps = Array.from({ length: 500 }, (_, at) => ({ closed: at % 2 === 1, ms: 50 }));
    expect(() => planPattern(steps)).toThrowError(expect.objectContaining({ code: "pattern-too-long" }));
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("refuses a duration of %d", (ms) => {
    expect(() => wholeSteps([{ closed: true, ms }])).toThrow(RangeError);
  });

  it("keeps every edge to half a millisecond, has no empty step and alternates", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const whole = wholeSteps(steps);
        const total = steps.reduce((sum, { ms }) => sum + ms, 0);
        expect(Math.abs(whole.reduce((sum, { ms }) => sum + ms, 0) - total)).toBeLessThanOrEqual(0.5 + 1e-6);
        for (const [at, { closed, ms }] of whole.entries()) {
          expect(Number.isInteger(ms) && ms > 0).toBe(true);
          if (at > 0) expect(closed).not.toBe(whole[at - 1]?.closed);
        }
      }),
    );
  });

  it("stays within what one write can take, however it is divided, and loses no time", () => {
    const digit = fc
      .tuple(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 240, max: 2000 }))
      .map(([count, pause]) => [
        ...Array.from({ length: 2 * count - 1 }, (_, at) => ({ closed: at % 2 === 1, ms: 50 })),
        { closed: true, ms: pause },
      ]);
    fc.assert(
      fc.property(fc.array(digit, { minLength: 1, maxLength: 40 }), (digits) => {
        const chunks = planPattern(digits.flat());
        for (const { text } of chunks) {
          expect(text.length).toBeLessThanOrEqual(1_810);
          expect(text).toMatch(/^(?:([01]) [1-9]\d* \1 0 )*1 [1-9]\d{3,} 1 0 0 1 0 0\n$/);
        }
        const ms = digits.flat().reduce((sum, one) => sum + one.ms, 0);
        expect(chunks.reduce((sum, chunk) => sum + chunk.ms, 0)).toBe(ms);
      }),
    );
  });
});
