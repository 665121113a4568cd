import { join } from "node:path";
import { PAX_CONTROL_SOCKET } from "../app/simulated-pax.ts";
import { GatewayError } from "../base/errors.ts";
import { configError, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { SimClient } from "../sim/client.ts";
import {
  command,
  configHelp,
  configOption,
  helpHelp,
  jsonHelp,
  jsonOption,
  print,
  printJson,
  usualConfig,
} from "./command.ts";

/** How long the button is held for what it is to mean, ms: a second beyond what the gateway asks for. */
const holds = { identify: 300, reset: 6_000, factory: 16_000 } as const;
const MAX_HOLD_S = 120;

export const press = command({
  name: "press",
  summary: "Presses the simulated reset button of a running simulation, and lets go of it again.",
  usage: "[identify | reset | factory | SECONDS] [-c FILE] [--json]",
  details: `
  identify   a short press (this is what is done when nothing is said): the LED and the page show which gateway it is
  reset      held for 6 s: new credentials for everything that the gateway issues
  factory    held for 16 s: factory reset
  SECONDS    held for so long, up to ${MAX_HOLD_S}, such as 3.5: between the others it means nothing

${configHelp}
${jsonHelp}
${helpHelp}

Works where button.gpio is "sim", and only then: a real button has to be pressed by hand. Ends when the button has
been let go of; what the gateway does then, "paxgate lines" and the page tell.

Examples:
  paxgate press
  paxgate press reset`,
  options: { ...configOption, ...jsonOption },
  positionals: { min: 0, max: 1 },
  async run({ values, positionals: [what = "identify"] }) {
    const ms = holdMs(what);
    const loaded = await loadConfig(usualConfig(values.config));
    if (!loaded.ok) throw configError(loaded.error);
    const client = await openSimulator(loaded.value.config);
    try {
      // A gateway that does not run is told of nothing; the press is then in vain, and that is no success.
      const { button, led } = await client.panel();
      if (button?.open !== true) {
        throw new GatewayError("not-running", "no gateway has the simulated button open: it would not see the press");
      }
      if (!values.json) print(`pressing the button for ${ms / 1_000} s ...`);
      await client.press(ms);
      const shown = led === null ? null : ((await client.panel()).led?.pattern ?? null);
      if (values.json) printJson({ heldMs: ms, led: shown });
      else print(shown === null ? "released" : `released; the LED shows: ${shown}`);
      return 0;
    } finally {
      client.close();
    }
  },
});

/** @throws GatewayError `not-possible` (no simulated button), `not-running` */
async function openSimulator({ button, paths }: Config): Promise<SimClient> {
  if (button.gpio === undefined) throw new GatewayError("not-possible", "there is no button: button.gpio is not set");
  if (button.gpio !== "sim") {
    throw new GatewayError("not-possible", `the button is real (button.gpio: ${button.gpio}): press it by hand`);
  }
  const client = new SimClient(join(paths.runtime, PAX_CONTROL_SOCKET));
  try {
    await client.connect();
  } catch (cause) {
    const how = 'start one with "paxgate start", and leave it running in another terminal';
    throw new GatewayError("not-running", `no simulated PAX runs with ${paths.runtime}: ${how}`, { cause });
  }
  return client;
}

function holdMs(what: string): number {
  if (Object.hasOwn(holds, what)) return holds[what as keyof typeof holds];
  const seconds = Number(what);
  if (/^[0-9.]+$/.test(what) && seconds >= 0.001 && seconds <= MAX_HOLD_S) return Math.round(seconds * 1_000);
  throw new GatewayError(
    "usage",
    `press: "${what}" is none of identify, reset, factory and a number of seconds up to ${MAX_HOLD_S}\n\nSee paxgate press --help.`,
  );
}
