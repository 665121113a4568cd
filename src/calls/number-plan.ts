import {
  ambiguousOverlap,
  type DigitPattern,
  findCollisions,
  isMoreSpecific,
  matchDigits,
  parseDigitPattern,
  prefixCollision,
  wildcardPositions,
} from "../base/digit-pattern.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { Config, FromPaxRule, ToPaxRule } from "../config/schema.ts";
import { destinationOf, type Route } from "./destination.ts";

/**
 * What may be called. Invariants: a number that no rule lists is never routed; no complete number of one rule begins
 * a number of another, so a complete number routes at once, without waiting for a further digit; for a number called
 * from the network at most one rule counts, the most specific.
 */
export interface NumberPlan {
  /** What the digits that a PAX caller has dialled so far come to. */
  advance(digits: string): DialledNumber;
  /** Where a number called from the network leads in the PAX; null when it is not listed. */
  lookup(number: string): PaxRoute | null;
  /** Where a call goes when the PAX rings this subscriber line; null without a hotline. */
  hotline(line: string): Route | null;
}

export type DialledNumber =
  | { readonly type: "incomplete" }
  | ({ readonly type: "complete"; readonly rule: FromPaxRule } & Route)
  | { readonly type: "impossible" };

export interface PaxRoute {
  /** Digits to send to the PAX as impulses; null is second stage: the caller dials on with his keys. */
  readonly extension: string | null;
  /** Second stage: what he may dial, prefix-free. */
  readonly secondStage: readonly DigitPattern[];
  /** Line group to hunt over. */
  readonly group: string;
  readonly emergency: boolean;
  readonly rule: ToPaxRule;
}

/** Why a number plan cannot be used. `rules` are the places of the rules in their list. */
export interface PlanFault {
  readonly list: "fromPax" | "toPax" | "lines";
  readonly rules: readonly number[];
  readonly message: string;
}

/** The configuration's parts that the number plan is made of. */
export type PlanSource = Pick<Config, "numberPlan" | "trunks" | "lines">;

interface CompiledRule<R> {
  /** Place in its list. */
  readonly at: number;
  readonly rule: R;
  readonly pattern: DigitPattern;
}

/** Makes the number plan, or reports every reason why there is none. */
export function compileNumberPlan(source: PlanSource): Result<NumberPlan, readonly PlanFault[]> {
  const faults: PlanFault[] = [];
  const fromPax = compileRules("fromPax", source.numberPlan.fromPax, (rule) => rule.dial, prefixCollision, faults);
  const toPax = compileRules("toPax", source.numberPlan.toPax, (rule) => rule.number, ambiguousOverlap, faults);

  for (const { at, rule, pattern } of fromPax) {
    // Which digits are dialled makes no difference to whether a destination is well-formed: any of that length will do.
    const destination = destinationOf(rule, "0".repeat(pattern.length), source.trunks);
    if (!destination.ok) faults.push({ list: "fromPax", rules: [at], message: `"${rule.dial}": ${destination.error}` });
  }
  for (const { at, rule, pattern } of toPax) {
    const message = extensionFault(rule, pattern);
    if (message !== null) faults.push({ list: "toPax", rules: [at], message: `"${rule.number}": ${message}` });
  }

  const hotlines = new Map<string, Route>();
  for (const [at, line] of source.lines.entries()) {
    if (line.hotline === undefined) continue;
    const destination = destinationOf(line.hotline, "", source.trunks);
    if (destination.ok) hotlines.set(line.name, destination.value);
    else faults.push({ list: "lines", rules: [at], message: `hotline of "${line.name}": ${destination.error}` });
  }

  if (faults.length > 0) return fail(faults);
  return ok({
    advance: (digits) => advance(fromPax, digits, source.trunks),
    lookup: (number) => lookup(toPax, number),
    hotline: (line) => hotlines.get(line) ?? null,
  });
}

function compileRules<R>(
  list: "fromPax" | "toPax",
  rules: readonly R[],
  textOf: (rule: R) => string,
  collide: (a: DigitPattern, b: DigitPattern) => string | null,
  faults: PlanFault[],
): CompiledRule<R>[] {
  const patterns = rules.map((rule) => parseDigitPattern(textOf(rule)));
  const text = (at: number) => {
    const rule = rules[at];
    return rule === undefined ? "" : textOf(rule);
  };
  for (const [at, pattern] of patterns.entries()) {
    if (pattern === null) faults.push({ list, rules: [at], message: `"${text(at)}" is not a pattern of digits` });
  }
  for (const { first, second, digits } of findCollisions(patterns, collide)) {
    const message = `"${text(second)}" collides with "${text(first)}": ${digits} belongs to both`;
    faults.push({ list, rules: [first, second], message });
  }
  return rules.flatMap((rule, at) => {
    const pattern = patterns[at];
    return pattern ? [{ at, rule, pattern }] : [];
  });
}

function advance(
  rules: readonly CompiledRule<FromPaxRule>[],
  digits: string,
  trunks: PlanSource["trunks"],
): DialledNumber {
  let begins = false;
  for (const { rule, pattern } of rules) {
    const match = matchDigits(pattern, digits);
    if (match === "begins") begins = true;
    if (match !== "whole") continue;
    const destination = destinationOf(rule, digits, trunks);
    // Checked at compile time for every number of this length; nothing is called if it should fail all the same.
    return destination.ok ? { type: "complete", rule, ...destination.value } : { type: "impossible" };
  }
  return begins ? { type: "incomplete" } : { type: "impossible" };
}

function lookup(rules: readonly CompiledRule<ToPaxRule>[], number: string): PaxRoute | null {
  let best: CompiledRule<ToPaxRule> | null = null;
  for (const candidate of rules) {
    if (matchDigits(candidate.pattern, number) !== "whole") continue;
    if (best === null || isMoreSpecific(candidate.pattern, best.pattern)) best = candidate;
  }
  if (best === null) return null;
  const { rule, pattern } = best;
  const extension = rule.extension === undefined ? null : fillExtension(rule.extension, pattern, number);
  const secondStage = rule.secondStageDigits.map((text) => parseDigitPattern(text) ?? []);
  return { extension, secondStage, group: rule.group, emergency: rule.emergency, rule };
}

/** Whether digits keyed in the second stage are, or can become, a number that the rule lists. */
export function matchSecondStage({ secondStage }: PaxRoute, digits: string): "no" | "begins" | "whole" {
  const matches = secondStage.map((pattern) => matchDigits(pattern, digits));
  if (matches.includes("whole")) return "whole";
  return matches.includes("begins") ? "begins" : "no";
}

/** Puts the number's wildcard digits in the place of the extension's X's, the last to the last. */
function fillExtension(extension: string, pattern: DigitPattern, number: string): string {
  const wildcards = wildcardPositions(pattern).map((at) => number.charAt(at));
  let filled = "";
  for (const symbol of [...extension].reverse()) filled = (symbol === "X" ? (wildcards.pop() ?? "") : symbol) + filled;
  return filled;
}

function extensionFault(rule: ToPaxRule, pattern: DigitPattern): string | null {
  if ((rule.extension !== undefined) === rule.secondStage) return "needs either an extension or secondStage";
  const wanted = [...(rule.extension ?? "")].filter((symbol) => symbol === "X").length;
  const there = wildcardPositions(pattern).length;
  return wanted > there ? `the extension has ${wanted} X, the number only ${there} wildcards` : null;
}
