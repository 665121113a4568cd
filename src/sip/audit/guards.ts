import { keyOf } from "./environment.ts";
import { partsOf, referenceOf, splitOutside } from "./expression.ts";
import { bounded, filterList, regexAllows, restricted, SPECIAL, type Value } from "./value.ts";

/** What a condition proves about a variable when it holds, or when it does not. */
export interface Fact {
  readonly key: string;
  readonly when: boolean;
  readonly apply: (value: Value) => Value;
}

/** Brackets and negations within each other that are looked into. */
const MAX_NESTING = 20;

/**
 * What a condition proves: `"${FILTER(0-9,${X})}" = "${X}"`, `"${X}" = "text"`, `${REGEX("^[0-9]+$" ${X})}`,
 * `"${X}" =~ "^[0-9]+$"`, a comparison of `${LEN(${X})}`; these negated, joined by `&`, or by `|`.
 */
export function factsOf(condition: string, nesting = 0): Fact[] {
  if (nesting > MAX_NESTING) return [];
  const inner = (part: string) => factsOf(part, nesting + 1);
  const text = condition.trim();
  const [only, more] = partsOf(text);
  if (only?.kind === "expression" && more === undefined) return inner(only.inner);
  if (/^\(.*\)$/s.test(text) && splitOutside(text.slice(1), ")").length === 2) return inner(text.slice(1, -1));
  const parts = (separator: string) => splitOutside(text, separator).filter((part) => part.trim() !== "");
  // Of "one or the other" only the refusal says something about each.
  const alternatives = parts("|");
  if (alternatives.length > 1) return alternatives.flatMap(inner).filter(({ when }) => !when);
  const together = parts("&");
  if (together.length > 1) return together.flatMap(inner).filter(({ when }) => when);
  if (text.startsWith("!") && !text.startsWith("!=")) return negated(inner(text.slice(1)));
  return [...comparison(text), ...lengths(text)];
}

const negated = (facts: readonly Fact[]): Fact[] => facts.map((fact) => ({ ...fact, when: !fact.when }));

function comparison(text: string): Fact[] {
  for (const operator of ["!=", "=~", "==", "="]) {
    const [left, right, rest] = splitOutside(text, operator);
    if (left === undefined || right === undefined) continue;
    if (rest !== undefined || /[<>]$/.test(left.trimEnd())) return [];
    const [one, other] = [unquoted(left), unquoted(right)];
    if (operator === "=~") return matches(one, other);
    const facts = [...equal(one, other), ...equal(other, one)];
    return operator === "!=" ? negated(facts) : facts;
  }
  const [left, right] = splitOutside(text, " : ");
  if (left !== undefined && right !== undefined) return matches(unquoted(left), unquoted(right).replace(/^\^?/, "^"));
  return regex(text);
}

/** Facts of `one = other`. */
function equal(one: string, other: string): Fact[] {
  const parts = partsOf(one);
  const references = parts.flatMap((part) => (part.kind === "variable" ? [part.inner] : []));
  if (!other.includes("$")) {
    // `${REGEX(…)} = 1`
    const found = regex(one);
    if (found.length > 0) return /^[01]$/.test(other) ? (other === "1" ? found : negated(found)) : [];
    return references.map((inner) => ({
      key: keyOfInner(inner),
      when: true,
      apply: (value) => restricted(bounded(value), other),
    }));
  }
  const [inner, more] = references;
  if (inner === undefined || more !== undefined || parts.length !== 1) return [];
  const { name, args } = referenceOf(inner);
  if (name !== "FILTER" || args === null) return [];
  const [list = "", text = ""] = splitOutside(args, ",", 2);
  if (text.trim() !== other) return [];
  const [target] = partsOf(other);
  if (target?.kind !== "variable" || partsOf(other).length !== 1) return [];
  return [{ key: keyOfInner(target.inner), when: true, apply: (value) => restricted(value, filterList(list)) }];
}

function regex(text: string): Fact[] {
  const [part, more] = partsOf(text.trim());
  if (part?.kind !== "variable" || more !== undefined) return [];
  const { name, args } = referenceOf(part.inner);
  if (name !== "REGEX" || args === null) return [];
  const [, pattern = "", subject = ""] = /^\s*"((?:[^"\\]|\\.)*)"\s+(.*)$/s.exec(args) ?? [];
  return matches(subject.trim(), pattern);
}

/** Facts of a text that fits a regular expression. */
function matches(subject: string, pattern: string): Fact[] {
  const [part, more] = partsOf(subject);
  const allows = regexAllows(pattern.replace(/\\\$$/, "$"));
  if (part?.kind !== "variable" || more !== undefined || allows === null) return [];
  const apply = (value: Value) => restricted(allows.open ? value : bounded(value), allows.allowed);
  return [{ key: keyOfInner(part.inner), when: true, apply }];
}

/** A dialplan that looks at a number's length is believed to bound it. */
function lengths(text: string): Fact[] {
  return [...text.matchAll(/\$\{LEN\(\$\{([^{}]*)\}\)\}/g)].flatMap(([, inner = ""]) =>
    [true, false].map((when) => ({
      key: keyOfInner(inner),
      when,
      apply: (value: Value) => restricted(bounded(value), SPECIAL),
    })),
  );
}

function keyOfInner(inner: string): string {
  const { name, args, slice } = referenceOf(inner);
  return slice === null ? keyOf(name, args) : `${keyOf(name, args)}:${slice}`;
}

function unquoted(text: string): string {
  const trimmed = text.trim();
  return trimmed.length >= 2 && trimmed.startsWith('"') && trimmed.endsWith('"') ? trimmed.slice(1, -1) : trimmed;
}
