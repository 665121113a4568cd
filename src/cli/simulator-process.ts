import { setMaxListeners } from "node:events";
import { parseArgs } from "node:util";
import { describeError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { createLog } from "../drivers/pino-log.ts";

/** What a simulator's process prints on standard output, alone on a line, once it can be used. */
export const READY_WORD = "ready";

type Start = (file: string, log: Log, signal: AbortSignal) => Promise<{ close(): Promise<void> }>;

/** Runs a simulator from its start to SIGINT, SIGTERM or SIGHUP. Logs JSON on standard error. */
export async function runSimulator(name: string, start: Start): Promise<void> {
  const log = createLog({ level: "info", format: "json" }).child(name);
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());
  try {
    const { values } = parseArgs({ options: { config: { type: "string", short: "c" } } });
    if (values.config === undefined) throw new Error("usage: -c FILE");
    const simulator = await start(values.config, log, stop.signal);
    process.stdout.write(`${READY_WORD}\n`);
    if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener("abort", resolve));
    await simulator.close();
    process.exitCode = 0;
  } catch (error) {
    if (!stop.signal.aborted) {
      log.error("cannot run", { error: describeError(error) });
      process.exitCode = 1;
    }
  }
  // Nothing that still waits for somebody may keep the process.
  process.exit();
}
