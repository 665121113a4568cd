import { readFile } from "node:fs/promises";

/** Since the machine began, in ticks: doing anything, in softirq (where packets are received), in all. */
interface Ticks {
  readonly busy: number;
  readonly softirq: number;
  readonly all: number;
}

export interface MachineLoad {
  /** Shares of all processors' time, percent. */
  readonly busy: number;
  readonly softirq: number;
}

/** How busy the machine is while `work` goes on (proc(5), /proc/stat). */
export async function loadDuring<T>(work: () => Promise<T>): Promise<{ result: T; load: MachineLoad }> {
  const before = await ticks();
  const result = await work();
  const after = await ticks();
  const all = after.all - before.all;
  return {
    result,
    load: { busy: (100 * (after.busy - before.busy)) / all, softirq: (100 * (after.softirq - before.softirq)) / all },
  };
}

async function ticks(): Promise<Ticks> {
  const text = await readFile("/proc/stat", "utf8");
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0] = (
    /^cpu +(.*)$/m.exec(text)?.[1] ?? ""
  )
    .split(" ")
    .map(Number);
  const busy = user + nice + system + irq + softirq + steal;
  return { busy, softirq, all: busy + idle + wait };
}
