import { GatewayError } from "../base/errors.ts";
import { DEAD_MAN_MS, type PatternStep } from "../line/port.ts";

/**
 * The text that the LED class's `pattern` trigger takes in `hr_pattern`: tuples of brightness and duration (ms). Between
 * two tuples of different brightness the kernel fades; a tuple of length zero between them makes it a step.
 *
 * Invariants:
 * - Every text ends with the loop closed for the dead-man's time, and then open: a silent supervisor drops the line.
 * - No duration of a step is zero: the kernel would pass it over and shift what follows.
 */

/** Most tuples and bytes that the kernel was seen to take in one write (Linux 6.12). */
const MAX_TUPLES = 800;
const MAX_BYTES = 1_810;
/** A make at least this long is a pause between digits: the one place where a few ms more do no harm (SIN 351: 240). */
const SPLIT_PAUSE_MS = 200;

/** Opens the loop. */
export const OPEN_TEXT = "0 1 0 0\n";
/** Closes the loop until the dead-man's time is over. */
export const HOLD_TEXT = `${tuples(true, DEAD_MAN_MS)} ${OPEN_TEXT}`;

/** Steps that go to the kernel in one write. */
export interface PatternChunk {
  readonly text: string;
  /** Duration, ms, without the dead-man's tail. */
  readonly ms: number;
  /** Changes of level that the kernel times. */
  readonly steps: number;
}

/**
 * Steps in whole milliseconds, neighbours of one level joined. Each *edge* is rounded, not each length, so that none
 * is more than 0.5 ms off however long the pattern is.
 *
 * @throws RangeError for a duration that is negative or no number
 */
export function wholeSteps(steps: readonly PatternStep[]): PatternStep[] {
  const whole: PatternStep[] = [];
  let exact = 0;
  let done = 0;
  for (const { closed, ms } of steps) {
    if (!(ms >= 0 && Number.isFinite(ms))) throw new RangeError(`not a duration: ${ms} ms`);
    exact += ms;
    const length = Math.round(exact) - done;
    if (length === 0) continue;
    done += length;
    const last = whole.at(-1);
    if (last?.closed === closed) whole[whole.length - 1] = { closed, ms: last.ms + length };
    else whole.push({ closed, ms: length });
  }
  return whole;
}

/**
 * The pattern as one text, or as several when it is longer than the kernel takes: then divided in the pauses between
 * digits, the next one to be written when the one before has played.
 *
 * @throws GatewayError `pattern-too-long`: more impulses without a pause than fit; no digit has so many
 */
export function planPattern(steps: readonly PatternStep[]): PatternChunk[] {
  const chunks: PatternChunk[] = [];
  let taken: PatternStep[] = [];
  for (const digit of divide(wholeSteps(steps))) {
    if (taken.length > 0 && !fits([...taken, ...digit])) {
      chunks.push(chunk(taken));
      taken = [];
    }
    taken.push(...digit);
    if (!fits(taken)) {
      throw new GatewayError("pattern-too-long", "a pattern without a pause is longer than the kernel takes", {
        details: { steps: taken.length },
      });
    }
  }
  chunks.push(chunk(taken));
  return chunks;
}

function divide(steps: readonly PatternStep[]): PatternStep[][] {
  const parts: PatternStep[][] = [[]];
  for (const step of steps) {
    parts.at(-1)?.push(step);
    if (step.closed && step.ms >= SPLIT_PAUSE_MS) parts.push([]);
  }
  return parts.filter((part) => part.length > 0);
}

function fits(steps: readonly PatternStep[]): boolean {
  // Two tuples a step, four of the tail. The text is ASCII: its length is its bytes.
  return 2 * steps.length + 4 <= MAX_TUPLES && chunk(steps).text.length <= MAX_BYTES;
}

function chunk(steps: readonly PatternStep[]): PatternChunk {
  const played = wholeSteps([...steps, { closed: true, ms: DEAD_MAN_MS }]);
  return {
    text: `${played.map(({ closed, ms }) => tuples(closed, ms)).join(" ")} ${OPEN_TEXT}`,
    ms: steps.reduce((sum, step) => sum + step.ms, 0),
    steps: steps.length,
  };
}

function tuples(closed: boolean, ms: number): string {
  const level = closed ? 1 : 0;
  return `${level} ${ms} ${level} 0`;
}
