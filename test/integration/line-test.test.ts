import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InstanceLock } from "../../src/drivers/instance-lock.ts";
import type { Finding } from "../../src/line/line-test.ts";
import { PROGRAM } from "./support/guarded-gateway.ts";

/** `paxgate line test` at the simulated exchange: the same command as at a real one. */

let directory: string;
let runtime: string;
let config: string;
let exchange: ChildProcess;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "line-test-"));
  runtime = join(directory, "run");
  config = join(directory, "paxgate.yaml");
  await mkdir(runtime, { mode: 0o711 });
  const lines = "lines:\n  - name: tie-1\n  - {name: ext-1, type: subscriber, hotline: {service: echo}}\n";
  await writeFile(config, `${lines}paths: {state: ${join(directory, "state")}, runtime: ${runtime}}\n`);
  const simulator = join(dirname(PROGRAM), "pax-sim.js");
  exchange = spawn(process.execPath, [simulator, "-c", config], { stdio: ["ignore", "pipe", "ignore"] });
  await once(exchange.stdout as NonNullable<typeof exchange.stdout>, "data");
});
afterEach(async () => {
  await endExchange();
  await rm(directory, { recursive: true, force: true });
});

async function endExchange(): Promise<void> {
  if (exchange.exitCode !== null || exchange.signalCode !== null) return;
  const gone = once(exchange, "exit");
  exchange.kill();
  await gone;
}

interface Tested {
  readonly code: number;
  readonly stderr: string;
  readonly stdout: string;
}

async function lineTest(...args: string[]): Promise<Tested> {
  const command = [PROGRAM, "line", "test", "-c", config, "--watch", "0", ...args];
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, command)) };
  } catch (error) {
    return error as Tested;
  }
}

interface Report {
  readonly ok: boolean;
  readonly lines: { readonly line: string; readonly ok: boolean; readonly findings: readonly Finding[] }[];
}
const reportOf = ({ stdout }: Tested) => JSON.parse(stdout) as Report;
const named = (report: Report, step: string) => report.lines[0]?.findings.find((finding) => finding.step === step);

describe("the line test", () => {
  it("works the relays, and measures the impulses and the dead-man", async () => {
    const tested = await lineTest("tie-1", "--active", "--json");
    const report = reportOf(tested);
    expect(tested.code, tested.stdout).toBe(0);
    expect(report.lines.map(({ line, ok }) => [line, ok])).toEqual([["tie-1", true]]);
    expect(named(report, "output loop")).toMatchObject({ verdict: "ok" });
    expect(named(report, "impulses")?.figures).toMatchObject({ pulsesSent: 5, pulsesSeen: 5 });
    expect(named(report, "impulses")?.figures?.["breakMs"]).toBeCloseTo(67, 0);
    expect(named(report, "dead-man")?.figures?.["afterMs"]).toBeGreaterThan(850);
    expect(named(report, "sound from the line")).toBeDefined();
  });

  it("leaves the relays alone unless it is told to work them, and takes every line when none is named", async () => {
    const report = reportOf(await lineTest("--json"));
    expect(report).toMatchObject({ ok: true, lines: [{ line: "tie-1" }, { line: "ext-1" }] });
    expect(named(report, "inputs at rest")).toMatchObject({ verdict: "ok" });
    expect(named(report, "output loop")).toBeUndefined();
  });

  it("fails, in words, when the interface is not there", async () => {
    await endExchange();
    const { code, stdout } = await lineTest("tie-1");
    expect(code).toBe(1);
    expect(stdout).toMatch(/FAILED interface: tie-1: no simulated PAX/);
  });

  it("refuses while a gateway has the lines, and tells how to go on", async () => {
    const gateway = new InstanceLock([runtime]);
    await gateway.start();
    try {
      const { code, stderr } = await lineTest("tie-1");
      expect(code).toBe(1);
      expect(stderr).toContain("another gateway");
    } finally {
      await gateway.stop();
    }
  });

  it("names the lines that there are, for one that there is not", async () => {
    const { code, stderr } = await lineTest("tie-7");
    expect(code).toBe(1);
    expect(stderr).toContain("there are tie-1, ext-1");
  });
});
