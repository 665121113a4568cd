import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { Finding, Goal } from "./finding.ts";
import { processorMs, residentMb } from "./process-usage.ts";
import type { Rehearsal } from "./rehearsal.ts";

const MEMORY_GOAL: Goal = { most: 90, of: "worst" };
/** A process that has begun uses memory and time that it soon does no more, ms. */
const SETTLE_MS = 3_000;

/** Memory of the supervisor, and for comparison of its Asterisk. `when` says in what state. */
export async function memoryOf({ gatewayPid, asteriskPid }: Rehearsal, when: string): Promise<Finding[]> {
  const [ours, asterisk] = [await residentMb(gatewayPid), await residentMb(asteriskPid)];
  return [
    { name: `memory, ${when}`, unit: "MB", goal: MEMORY_GOAL, values: [ours.now] },
    { name: `memory at most, ${when}`, unit: "MB", goal: MEMORY_GOAL, values: [ours.most] },
    { name: `memory of Asterisk, ${when}`, unit: "MB", goal: null, values: [asterisk.now] },
  ];
}

/** Share of one processor that supervisor, Asterisk and simulator use while `work` goes on, percent. */
export async function processorShare(
  { gatewayPid, asteriskPid, simulatorPid }: Rehearsal,
  when: string,
  goal: Goal | null,
  work: () => Promise<unknown>,
): Promise<Finding[]> {
  const pids = [gatewayPid, asteriskPid, simulatorPid];
  const begun = performance.now();
  const before = await Promise.all(pids.map(processorMs));
  await work();
  const after = await Promise.all(pids.map(processorMs));
  const tookMs = performance.now() - begun;
  const share = (at: number) => (100 * ((after[at] ?? Number.NaN) - (before[at] ?? Number.NaN))) / tookMs;
  return ["", " of Asterisk", " of the simulated PAX"].map((whose, at) => ({
    name: `processor${whose}, ${when}`,
    unit: "%",
    goal: at === 0 ? goal : null,
    values: [share(at)],
  }));
}

/** The gateway with nothing to do. `ms` long, which should cover the checks of Asterisk's profile (every 30 s). */
export async function benchIdle(rehearsal: Rehearsal, ms: number): Promise<Finding[]> {
  await delay(SETTLE_MS);
  const processor = await processorShare(rehearsal, "idle", { most: 0.5, of: "median" }, () => delay(ms));
  const memory = await memoryOf(rehearsal, "idle");
  return [...processor, ...memory, await bareNode()];
}

/** What Node itself takes before any program: the part of the memory that is not ours. */
async function bareNode(): Promise<Finding> {
  const child = spawn(process.execPath, ["-e", "console.log(1); setInterval(() => {}, 1e9)"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    await once(child.stdout, "data");
    const { now } = await residentMb(child.pid ?? 0);
    return {
      name: "memory of Node without a program",
      unit: "MB",
      goal: null,
      values: [now],
    };
  } finally {
    child.kill("SIGKILL");
  }
}
