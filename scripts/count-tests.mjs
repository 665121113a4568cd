#!/usr/bin/env node
/**
 * Reads vitest's JSON report and prints "PASSED FAILED". A run that failed without a failed test (a file that doesn't
 * load, an error outside a test, no test at all) counts as one failure; in CI so does every skipped test.
 */
import { existsSync, readFileSync } from "node:fs";

const [path, exitCode] = process.argv.slice(2);
if (path === undefined || exitCode === undefined) {
  console.error("Usage: node scripts/count-tests.mjs REPORT EXIT-CODE-OF-VITEST");
  process.exit(2);
}

const report = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : null;
const passed = report?.numPassedTests ?? 0;
let failed = report?.numFailedTests ?? 0;

const skipped = (report?.testResults ?? []).flatMap((file) =>
  file.assertionResults.filter(({ status }) => status !== "passed" && status !== "failed"),
);
if (skipped.length > 0) {
  for (const { fullName } of skipped) console.error(`skipped: ${fullName}`);
  if (process.env.CI) failed += skipped.length;
}
if (failed === 0 && (exitCode !== "0" || passed === 0)) failed = 1;

console.log(`${passed} ${failed}`);
