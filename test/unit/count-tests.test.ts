import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const script = resolve(import.meta.dirname, "../../scripts/count-tests.mjs");

type Status = "passed" | "failed" | "skipped" | "todo" | "pending";

describe("the sum of a test run", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "paxgate-count-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const count = (statuses: readonly Status[] | null, exitCode: number, ci = false) => {
    const report = join(folder, "report.json");
    if (statuses !== null) {
      const of = (status: Status) => statuses.filter((one) => one === status).length;
      const assertionResults = statuses.map((status, at) => ({ status, fullName: `test ${at}` }));
      const totals = { numPassedTests: of("passed"), numFailedTests: of("failed") };
      writeFileSync(report, JSON.stringify({ ...totals, testResults: [{ assertionResults }] }));
    }
    const { CI: _, ...env } = process.env;
    const run = spawnSync(process.execPath, [script, report, String(exitCode)], {
      encoding: "utf8",
      env: ci ? { ...env, CI: "1" } : env,
    });
    return run.stdout.trim();
  };

  it("counts what passed and what failed", () => {
    expect(count(["passed", "passed", "failed"], 1)).toBe("2 1");
    expect(count(["passed"], 0)).toBe("1 0");
  });

  it("has a failure when the run failed though every test passed", () => {
    expect(count(["passed"], 1)).toBe("1 1");
  });

  it("has a failure when nothing was run, or nothing was reported", () => {
    expect(count([], 0)).toBe("0 1");
    expect(count(null, 0)).toBe("0 1");
  });

  it.each(["skipped", "todo", "pending"] as const)("takes a %s test for a failure in CI, and only there", (status) => {
    expect(count(["passed", status], 0, true)).toBe("1 1");
    expect(count(["passed", status], 0, false)).toBe("1 0");
  });
});
