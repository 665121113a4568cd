import type { Config } from "../config/schema.ts";
import { resolveProfile } from "../line/profiles.ts";
import { sourceOf } from "../sim/input-source.ts";
import type { TopologyInput } from "../sim/topology.ts";

/** Name of the socket, in the runtime directory, by which `SimClient` works the simulated PAX. */
export const PAX_CONTROL_SOCKET = "pax-control.sock";

/** The highest extension number of the simulated exchange; subscriber lines take numbers from here downwards. */
const LAST_EXTENSION = 59;
const FIRST_EXTENSION = 20;

/** Whether any line, contact or LED of the configuration belongs to the simulated PAX. */
export function needsSimulatedPax({ lines, inputs, button }: Config): boolean {
  if (lines.some((line) => line.interface === "sim") || inputs.some((input) => input.gpio === "sim")) return true;
  return button.gpio === "sim" || button.led === "sim";
}

/**
 * The simulated exchange that a configuration's `sim` lines belong to: tie-line groups in the order of their first
 * line get the digits 9, 8 and so on; subscriber lines the extensions 59, 58 and so on; the rest are telephones.
 */
export function simulatedPaxOf(config: Config): TopologyInput {
  const lines = config.lines.filter((line) => line.interface === "sim");
  const ties = lines.filter((line) => line.type === "tie-line");
  const groups = [...new Set(ties.map((line) => line.group))];
  const subscribers = lines.filter((line) => line.type === "subscriber");
  const extensionOf = (at: number) => String(LAST_EXTENSION - at);
  const taken = new Set(subscribers.map((_, at) => extensionOf(at)));
  const count = LAST_EXTENSION - FIRST_EXTENSION + 1;
  const tieCodes = Object.fromEntries(groups.slice(0, 4).map((group, at) => [String(9 - at), group]));
  const simulated = [
    ...ties.map(({ name, group }) => ({ name, type: "tie-line" as const, group })),
    ...subscribers.map(({ name }, at) => ({ name, type: "subscriber" as const, extension: extensionOf(at) })),
  ];
  return {
    exchange: { digitMap: resolveProfile(config.pax.profile, config.pax.overrides).digitMap, tieCodes },
    telephones: Array.from({ length: count }, (_, at) => String(FIRST_EXTENSION + at)).filter((ext) => !taken.has(ext)),
    lines: simulated,
    inputs: config.inputs
      .filter((input) => input.gpio === "sim")
      .map(({ name }) => ({ name, follows: sourceOf(name, simulated) })),
    button: config.button.gpio === "sim",
    led: config.button.led === "sim",
  };
}
