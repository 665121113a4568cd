/** First wait after a failure, ms, and the longest. */
const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;
/** A connection that lasted so long was a good one, ms: the next failure is a new one. */
export const GOOD_MS = 30_000;

/**
 * How long to wait before the next attempt, ms: doubled each time, and spread over its upper half so that the gateways
 * of a fleet do not all come back to a restarted broker at once. `failures`: those in a row, from 1. `random`: 0 to 1.
 */
export function waitAfter(failures: number, random: number): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 16));
  return full / 2 + (full / 2) * random;
}
