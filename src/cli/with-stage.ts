import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Stage } from "../app/rehearsal/stage.ts";
import { GatewayError } from "../base/errors.ts";
import { configError, loadConfig } from "../config/load.ts";
import { demonstrationConfig } from "./state-place.ts";

/** The option of commands that work a running demonstration. */
export const stageOption = { config: { type: "string", short: "c" } } as const;
export const stageHelp =
  "  -c, --config FILE  configuration that `paxgate start` runs with (default: the one that it wrote)";

/**
 * Does something with the simulation that `start` runs.
 * @throws GatewayError `not-running`, with how to start one
 */
export async function withStage<T>(configFile: string | undefined, act: (stage: Stage) => Promise<T>): Promise<T> {
  const file = resolve(configFile ?? demonstrationConfig());
  const how = "start one with scripts/start (or: paxgate start), and leave it running in another terminal";
  if (configFile === undefined && !existsSync(file)) {
    throw new GatewayError("not-running", `no demonstration runs: ${how}`);
  }
  const loaded = await loadConfig(file);
  if (!loaded.ok) throw configError(loaded.error);
  const stage = new Stage(loaded.value.config);
  try {
    await stage.open();
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== "not-running") throw error;
    throw new GatewayError(
      "not-running",
      `no gateway with a simulated PAX and event network runs with ${file}: ${how}`,
    );
  }
  try {
    return await act(stage);
  } finally {
    stage.close();
  }
}
