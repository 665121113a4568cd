import type { Log } from "../base/log.ts";
import type { LineHealth } from "./health.ts";
import type { Phase } from "./machine.ts";
import type { LineStatus } from "./types.ts";

/** Says aloud when a line goes out of service until somebody acts, and when it is back; the rest is for debugging. */
export function logStatus(log: Log, name: string, before: LineStatus, phase: Phase): void {
  const line = { line: name, status: phase.status };
  if (phase.status === "parked") log.warn("line parked: the PAX does not clear", line);
  else if (phase.status === "fault") log.warn("line at fault", { ...line, reason: phase.reason });
  else if (before === "parked" || before === "fault") log.info("line in service again", line);
  else log.debug("line status", line);
}

/** Says once that the dials have left the limits, and once that they are within them again. */
export function logHealth(log: Log, name: string, before: LineHealth, now: LineHealth): void {
  if (now.warn === before.warn) return;
  const figures = { line: name, ips: now.ips, breakPercent: now.breakPercent };
  if (now.warn) log.warn("a dial wants adjusting: its speed or ratio is out of limits", figures);
  else log.info("speed and ratio of the dials are within limits again", figures);
}
