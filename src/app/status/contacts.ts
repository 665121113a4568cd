import { join } from "node:path";
import type { Log } from "../../base/log.ts";
import type { ButtonConfig } from "../../config/schema.ts";
import type { ContactPort, LedPort } from "../../credentials/port.ts";
import { OnoffContact } from "../../drivers/onoff-contact.ts";
import { SimContact } from "../../drivers/sim-contact.ts";
import { SimLed } from "../../drivers/sim-led.ts";
import { StatusLed } from "../../drivers/status-led.ts";
import { SIM_HARDWARE_SOCKET } from "../line-ports.ts";

/** A contact of the exchange, or its simulation. */
export function inputContact(
  { name, gpio, activeLow }: { readonly name: string; readonly gpio: string; readonly activeLow: boolean },
  runtime: string,
): ContactPort {
  if (gpio !== "sim") return new OnoffContact({ gpio, activeLow });
  return new SimContact({ input: name }, join(runtime, SIM_HARDWARE_SOCKET));
}

/** The reset button; null where there is none. */
export function buttonContact({ gpio, activeLow }: ButtonConfig, runtime: string): ContactPort | null {
  if (gpio === undefined) return null;
  if (gpio !== "sim") return new OnoffContact({ gpio, activeLow });
  return new SimContact({ button: true }, join(runtime, SIM_HARDWARE_SOCKET));
}

/** The status LED; null where there is none. */
export function statusLed({ led }: ButtonConfig, runtime: string, log: Log): LedPort | null {
  if (led === undefined) return null;
  return led === "sim" ? new SimLed(join(runtime, SIM_HARDWARE_SOCKET), log) : new StatusLed({ name: led, log });
}
