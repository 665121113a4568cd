import { z } from "zod";
import { type Clock, systemClock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import { JsonLinesServer } from "../base/json-lines.ts";
import { type Log, silentLog } from "../base/log.ts";
import { HardwareServer } from "./hardware-server.ts";
import { Panel } from "./panel.ts";
import { PaxControl } from "./pax-control.ts";
import { Simulation } from "./simulation.ts";
import { type TopologyInput, topologySchema } from "./topology.ts";
import { TrailingClock } from "./trailing-clock.ts";

export interface PaxSimulatorOptions {
  /** Path of the socket for the lines' drivers (`drivers/sim-line`). At most 107 bytes. */
  readonly hardwareSocket: string;
  /** Path of the socket for `SimClient`. At most 107 bytes. */
  readonly controlSocket: string;
  /** Telephones, lines and habits of the exchange; what is left out has a default. */
  readonly topology?: TopologyInput;
  /** The same seed gives the same bounces, delays and false impulses. */
  readonly seed?: number;
  readonly log?: Log;
  readonly clock?: Clock;
}

/**
 * Runs a simulated PAX in this process until it is closed. Meant for a process of its own: the exchange then outlives
 * the gateway, as a real one does.
 * @throws GatewayError `bad-topology`; errors of listening on the sockets
 */
export async function startPaxSimulator(options: PaxSimulatorOptions): Promise<{ close(): Promise<void> }> {
  const topology = topologySchema.safeParse(options.topology ?? {});
  if (!topology.success) throw new GatewayError("bad-topology", z.prettifyError(topology.error));
  const log = options.log ?? silentLog;
  const clock = new TrailingClock(options.clock ?? systemClock);
  const catchUp = () => clock.catchUp();
  const seed = options.seed ?? 1;
  const simulation = new Simulation(clock, topology.data, seed, () => clock.lagMs());
  const panel = new Panel(simulation, seed);
  const hardware = new HardwareServer(options.hardwareSocket, simulation, panel, catchUp, log);
  const control = new PaxControl(simulation, panel, hardware, catchUp);
  const requests = new JsonLinesServer(options.controlSocket, (method, params) => control.handle(method, params));
  simulation.events.on("circuit", (id) => {
    const event = control.eventFor(id);
    if (event !== null) requests.broadcast(event);
  });
  panel.events.on("changed", () => requests.broadcast(control.panelEvent));
  const close = async () => {
    await requests.stop();
    await hardware.stop();
    clock.stop();
  };
  try {
    await hardware.start();
    await requests.start();
  } catch (error) {
    await close();
    throw error;
  }
  log.info("simulated PAX ready", { telephones: simulation.telephones.size, lines: simulation.lines.size });
  return { close };
}
