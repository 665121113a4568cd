import { setMaxListeners } from "node:events";
import { forget, keepRunning, ReloadRequests } from "../app/keep-running.ts";
import { chooseConfig } from "../app/last-good.ts";
import { keepHeapSmall } from "../app/small-heap.ts";
import { GatewayError } from "../base/errors.ts";
import type { Config } from "../config/schema.ts";
import { FactoryReset } from "../drivers/factory-reset.ts";
import { createLog } from "../drivers/pino-log.ts";
import { command, DEFAULT_CONFIG, helpHelp } from "./command.ts";

const levels = ["debug", "info", "warn", "error"] as const;
const formats = ["text", "json"] as const;
const DEFAULT_LAST_GOOD = "/var/lib/paxgate/last-good.yaml";

export const run = command({
  name: "run",
  summary: "Runs the gateway until it is told to stop (SIGINT or SIGTERM).",
  usage: "[-c FILE] [--last-good FILE] [--log text|json] [--level debug|info|warn|error]",
  details: `
  -c, --config FILE  configuration (default ${DEFAULT_CONFIG})
  --last-good FILE   where the last configuration that could be used is kept
                     (default ${DEFAULT_LAST_GOOD} for the default FILE, none for another)
  --log FORMAT       text for people (default on a terminal) or json for the journal
  --level LEVEL      least urgent messages to log (default info)
${helpHelp}

Asterisk is started with it, as an instance of its own. On a clean stop every line is released and Asterisk ends.
SIGHUP takes up a changed configuration once no call is up; one with faults is reported and the old one stays.
A configuration that cannot be used at the start is reported, and the last good one used.`,
  options: {
    config: { type: "string", short: "c", default: DEFAULT_CONFIG },
    "last-good": { type: "string" },
    log: { type: "string", default: process.stderr.isTTY ? "text" : "json" },
    level: { type: "string", default: "info" },
  },
  async run({ values }) {
    keepHeapSmall();
    const format = oneOf(formats, values.log, "--log");
    const log = createLog({ level: oneOf(levels, values.level, "--level"), format });
    const appLog = log.child("app");
    const alert = (words: string) => appLog.error(words);

    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());
    const reloads = new ReloadRequests();
    process.on("SIGHUP", () => reloads.request());

    const usual = values.config === DEFAULT_CONFIG ? DEFAULT_LAST_GOOD : null;
    const lastGood = values["last-good"] ?? usual;
    // The user's own file may stand anywhere, and the last good one is a copy of it: neither was made by the gateway.
    const own = [values.config, ...(lastGood === null ? [] : [lastGood])];
    const factoryOf = ({ paths }: Config) => new FactoryReset(paths.state, [], own);
    let begun = false;
    const before = async (config: Config) => {
      if (!begun) await forget(factoryOf(config), config, appLog);
      begun = true;
    };
    const choose = () => chooseConfig(values.config, lastGood, { alert, before }, appLog);
    await keepRunning(choose, factoryOf, stop.signal, reloads, log);
    return 0;
  },
});

function oneOf<T extends string>(allowed: readonly T[], given: string, option: string): T {
  const found = allowed.find((one) => one === given);
  if (found !== undefined) return found;
  throw new GatewayError("usage", `${option} takes one of ${allowed.join(", ")}, not "${given}"`);
}
