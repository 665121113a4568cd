import { RULES, type RuleId } from "./rules.ts";
import type { AuditReport, Severity } from "./types.ts";

/** SARIF's levels (SARIF 2.1.0, section 3.27.10). */
const LEVELS: Readonly<Record<Severity, "error" | "warning" | "note">> = {
  critical: "error",
  high: "error",
  medium: "warning",
  low: "note",
  info: "note",
};

/** What viewers sort by: over 9 critical, 7 high, 4 medium, else low. */
const SCORES: Readonly<Record<Severity, string>> = {
  critical: "9.5",
  high: "8.0",
  medium: "5.5",
  low: "3.0",
  info: "1.0",
};

/** The report as SARIF 2.1.0: every rule with its help, every finding with its place. */
export function renderSarif(report: AuditReport): object {
  const ids = Object.keys(RULES) as RuleId[];
  const root = report.root.replace(/\/*$/, "/");
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "paxgate audit", rules: ids.map(descriptor) } },
        originalUriBaseIds: { CONFIGURATION: { uri: `file://${uri(root)}` } },
        columnKind: "utf16CodeUnits",
        results: report.findings.map(({ id, severity, place, why, fix }) => ({
          ruleId: id,
          ruleIndex: ids.indexOf(id),
          level: LEVELS[severity],
          message: { text: `${why} ${fix}` },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: uri(place.file), uriBaseId: "CONFIGURATION" },
                region: { startLine: place.line, startColumn: place.column },
              },
            },
          ],
          properties: { severity },
        })),
      },
    ],
  };
}

function descriptor(id: RuleId): object {
  const { title, fix, severity } = RULES[id];
  return {
    id,
    name: id.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase()),
    shortDescription: { text: title },
    fullDescription: { text: `${title}. ${fix}` },
    help: { text: fix },
    defaultConfiguration: { level: LEVELS[severity] },
    properties: { tags: ["security"], "security-severity": SCORES[severity] },
  };
}

/** A path as a URI: each part escaped, the slashes kept. Unpaired surrogates have no escape; they become U+FFFD. */
function uri(path: string): string {
  return path
    .split("/")
    .map((part) => encodeURIComponent(part.replace(/\p{Surrogate}/gu, "\uFFFD")))
    .join("/");
}
