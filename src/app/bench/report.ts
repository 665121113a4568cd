import type { Judged } from "./finding.ts";
import type { Machine } from "./machine.ts";

/** Figures as a table for people. */
export function printTable(findings: readonly Judged[], machine: Machine): string {
  const rows = findings.map(({ name, unit, goal, values, median, least, most, verdict }) => [
    name,
    goal === null ? "" : goal.most === 0 ? "none" : `≤ ${number(goal.most)}`,
    `${number(median)} ${unit}`,
    values.length > 1 ? `${number(least)} … ${number(most)}` : "",
    verdict === "told" ? "" : verdict,
  ]);
  const all = [["", "goal", "median", "range", ""], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  const { cores, processor, memoryMb, kernel, node, load } = machine;
  const where = `${cores} × ${processor}, ${memoryMb} MB, Linux ${kernel}, Node ${node}; load ${load.join(" ")}`;
  const missed = findings.filter(({ verdict }) => verdict === "missed").length;
  const goals = findings.filter(({ verdict }) => verdict !== "told").length;
  return `${lines.join("\n")}\n\n${where}\n${goals - missed} of ${goals} goals met\n`;
}

/** Three significant digits, and no more of them than are needed. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Number.isInteger(value) || Math.abs(value) >= 1_000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
