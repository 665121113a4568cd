import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { endLeftOverAsterisk } from "../app/left-over-asterisk.ts";
import { loadWithSecrets } from "../app/prepare.ts";
import { EVENT_CONTROL_SOCKET, eventDirectories, eventDrivers, simulatedEventOf } from "../app/simulated-event.ts";
import { ServiceGroup } from "../base/lifecycle.ts";
import { asteriskUser } from "../drivers/asterisk-files.ts";
import { EventControlServer } from "../sim/event-control.ts";
import { EventNetwork } from "../sim/event-network.ts";
import { runSimulator } from "./simulator-process.ts";

/** Process of the simulated event network that a configuration's loopback trunks register with: `event-sim.js -c FILE`. */
await runSimulator("event", async (file, log, signal) => {
  const { loaded, passwords } = await loadWithSecrets(file);
  const { config } = loaded;
  await mkdir(config.paths.runtime, { recursive: true, mode: 0o711 });
  const directories = eventDirectories(config);
  if (await endLeftOverAsterisk(directories)) log.warn("ended an Asterisk that was left over");
  const drivers = eventDrivers(directories, await asteriskUser(), log);
  const network = new EventNetwork(simulatedEventOf(config, passwords), drivers, log);
  const control = new EventControlServer(network, join(config.paths.runtime, EVENT_CONTROL_SOCKET));
  const services = new ServiceGroup("event", [network, control], log);
  await services.start(signal);
  log.info("simulated event network ready", network.server);
  return { close: () => services.stop() };
});
