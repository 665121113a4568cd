#!/usr/bin/env node
/**
 * Reads vitest's JSON report and prints "PASSED FAILED". A run that failed without a failed test (a file that doesn't
 * load, an error outside a test, no test at all) counts as one failure; in CI so does every skipped test. What passed
 * only at a further try is listed, with what the first one said: such a test is wrong, or what it tests is.
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
const results = (report?.testResults ?? []).flatMap((file) => file.assertionResults);

const skipped = results.filter(({ status }) => status !== "passed" && status !== "failed");
if (skipped.length > 0) {
  for (const { fullName } of skipped) console.error(`skipped: ${fullName}`);
  if (process.env.CI) failed += skipped.length;
}

// The report has no number of tries, but it keeps the errors of the failed ones.
const again = results.filter(({ status, failureMessages = [] }) => status === "passed" && failureMessages.length > 0);
if (again.length > 0) {
  console.error(`\n!! PASSED ONLY AT A FURTHER TRY: ${again.length}`);
  for (const { fullName, failureMessages } of again) {
    const [why] = String(failureMessages[0]).split("\n");
    console.error(`!! ${fullName}\n     ${failureMessages.length}x, first: ${why}`);
  }
}
if (failed === 0 && (exitCode !== "0" || passed === 0)) failed = 1;

console.log(`${passed} ${failed}`);
