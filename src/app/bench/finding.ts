import { median } from "./statistics.ts";

/** What a figure must be at most. `worst`: in every run; `median`: of the runs' figures. */
export interface Goal {
  readonly most: number;
  readonly of: "median" | "worst";
}

/** One figure, measured in one run or in several. */
export interface Finding {
  readonly name: string;
  readonly unit: string;
  /** Null for a figure that is only told. */
  readonly goal: Goal | null;
  /** One value for each run. */
  readonly values: readonly number[];
}

export interface Judged extends Finding {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly verdict: "met" | "missed" | "told";
}

/** A figure without a value, or with one that is not a number, misses its goal. */
export function judge(finding: Finding): Judged {
  const { goal, values } = finding;
  const most = Math.max(...values);
  const middle = median(values);
  const met = goal !== null && (goal.of === "median" ? middle : most) <= goal.most && !values.some(Number.isNaN);
  const verdict = goal === null ? "told" : met ? "met" : "missed";
  return { ...finding, median: middle, least: Math.min(...values), most, verdict };
}

/** Joins the figures of several runs, by name. */
export function joinRuns(runs: readonly (readonly Finding[])[]): Finding[] {
  const joined = new Map<string, Finding>();
  for (const finding of runs.flat()) {
    const values = [...(joined.get(finding.name)?.values ?? []), ...finding.values];
    joined.set(finding.name, { ...finding, values });
  }
  return [...joined.values()];
}
