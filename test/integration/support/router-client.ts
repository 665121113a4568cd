import { createInterface } from "node:readline";
import { systemClock } from "../../../src/base/clock.ts";
import type { Log } from "../../../src/base/log.ts";
import { KernelDefaultRoute } from "../../../src/drivers/default-route.ts";
import { IgdMapper } from "../../../src/drivers/igd.ts";
import { PcpMapper } from "../../../src/drivers/pcp.ts";
import { NatPmpMapper } from "../../../src/drivers/pcp-nat-pmp.ts";
import { StunClient } from "../../../src/drivers/stun.ts";
import { NatService } from "../../../src/nat/service.ts";

/**
 * The port mapping alone, as a process to be started in a network namespace. Its options are its only argument, in
 * JSON. It prints its view, one line of JSON at each change and for each line that it reads; the line `stop` stops it.
 */
const say = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);
const logger = (level: string) => (message: string, fields?: unknown) => say({ log: level, message, fields });
const log: Log = {
  debug: logger("debug"),
  info: logger("info"),
  warn: logger("warn"),
  error: logger("error"),
  child: () => log,
};

const { memory, ...options } = JSON.parse(process.argv[2] ?? "{}");
let kept: unknown = memory ?? null;
const service = new NatService(
  options,
  {
    route: new KernelDefaultRoute(),
    mappers: { pcp: new PcpMapper(systemClock), "nat-pmp": new NatPmpMapper(systemClock), upnp: new IgdMapper() },
    stun: new StunClient(),
    state: {
      read: async () => kept,
      write: async (state) => {
        kept = state;
        say({ memory: state });
      },
    },
  },
  systemClock,
  log,
);
const began = systemClock.now();
const show = () => say({ view: service.view(), atMs: Math.round(systemClock.now() - began) });
service.on("change", show);
service.on("external", (place) => say({ external: place }));
await service.start(new AbortController().signal);
say({ started: Math.round(systemClock.now() - began) });
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "stop") break;
  show();
}
const stopping = systemClock.now();
await service.stop();
say({ stopped: Math.round(systemClock.now() - stopping) });

process.stdin.destroy();
