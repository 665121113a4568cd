import { setMaxListeners } from "node:events";
import { mkdir } from "node:fs/promises";
import { Gateway } from "../app/gateway.ts";
import { prepare } from "../app/prepare.ts";
import { asteriskUser } from "../drivers/asterisk-files.ts";
import { createLog } from "../drivers/pino-log.ts";
import { command, configHelp, configOption, helpHelp } from "./command.ts";

const levels = ["debug", "info", "warn", "error"] as const;

export const run = command({
  name: "run",
  summary: "Runs the gateway until it is told to stop (SIGINT or SIGTERM).",
  usage: "[-c FILE] [--log text|json] [--level debug|info|warn|error]",
  details: `
${configHelp}
  --log FORMAT       text for people (default on a terminal) or json for the journal
  --level LEVEL      least urgent messages to log (default info)
${helpHelp}

Asterisk is started with it, as an instance of its own. On a clean stop every line is released and Asterisk ends.`,
  options: {
    ...configOption,
    log: { type: "string", default: process.stderr.isTTY ? "text" : "json" },
    level: { type: "string", default: "info" },
  },
  async run({ values }) {
    const level = levels.find((one) => one === values.level) ?? "info";
    const log = createLog({ level, format: values.log === "text" ? "text" : "json" });
    const begun = performance.now();
    const prepared = await prepare(values.config, ({ path, reason }) =>
      log.error("the stored state is damaged; its previous generation is used", { path, reason }),
    );
    const { paths } = prepared.loaded.config;
    await mkdir(paths.runtime, { recursive: true, mode: 0o711 });
    const gateway = new Gateway(prepared, await asteriskUser(), log);
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => stop.abort());
    gateway.onReady(() => {
      log.child("app").info("ready for calls", { afterMs: Math.round(performance.now() - begun) });
    });
    try {
      await gateway.start(stop.signal);
      if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener("abort", resolve));
    } finally {
      log.child("app").info("stopping");
      await gateway.stop();
    }
    return 0;
  },
});
