import { type ChildProcess, execFile } from "node:child_process";
import { once } from "node:events";
import { within } from "../base/lifecycle.ts";
import { endsWithUs } from "./ends-with-us.ts";

/** How the line hardware's helper programs are called. Paths, so that tests can put their own in place. */
export interface GpioTools {
  readonly gpiomon: string;
  readonly gpioget: string;
  readonly gpioinfo: string;
  readonly gpiodetect: string;
  readonly arecord: string;
  readonly aplay: string;
  /** What every lasting program is started with, so that it ends with us. */
  readonly wrapper: readonly string[];
}

export const systemTools: GpioTools = {
  gpiomon: "gpiomon",
  gpioget: "gpioget",
  gpioinfo: "gpioinfo",
  gpiodetect: "gpiodetect",
  arecord: "arecord",
  aplay: "aplay",
  wrapper: endsWithUs(process.env),
};

/** Messages are read: they must be in English whatever the machine's language. */
export const toolEnvironment = { ...process.env, LC_ALL: "C" };

/** Longest run of a tool that answers and ends, ms (EJ). */
const ANSWER_LIMIT_MS = 3_000;
/** Time for a TERM before the KILL, ms. */
const TERM_LIMIT_MS = 500;

/** What a tool answered. `missing`: there is no such program. */
export interface ToolAnswer {
  readonly ok: boolean;
  readonly missing: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a tool that answers and ends. Never rejects. */
export function runTool(program: string, args: readonly string[]): Promise<ToolAnswer> {
  return new Promise((resolve) => {
    const options = { timeout: ANSWER_LIMIT_MS, killSignal: "SIGKILL" as const, env: toolEnvironment };
    execFile(program, args, options, (error, stdout, stderr) => {
      resolve({ ok: error === null, missing: error?.code === "ENOENT", stdout, stderr: stderr.trim() });
    });
  });
}

/** Ends a child, with force if it does not go, and waits until it has gone. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  try {
    await within(TERM_LIMIT_MS, gone, `process ${child.pid} did not end`);
  } catch {
    child.kill("SIGKILL");
    await gone;
  }
}

/** How many deaths of a helper program within how long, ms, mean that the hardware has gone (EJ). */
const DEATHS = 4;
const DEATHS_WITHIN_MS = 10_000;

/** Whether a program that has died may be started again. */
export class RestartBudget {
  #deaths: number[] = [];

  /** Takes note of a death. False when there were too many of late. */
  spend(nowMs: number): boolean {
    this.#deaths = [...this.#deaths.filter((atMs) => nowMs - atMs < DEATHS_WITHIN_MS), nowMs];
    return this.#deaths.length < DEATHS;
  }
}
