import { RULES } from "./rules.ts";
import { type AuditReport, type Finding, SEVERITIES, type Severity } from "./types.ts";

/** Places shown of one rule; the rest are counted. JSON and SARIF have all. */
const MAX_SHOWN = 12;

/** The report for people: by severity, then by rule, each with its places, why, and the fix once. */
export function renderText(report: AuditReport): string {
  const lines: string[] = [];
  for (const severity of SEVERITIES) {
    const groups = new Map<Finding["id"], Finding[]>();
    for (const finding of report.findings) {
      if (finding.severity === severity) groups.set(finding.id, [...(groups.get(finding.id) ?? []), finding]);
    }
    if (groups.size === 0) continue;
    lines.push(severity.toUpperCase(), "");
    for (const [id, findings] of groups) lines.push(...group(id, findings), "");
  }
  lines.push(`${printable(report.root)}: ${report.files} files, ${summary(report.counts)}`);
  return lines.join("\n");
}

function group(id: Finding["id"], findings: readonly Finding[]): string[] {
  const lines = [`  ${RULES[id].title} (${id})`];
  for (const { place, why } of findings.slice(0, MAX_SHOWN)) {
    lines.push(`    ${printable(place.file)}:${place.line}:${place.column}: ${printable(why)}`);
  }
  if (findings.length > MAX_SHOWN) lines.push(`    and ${findings.length - MAX_SHOWN} more`);
  return [...lines, `    Fix: ${RULES[id].fix}`];
}

/** Such as `2 critical, 1 low`. */
export function summary(counts: AuditReport["counts"]): string {
  const some = SEVERITIES.filter((severity: Severity) => counts[severity] > 0);
  return some.length === 0 ? "nothing found" : some.map((severity) => `${counts[severity]} ${severity}`).join(", ");
}

/** Text of a stranger's file without anything that a terminal would obey. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\uFFFD");
}
