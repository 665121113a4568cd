import type { DialTarget } from "../base/dial-target.ts";
import type { FromPaxRule, Hotline, TrunkConfig } from "../config/schema.ts";

/** Where a call from the PAX goes. */
export interface Route {
  /** For a trunk, `trunk` is as configured: a trunk's name or a group's; `trunks` says which that may be. */
  readonly target: DialTarget;
  /** Trunks to hunt over, in order; empty unless the target is a trunk. */
  readonly trunks: readonly string[];
  readonly emergency: boolean;
}

/** The trunks that a name stands for: the trunk of that name, else those of the group, in the configured order. */
export function trunksOf(reference: string, trunks: readonly TrunkConfig[]): string[] {
  const named = trunks.filter((trunk) => trunk.name === reference);
  return (named.length > 0 ? named : trunks.filter((trunk) => trunk.group === reference)).map((trunk) => trunk.name);
}

/** The destination of a rule or hotline for these dialled digits; null when it has none, or more than one. */
export function destinationOf(
  rule: FromPaxRule | Hotline,
  dialled: string,
  trunks: readonly TrunkConfig[],
): Route | null {
  const emergency = "emergency" in rule && rule.emergency;
  const given = [rule.trunk, rule.account, rule.service].filter((one) => one !== undefined).length;
  if (given !== 1) return null;
  if (rule.account !== undefined) {
    return { target: { kind: "account", account: rule.account }, trunks: [], emergency };
  }
  if (rule.service !== undefined) {
    return { target: { kind: "service", service: rule.service }, trunks: [], emergency };
  }
  const trunk = rule.trunk ?? "";
  const candidates = trunksOf(trunk, trunks);
  const number = rule.number ?? (rule.prefix ?? "") + dialled.slice(rule.strip);
  if (candidates.length === 0 || number === "") return null;
  return { target: { kind: "trunk", trunk, number }, trunks: candidates, emergency };
}
