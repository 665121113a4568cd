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

/**
 * A rule that cannot be compiled. The configuration's check (`config/rules-plan.ts`) refuses the same ones and says why;
 * here nothing is made of them, so that the invariants do not hang on the check having been run.
 */
export interface PlanFault {
  /** As in the configuration, such as `numberPlan.toPax[2]`. */
  readonly place: string;
  readonly message: string;
}

/** The configuration's parts that the number plan is made of. */
export type PlanSource = Pick<Config, "numberPlan" | "trunks" | "lines">;

interface CompiledRule<R> {
  readonly rule: R;
  readonly pattern: DigitPattern;
}

/** Makes the number plan, or names every rule of which there is none to be made. */
export function compileNumberPlan(source: PlanSource): Result<NumberPlan, readonly PlanFault[]> {
  const { numberPlan, trunks, lines } = source;
  const faulty = new Set<string>();
  const fromPax = compileRules("fromPax", numberPlan.fromPax, (rule) => rule.dial, prefixCollision, faulty);
  const toPax = compileRules("toPax", numberPlan.toPax, (rule) => rule.number, ambiguousOverlap, faulty);

  for (const [at, rule] of numberPlan.fromPax.entries()) {
    // Which digits are dialled makes no difference to whether a destination is well-formed: any of that length will do.
    const dialled = "0".repeat(parseDigitPattern(rule.dial)?.length ?? 0);
    if (destinationOf(rule, dialled, trunks) === null) faulty.add(`numberPlan.fromPax[${at}]`);
  }
  for (const [at, rule] of numberPlan.toPax.entries()) {
    if (!canReachPax(rule)) faulty.add(`numberPlan.toPax[${at}]`);
  }
  const hotlines = new Map<string, Route>();
  for (const [at, { name, hotline }] of lines.entries()) {
    if (hotline === undefined) continue;
    const destination = destinationOf(hotline, "", trunks);
    if (destination !== null) hotlines.set(name, destination);
    else faulty.add(`lines[${at}].hotline`);
  }

  if (faulty.size > 0) return fail([...faulty].map((place) => ({ place, message: `${place} cannot be used` })));
  return ok({
    advance: (digits) => advance(fromPax, digits, trunks),
    lookup: (number) => lookup(toPax, number),
    hotline: (line) => hotlines.get(line) ?? null,
  });
}

function compileRules<R>(
  list: "fromPax" | "toPax",
  rules: readonly R[],
  textOf: (rule: R) => string,
  collide: (a: DigitPattern, b: DigitPattern) => string | null,
  faulty: Set<string>,
): CompiledRule<R>[] {
  const patterns = rules.map((rule) => parseDigitPattern(textOf(rule)));
  for (const { second } of findCollisions(patterns, collide)) faulty.add(`numberPlan.${list}[${second}]`);
  return rules.flatMap((rule, at) => {
    const pattern = patterns[at];
    if (pattern) return [{ rule, pattern }];
    faulty.add(`numberPlan.${list}[${at}]`);
    return [];
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
    return destination === null ? { type: "impossible" } : { type: "complete", rule, ...destination };
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

/** Whether the rule says in one way what to dial, and has the digits for it. */
function canReachPax({ number, extension, secondStage, secondStageDigits }: ToPaxRule): boolean {
  if ((extension !== undefined) === secondStage) return false;
  const keyed = secondStageDigits.map(parseDigitPattern);
  if (keyed.includes(null) || findCollisions(keyed, prefixCollision).length > 0) return false;
  const wanted = [...(extension ?? "")].filter((symbol) => symbol === "X").length;
  return wanted <= wildcardPositions(parseDigitPattern(number) ?? []).length;
}
