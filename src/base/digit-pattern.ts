/**
 * Patterns of dialled digits and how two of them can collide. Shared by the configuration's checks and the number
 * plan, so that what is refused at load and what would be ambiguous in a call are the same thing by construction.
 */

/** One set of digits per position; bit n stands for digit n. Never empty, and no set is empty. */
export type DigitPattern = readonly number[];

const ANY = 0b11_1111_1111;
const NAMED: Readonly<Record<string, number>> = { X: ANY, Z: ANY & ~0b1, N: ANY & ~0b11 };
const POSITION = /\[([0-9-]+)\]|([0-9XZN])/y;

/**
 * Reads `0`-`9`, `X` (0-9), `Z` (1-9), `N` (2-9) and sets such as `[2-5]`, `[27]` or `[2-57]`.
 * Null for anything else, also for a range that runs backwards (`[5-2]`).
 */
export function parseDigitPattern(text: string): DigitPattern | null {
  const sets: number[] = [];
  POSITION.lastIndex = 0;
  while (POSITION.lastIndex < text.length) {
    const found = POSITION.exec(text);
    if (found === null) return null;
    const set = found[1] === undefined ? singleSet(found[2] ?? "") : bracketSet(found[1]);
    if (set === 0) return null;
    sets.push(set);
  }
  return sets.length === 0 ? null : sets;
}

function singleSet(symbol: string): number {
  return NAMED[symbol] ?? 1 << Number(symbol);
}

function bracketSet(inside: string): number {
  if (!/^(?:[0-9](?:-[0-9])?)+$/.test(inside)) return 0;
  let set = 0;
  for (const [, from, to] of inside.matchAll(/([0-9])(?:-([0-9]))?/g)) {
    const last = Number(to ?? from);
    if (last < Number(from)) return 0;
    for (let digit = Number(from); digit <= last; digit++) set |= 1 << digit;
  }
  return set;
}

/** Whether the digits begin like the pattern; `whole` when they are also as long as it. */
export function matchDigits(pattern: DigitPattern, digits: string): "no" | "begins" | "whole" {
  if (digits.length > pattern.length) return "no";
  for (let at = 0; at < digits.length; at++) {
    const digit = digits.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9 || ((pattern[at] ?? 0) & (1 << digit)) === 0) return "no";
  }
  return digits.length === pattern.length ? "whole" : "begins";
}

/** Positions that stand for more than one digit: the ones whose dialled digit an extension's `X` can take. */
export function wildcardPositions(pattern: DigitPattern): number[] {
  return pattern.flatMap((set, at) => ((set & (set - 1)) === 0 ? [] : [at]));
}

/**
 * Digits that are a whole number of the shorter pattern and at the same time a number, or the beginning of one, of
 * the longer: where a caller's dialling would be ambiguous. Null when there are none. Equal lengths are compared whole.
 */
export function prefixCollision(a: DigitPattern, b: DigitPattern): string | null {
  let digits = "";
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const common = (a[at] ?? 0) & (b[at] ?? 0);
    if (common === 0) return null;
    digits += lowestDigit(common);
  }
  return digits;
}

/**
 * A whole number that both patterns match although neither is more specific than the other, so that "the more
 * specific one counts" gives no answer. Null when there is none. Identical patterns collide.
 */
export function ambiguousOverlap(a: DigitPattern, b: DigitPattern): string | null {
  if (a.length !== b.length) return null;
  const digits = prefixCollision(a, b);
  if (digits === null) return null;
  return isMoreSpecific(a, b) || isMoreSpecific(b, a) ? null : digits;
}

/** Whether everything that `a` matches is also matched by `b`, which matches more. */
export function isMoreSpecific(a: DigitPattern, b: DigitPattern): boolean {
  if (a.length !== b.length) return false;
  let narrower = false;
  for (let at = 0; at < a.length; at++) {
    const ours = a[at] ?? 0;
    const theirs = b[at] ?? 0;
    if ((ours & ~theirs) !== 0) return false;
    if (ours !== theirs) narrower = true;
  }
  return narrower;
}

/** Two patterns of a list that collide, by their places in it. */
export interface Collision {
  readonly first: number;
  readonly second: number;
  /** Digits that belong to both. */
  readonly digits: string;
}

/**
 * For every pattern that collides with an earlier one, the first such collision: one report per faulty rule, so that
 * the report stays readable when a wide pattern collides with hundreds. Nulls (unreadable patterns) are passed over.
 */
export function findCollisions(
  patterns: readonly (DigitPattern | null)[],
  collide: (a: DigitPattern, b: DigitPattern) => string | null,
): Collision[] {
  const found: Collision[] = [];
  for (const [second, later] of patterns.entries()) {
    if (later === null) continue;
    for (let first = 0; first < second; first++) {
      const earlier = patterns[first];
      const digits = earlier ? collide(earlier, later) : null;
      if (digits === null) continue;
      found.push({ first, second, digits });
      break;
    }
  }
  return found;
}

function lowestDigit(set: number): string {
  return String(31 - Math.clz32(set & -set));
}
