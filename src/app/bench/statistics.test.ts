import { describe, expect, it } from "vitest";
import { joinRuns, judge } from "./finding.ts";
import { median, quantile } from "./statistics.ts";

const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);

describe("quantile and median", () => {
  it("take the nearest rank and the middle", () => {
    expect(quantile(hundred, 0.5)).toBe(50);
    expect(quantile(hundred, 0.99)).toBe(99);
    expect(quantile(hundred, 1)).toBe(100);
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });

  it("are no number when there is nothing", () => {
    expect(quantile([], 0.5)).toBeNaN();
    expect(median([])).toBeNaN();
  });
});

describe("a figure's verdict", () => {
  const figure = { name: "a", unit: "ms", values: [1, 2, 9] };
  it("judges the median, or every run", () => {
    expect(judge({ ...figure, goal: { most: 2, of: "median" } }).verdict).toBe("met");
    expect(judge({ ...figure, goal: { most: 2, of: "worst" } }).verdict).toBe("missed");
    expect(judge({ ...figure, goal: null }).verdict).toBe("told");
  });

  it("is missed when nothing was measured, or no number", () => {
    expect(judge({ ...figure, values: [], goal: { most: 2, of: "median" } }).verdict).toBe("missed");
    expect(judge({ ...figure, values: [1, Number.NaN, 1], goal: { most: 2, of: "worst" } }).verdict).toBe("missed");
  });

  it("is of all runs together", () => {
    const joined = joinRuns([[{ ...figure, goal: null, values: [1] }], [{ ...figure, goal: null, values: [5] }]]);
    expect(joined).toEqual([{ ...figure, goal: null, values: [1, 5] }]);
  });
});
