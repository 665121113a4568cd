import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Time that a process which is not our child may take to end, ms, and how often it is looked at. */
const END_LIMIT_MS = 15_000;
const LOOK_MS = 50;

const fileOf = (runtime: string) => join(runtime, "start.pids");

/** Notes the processes that were started, so that the next `start` finds them if this one is killed. */
export async function noteProcesses(runtime: string, pids: readonly number[]): Promise<void> {
  await writeFile(fileOf(runtime), pids.join("\n"), { mode: 0o600 });
}

export async function forgetProcesses(runtime: string): Promise<void> {
  await rm(fileOf(runtime), { force: true });
}

/** Ends what a killed `start` left running with this configuration. Answers how many processes that were. */
export async function endLeftOvers(runtime: string, configFile: string): Promise<number> {
  const noted = (await readFile(fileOf(runtime), "utf8").catch(() => "")).split("\n").map(Number);
  const pids: number[] = [];
  for (const pid of noted) if (Number.isInteger(pid) && pid > 1 && (await isOurs(pid, configFile))) pids.push(pid);
  await Promise.all(pids.map((pid) => end(pid, configFile)));
  await forgetProcesses(runtime);
  return pids.length;
}

async function end(pid: number, configFile: string): Promise<void> {
  send(pid, "SIGTERM");
  const limit = performance.now() + END_LIMIT_MS;
  // Of a process that is not our child nothing tells us its end.
  while (await isOurs(pid, configFile)) {
    if (performance.now() > limit) return send(pid, "SIGKILL");
    await delay(LOOK_MS);
  }
}

/** Process ids are used again, so the command line has to be one of ours. */
async function isOurs(pid: number, configFile: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return commandLine.split("\0").includes(configFile);
}

function send(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has gone meanwhile.
  }
}
