import { expect, it } from "vitest";
import { plottedHours, plottedRange, TIME_STEPS } from "./plotted.ts";

it.each([
  [0, 1],
  [3, 1],
  [60, 1],
  [61, 3],
  [181, 6],
  [361, 12],
  [721, 24],
  [1_440, 24],
])("%i minutes are shown in %i hours", (minutes, hours) => expect(plottedHours(minutes)).toBe(hours));

it("the scale ends with the last point, and is as long as the hours shown", () => {
  const fromMs = 1_700_000_000_000;
  const [from, to] = plottedRange(fromMs, 60_000, 3);
  expect(to).toBe(fromMs / 1_000 + 120);
  expect(to - from).toBe(3_600);
  expect(plottedRange(fromMs, 60_000, 0)).toEqual([fromMs / 1_000 - 3_600, fromMs / 1_000]);
});

it("no two labels are alike: every step is of whole minutes", () => {
  for (const step of TIME_STEPS) expect(step % 60).toBe(0);
});
