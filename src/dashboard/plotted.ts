/** The hours that a plot shows: pure. */

const HOURS = [1, 3, 6, 12, 24] as const;

/** The shortest of the usual spans that holds so many minutes: a gateway that has just started shows one hour. */
export function plottedHours(minutes: number): number {
  return HOURS.find((hours) => minutes <= hours * 60) ?? 24;
}

/** First and last second of the horizontal scale; it ends with the last point. */
export function plottedRange(fromMs: number, stepMs: number, points: number): [fromS: number, toS: number] {
  const toMs = fromMs + Math.max(0, points - 1) * stepMs;
  return [toMs / 1_000 - plottedHours((points * stepMs) / 60_000) * 3_600, toMs / 1_000];
}

/** Steps of the horizontal scale, s: whole minutes, so that no two labels are alike. */
export const TIME_STEPS = [600, 1_200, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 43_200];
