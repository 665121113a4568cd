import { setOf } from "./pattern.ts";

/** Characters that mean something to somebody: to Dial, a shell, a path, the dialplan itself. */
export const SPECIAL = "\n !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/**
 * What is known of a value that came from outside. A value that nothing is known against has none of this (undefined).
 */
export interface Outside {
  /** Where it came from, for people. */
  readonly origin: string;
  /** Which of the special characters it may hold. */
  readonly special: string;
  /** Nothing bounds its length: a dialled number of any length. */
  readonly open: boolean;
}

export type Value = Outside | undefined;

/** A value of which the sender chose every character. */
export const anything = (origin: string): Outside => ({ origin, special: SPECIAL, open: false });

/** The value when either can be there, or both one behind the other. */
export function either(one: Value, other: Value): Value {
  if (one === undefined || one === other) return other;
  if (other === undefined) return one;
  // What is worse names the origin, so that the result depends on no order.
  const [first, second] =
    one.special.length !== other.special.length
      ? one.special.length > other.special.length
        ? [one, other]
        : [other, one]
      : one.origin <= other.origin
        ? [one, other]
        : [other, one];
  const special = first.special === second.special ? first.special : union(first.special, second.special);
  const open = first.open || second.open;
  return special === first.special && open === first.open ? first : { origin: first.origin, special, open };
}

const union = (one: string, other: string): string =>
  [...SPECIAL].filter((character) => one.includes(character) || other.includes(character)).join("");

/** The value when only these characters are left of it. */
export function restricted(value: Value, allowed: string): Value {
  if (value === undefined) return undefined;
  const special = [...value.special].filter((character) => allowed.includes(character)).join("");
  return special === "" && !value.open ? undefined : { ...value, special };
}

/** The value when its length is known to be bounded. */
export function bounded(value: Value): Value {
  if (value === undefined || !value.open) return value;
  return value.special === "" ? undefined : { ...value, open: false };
}

export const same = (one: Value, other: Value): boolean =>
  one === other ||
  (one !== undefined &&
    other !== undefined &&
    one.origin === other.origin &&
    one.special === other.special &&
    one.open === other.open);

/** Characters that `FILTER(list,…)` lets through: ranges, and `\` before a character that stands for itself. */
export function filterList(list: string): string {
  // A list that is itself made of variables is not known.
  if (list.includes("${")) return SPECIAL;
  const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };
  let all = "";
  let plain = "";
  for (let at = 0; at < list.length; at++) {
    if (list[at] !== "\\") plain += list[at];
    else {
      const hex = /^x([0-9a-f]{2})/i.exec(list.slice(at + 1));
      all +=
        hex?.[1] !== undefined
          ? String.fromCharCode(Number.parseInt(hex[1], 16))
          : (escapes[list[at + 1] ?? ""] ?? list[at + 1] ?? "");
      at += hex === null ? 1 : 3;
    }
  }
  return all + setOf(plain);
}

/**
 * What a text that fits a regular expression can hold: null when it is not anchored at both ends or not understood.
 * Known: literals, sets, `\d`, `*`, `+`, `?`, `{n,m}`, groups and alternatives of these.
 */
export function regexAllows(pattern: string): { readonly allowed: string; readonly open: boolean } | null {
  if (!pattern.startsWith("^") || !/(?:^|[^\\])\$$/.test(pattern)) return null;
  const body = pattern.slice(1, -1);
  // `^a|b$` is anchored at one end only in each branch.
  if (/\|/.test(body.replace(/\[[^\]]*\]|\([^()]*\)/g, ""))) return null;
  let allowed = "";
  for (let at = 0; at < body.length; at++) {
    const character = body[at] ?? "";
    if (character === ".") return null;
    if (character === "[") {
      const end = body.indexOf("]", at + 2);
      if (end < 0 || body[at + 1] === "^") return null;
      const set = body.slice(at + 1, end).replace(/\[:digit:\]|\[:alnum:\]|\[:alpha:\]/g, "");
      if (set.includes("[:")) return null;
      allowed += setOf(set);
      at = end;
    } else if (character === "\\") {
      const next = body[++at] ?? "";
      if (/[A-Za-ce-z]/.test(next)) return null;
      if (next !== "d") allowed += next;
    } else if (character === "{") {
      const end = body.indexOf("}", at);
      if (end < 0) return null;
      at = end;
    } else if (!"*+?()|".includes(character)) allowed += character;
  }
  return { allowed, open: /[*+]|\{\d*,\}/.test(body.replace(/\[[^\]]*\]|\\./g, "")) };
}
