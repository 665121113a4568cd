import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";

/** Where the figures were taken; without it they say little. */
export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryMb: number;
  readonly kernel: string;
  readonly node: string;
  readonly load: readonly number[];
}

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    cores: processors.length,
    processor: processors[0]?.model.trim() || modelOfBoard(),
    memoryMb: Math.round(totalmem() / 1e6),
    kernel: release(),
    node: process.version,
    load: loadavg().map((value) => Math.round(value * 100) / 100),
  };
}

/** ARM kernels name the board, not the processor. */
function modelOfBoard(): string {
  try {
    return readFileSync("/proc/device-tree/model", "utf8").replace(/\0/g, "");
  } catch {
    return "unknown";
  }
}
