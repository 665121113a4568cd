import { join } from "node:path";
import type { Log } from "../base/log.ts";
import type { LineConfig } from "../config/schema.ts";
import { GpioLine } from "../drivers/gpio-line.ts";
import { SimLine } from "../drivers/sim-line.ts";
import type { LinePort } from "../line/port.ts";

/** Name of the socket of a simulated PAX's line hardware, in the runtime directory. */
export const SIM_HARDWARE_SOCKET = "pax-hardware.sock";

/** The hardware of a line, or its simulation. */
export function linePort(line: LineConfig, runtime: string, log: Log): LinePort {
  if (line.interface === "sim") return new SimLine(line.name, join(runtime, SIM_HARDWARE_SOCKET));
  return new GpioLine(line.name, line.interface, log);
}
