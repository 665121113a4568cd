import { readFile } from "node:fs/promises";
import { GatewayError } from "../../base/errors.ts";

/** Unit of the times in /proc/PID/stat on every Linux that Node runs on (USER_HZ), ms. */
const TICK_MS = 10;

/** Memory of a process that is in RAM, now and at most since it began, MB (10^6 bytes). */
export async function residentMb(pid: number): Promise<{ now: number; most: number }> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const megabytes = (field: string) => {
    const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
    if (kib === undefined) throw new GatewayError("no-process", `process ${pid} has no memory`);
    return (Number(kib) * 1_024) / 1e6;
  };
  return { now: megabytes("VmRSS"), most: megabytes("VmHWM") };
}

/** Processor time that a process has used since it began, in the user's and the kernel's name, ms. */
export async function processorMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name, in brackets, may hold anything; times are the 14th and 15th field (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Time that the process's main thread was ready to run and the machine busy with others, ms. NaN when not counted. */
export async function waitedMs(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/schedstat`, "utf8").catch(() => "");
  return Number(text.split(" ")[1] ?? Number.NaN) / 1e6;
}
