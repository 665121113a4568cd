#!/usr/bin/env node
/**
 * Prints the figures of a run of scripts/test-image as a table, and writes them with the tests' results to a file.
 * Usage: report.mjs VITEST-REPORT FIGURES OUTPUT
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const [report, figuresFile, output] = process.argv.slice(2);
if (output === undefined) {
  console.error("Usage: report.mjs VITEST-REPORT FIGURES OUTPUT");
  process.exit(2);
}

const figures = existsSync(figuresFile)
  ? readFileSync(figuresFile, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line))
  : [];
const results = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")).testResults : [];
const tests = results.flatMap((file) =>
  file.assertionResults.map(({ fullName, status, duration }) => ({
    name: fullName,
    status,
    ms: Math.round(duration ?? 0),
  })),
);
writeFileSync(output, `${JSON.stringify({ figures, tests }, null, 2)}\n`);

const width = Math.max(0, ...figures.map(({ name }) => name.length));
if (figures.length > 0) console.log("");
for (const { name, value, unit, limit } of figures) {
  console.log(
    `${name.padEnd(width)}  ${String(value).padStart(10)} ${unit}${limit === undefined ? "" : `  (limit ${limit})`}`,
  );
}
