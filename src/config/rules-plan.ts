import {
  ambiguousOverlap,
  type DigitPattern,
  findCollisions,
  parseDigitPattern,
  prefixCollision,
  wildcardPositions,
} from "../base/digit-pattern.ts";
import type { Path } from "./faults.ts";
import type { RuleFault } from "./rules.ts";
import type { Config, FromPaxRule, Hotline } from "./schema.ts";

/** Digits of a number on the event network. */
const NUMBER_DIGITS = { min: 4, max: 8, emergencyMin: 3 } as const;

const UNCLEAR_END = "it would not be clear when the number is complete";

/** Rules of the number plan and of hotlines, with the collisions that would make dialling ambiguous. */
export function planRules(config: Config): RuleFault[] {
  const { fromPax, toPax } = config.numberPlan;
  const faults: RuleFault[] = [];
  const dials = fromPax.map(({ dial }) => parseDigitPattern(dial));
  const numbers = toPax.map(({ number }) => parseDigitPattern(number));

  for (const [at, rule] of fromPax.entries()) {
    const path: Path = ["numberPlan", "fromPax", at];
    if (dials[at] === null) faults.push(unreadable([...path, "dial"], rule.dial));
    faults.push(...destinationRules(config, rule, path, dials[at]?.length ?? null, rule.emergency));
  }
  for (const [at, rule] of toPax.entries()) {
    const path: Path = ["numberPlan", "toPax", at];
    const pattern = numbers[at] ?? null;
    if (pattern === null) faults.push(unreadable([...path, "number"], rule.number));
    else faults.push(...lengthRule([...path, "number"], pattern.length, rule.emergency));
    if (!config.lines.some(({ group }) => group === rule.group)) {
      faults.push(
        unknownReference([...path, "group"], `no line is in the group "${rule.group}"`, "lines", groups(config.lines)),
      );
    }
    if ((rule.extension !== undefined) === rule.secondStage) {
      const given = rule.secondStage ? "both are given" : "neither is given";
      faults.push({ path, message: `needs either an extension or secondStage: true; ${given}` });
    }
    faults.push(...secondStageRules(rule.secondStageDigits, [...path, "secondStageDigits"]));
    const wanted = [...(rule.extension ?? "")].filter((symbol) => symbol === "X").length;
    const there = pattern === null ? wanted : wildcardPositions(pattern).length;
    if (wanted > there) {
      faults.push({
        path: [...path, "extension"],
        message: `has ${wanted} X, but "${rule.number}" has ${there} wildcards to take digits from`,
      });
    }
  }
  faults.push(
    ...collisions(
      "fromPax",
      "dial",
      fromPax.map(({ dial }) => dial),
      dials,
      prefixCollision,
    ),
  );
  faults.push(
    ...collisions(
      "toPax",
      "number",
      toPax.map(({ number }) => number),
      numbers,
      ambiguousOverlap,
    ),
  );
  for (const [at, { hotline }] of config.lines.entries()) {
    if (hotline !== undefined) faults.push(...destinationRules(config, hotline, ["lines", at, "hotline"], 0, false));
  }
  return faults;
}

function secondStageRules(texts: readonly string[], path: Path): RuleFault[] {
  const patterns = texts.map(parseDigitPattern);
  return [
    ...patterns.flatMap((pattern, at) => (pattern === null ? [unreadable([...path, at], texts[at] ?? "")] : [])),
    ...findCollisions(patterns, prefixCollision).map(({ first, second, digits }) => ({
      path: [...path, second],
      other: [...path, first],
      message: `"${texts[second]}" collides with "${texts[first]}": ${digits} belongs to both, and ${UNCLEAR_END}`,
    })),
  ];
}

function collisions(
  list: "fromPax" | "toPax",
  key: "dial" | "number",
  texts: readonly string[],
  patterns: readonly (DigitPattern | null)[],
  collide: (a: DigitPattern, b: DigitPattern) => string | null,
): RuleFault[] {
  const why = list === "fromPax" ? UNCLEAR_END : "neither is more specific";
  return findCollisions(patterns, collide).map(({ first, second, digits }) => ({
    path: ["numberPlan", list, second, key],
    other: ["numberPlan", list, first, key],
    message: `"${texts[second]}" collides with "${texts[first]}": ${digits} belongs to both, and ${why}`,
  }));
}

/** `dialled`: how many digits the caller has dialled (0 for a hotline), null when that is not known. */
function destinationRules(
  { trunks, accounts }: Config,
  rule: FromPaxRule | Hotline,
  path: Path,
  dialled: number | null,
  emergency: boolean,
): RuleFault[] {
  const given = (["trunk", "account", "service"] as const).filter((key) => rule[key] !== undefined);
  if (given.length !== 1) {
    const which = given.length === 0 ? "none is given" : `${given.join(" and ")} are given`;
    return [{ path, message: `needs exactly one of trunk, account and service; ${which}` }];
  }
  const faults: RuleFault[] = [];
  if (rule.account !== undefined && !accounts.some(({ name }) => name === rule.account)) {
    const known = accounts.map(({ name }) => name);
    faults.push(unknownReference([...path, "account"], `there is no account "${rule.account}"`, "accounts", known));
  }
  if (rule.trunk === undefined) {
    const useless = (["number", "prefix"] as const).filter((key) => rule[key] !== undefined);
    for (const key of rule.strip > 0 ? [...useless, "strip"] : useless) {
      faults.push({ path: [...path, key], message: "only a call to a trunk has a number" });
    }
    return faults;
  }
  if (!trunks.some(({ name, group }) => name === rule.trunk || group === rule.trunk)) {
    const known = [...trunks.map(({ name }) => name), ...groups(trunks)];
    faults.push(
      unknownReference([...path, "trunk"], `there is no trunk or trunk group "${rule.trunk}"`, "trunks", known),
    );
  }
  if (rule.number !== undefined) {
    if (rule.prefix !== undefined || rule.strip > 0) {
      faults.push({
        path: [...path, "number"],
        message: "the number is fixed, so strip and prefix have nothing to change",
      });
    }
    faults.push(...lengthRule([...path, "number"], rule.number.length, emergency));
  } else if (dialled === 0) {
    faults.push({ path, message: "a hotline to a trunk needs a number: nothing is dialled" });
  } else if (dialled !== null) {
    if (rule.strip > dialled) faults.push({ path: [...path, "strip"], message: `only ${dialled} digits are dialled` });
    else faults.push(...lengthRule(path, (rule.prefix?.length ?? 0) + dialled - rule.strip, emergency));
  }
  return faults;
}

function lengthRule(path: Path, length: number, emergency: boolean): RuleFault[] {
  const { min, max, emergencyMin } = NUMBER_DIGITS;
  if (length >= (emergency ? emergencyMin : min) && length <= max) return [];
  const hint = length === emergencyMin ? ` (${emergencyMin} only with emergency: true)` : "";
  return [{ path, message: `the number called has ${length} digits; event numbers have ${min} to ${max}${hint}` }];
}

function unreadable(path: Path, text: string): RuleFault {
  return { path, message: `"${text}" holds a set that runs backwards: write the lower digit first` };
}

function unknownReference(
  path: Path,
  message: string,
  refersTo: "lines" | "trunks" | "accounts",
  known: readonly string[],
): RuleFault {
  return { path, message, refersTo, known };
}

function groups(entries: readonly { readonly group: string }[]): string[] {
  return [...new Set(entries.map(({ group }) => group))];
}
