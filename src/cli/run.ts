import { setMaxListeners } from "node:events";
import { forget, keepRunning, ReloadRequests } from "../app/keep-running.ts";
import { chooseConfig } from "../app/last-good.ts";
import { keepHeapSmall } from "../app/small-heap.ts";
import { Supervision } from "../app/supervision.ts";
import { GatewayError } from "../base/errors.ts";
import type { Config } from "../config/schema.ts";
import { BOOT_STATE, BootState } from "../drivers/boot-state.ts";
import { FactoryReset } from "../drivers/factory-reset.ts";
import { createLog } from "../drivers/pino-log.ts";
import { serviceManager } from "../drivers/systemd-notify.ts";
import { command, DEFAULT_CONFIG, helpHelp } from "./command.ts";

const levels = ["debug", "info", "warn", "error"] as const;
const formats = ["text", "json"] as const;
const DEFAULT_LAST_GOOD = "/var/lib/paxgate/last-good.yaml";

export const run = command({
  name: "run",
  summary: "Runs the gateway until it is told to stop (SIGINT or SIGTERM).",
  usage:
    "[-c FILE] [--last-good FILE] [--safe-default FILE] [--problem-file FILE] [--asterisk-unit FILE] [--boot-state DIRECTORY] [--log text|json] [--level debug|info|warn|error]",
  details: `
  -c, --config FILE  configuration (default ${DEFAULT_CONFIG})
  --last-good FILE   where the last configuration that could be used is kept
                     (default ${DEFAULT_LAST_GOOD} for the default FILE, none for another)
  --safe-default FILE  configuration for when neither can be used (default: none, the gateway then ends)
  --problem-file FILE  where what is wrong is written for people, and taken away when all is well (default: nowhere)
  --asterisk-unit FILE  Asterisk is a unit of the service manager's, which a write to RUNTIME/asterisk-start starts, and
                     runs as the user asterisk whoever we are. FILE lists its processes: its control group's
                     cgroup.procs. Without this option Asterisk is a child
  --boot-state DIRECTORY  what the start of the machine has left: which of two systems runs, what was wrong
                     (default ${BOOT_STATE}; where there is none, nothing is shown of it)
  --log FORMAT       text for people (default on a terminal) or json for the journal
  --level LEVEL      least urgent messages to log (default info)
${helpHelp}

Asterisk is started with it, as an instance of its own. On a clean stop every line is released and Asterisk ends.
SIGHUP takes up a changed configuration once no call is up; one with faults is reported and the old one stays.
A configuration that cannot be used at the start is reported, and the last good one used.
Started by a service manager that wants to be told (sd_notify) it says when the lines are served, and feeds its watchdog
as long as the lines answer and Asterisk is looked after. RUNTIME/ready is there while calls can be made.`,
  options: {
    config: { type: "string", short: "c", default: DEFAULT_CONFIG },
    "last-good": { type: "string" },
    "safe-default": { type: "string" },
    "problem-file": { type: "string" },
    "asterisk-unit": { type: "string" },
    "boot-state": { type: "string", default: BOOT_STATE },
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
    const safeDefault = values["safe-default"] ?? null;
    let begun = false;
    const before = async (config: Config) => {
      if (!begun) await forget(factoryOf(config), config, appLog);
      begun = true;
    };
    const choose = () => chooseConfig(values.config, lastGood, { alert, before }, appLog, safeDefault);
    const manager = serviceManager(process.env);
    const supervised = manager !== null || values["problem-file"] !== undefined;
    const supervision = supervised
      ? new Supervision({ manager, problemFile: values["problem-file"] ?? null }, log)
      : null;
    const boot = new BootState(values["boot-state"]);
    const options = { asteriskUnit: values["asterisk-unit"] ?? null, supervision, boot };
    try {
      await keepRunning(choose, factoryOf, stop.signal, reloads, log, options);
    } catch (error) {
      await supervision?.failed(error);
      throw error;
    } finally {
      await supervision?.stop();
    }
    return 0;
  },
});

function oneOf<T extends string>(allowed: readonly T[], given: string, option: string): T {
  const found = allowed.find((one) => one === given);
  if (found !== undefined) return found;
  throw new GatewayError("usage", `${option} takes one of ${allowed.join(", ")}, not "${given}"`);
}
