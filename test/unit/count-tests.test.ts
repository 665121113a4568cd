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

  const run = (statuses: readonly Status[] | null, exitCode: number, ci = false, why: readonly string[] = []) => {
    const report = join(folder, "report.json");
    if (statuses !== null) {
      const of = (status: Status) => statuses.filter((one) => one === status).length;
      const assertionResults = statuses.map((status, at) => ({ status, fullName: `test ${at}`, failureMessages: why }));
      const totals = { numPassedTests: of("passed"), numFailedTests: of("failed") };
      writeFileSync(report, JSON.stringify({ ...totals, testResults: [{ assertionResults }] }));
    }
    const { CI: _, ...env } = process.env;
    return spawnSync(process.execPath, [script, report, String(exitCode)], {
      encoding: "utf8",
      env: ci ? { ...env, CI: "1" } : env,
    });
  };
  const count = (...of: Parameters<typeof run>) => run(...of).stdout.trim();

  it("counts what passed and what failed", () => {
    expect(count(["passed", "passed", "failed"], 1)).toBe("2 1");
    expect(count(["passed"], 0)).toBe("1 0");
  });

  it("lists loudly what passed only at a further try, with what the first one said", () => {
    const { stdout, stderr } = run(["passed"], 0, true, ["Error: too late\n    at somewhere"]);
    expect(stdout.trim()).toBe("1 0");
    expect(stderr).toContain("PASSED ONLY AT A FURTHER TRY: 1");
    expect(stderr).toMatch(/!! test 0\n.*first: Error: too late\n/);
    expect(run(["passed", "failed"], 1).stderr).toBe("");
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
