import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { SIM_HARDWARE_SOCKET } from "../app/line-ports.ts";
import { loadWithSecrets } from "../app/prepare.ts";
import { PAX_CONTROL_SOCKET, simulatedPaxOf } from "../app/simulated-pax.ts";
import { startPaxSimulator } from "../sim/server.ts";
import { runSimulator } from "./simulator-process.ts";

/** Process of the simulated PAX that a configuration's `sim` lines belong to: `pax-sim.js -c FILE`. */
await runSimulator("pax", async (file, log) => {
  const { config } = (await loadWithSecrets(file)).loaded;
  const { runtime } = config.paths;
  await mkdir(runtime, { recursive: true, mode: 0o711 });
  return startPaxSimulator({
    hardwareSocket: join(runtime, SIM_HARDWARE_SOCKET),
    controlSocket: join(runtime, PAX_CONTROL_SOCKET),
    topology: simulatedPaxOf(config),
    log,
  });
});
