import { once } from "node:events";
import { createServer } from "node:net";
import { GatewayError } from "../base/errors.ts";
import type { Config, TrunkConfig } from "../config/schema.ts";
import { freeUdpPort } from "../sim/event-ports.ts";

/**
 * Everything of a configuration that somebody else listens on: Asterisk would be tried again and again, and never say
 * more than that it does not come up.
 * @throws GatewayError `port-in-use`, naming every such port with its key
 */
export async function requirePorts({ sip, asterisk }: Config, simulated: readonly TrunkConfig[]): Promise<void> {
  const [event] = simulated;
  const wanted: readonly [key: string, protocol: string, port: number, isFree: () => Promise<unknown>][] = [
    ["sip.port", "UDP", sip.port, () => freeUdpPort(sip.bindAddress, sip.port)],
    ["asterisk.ariPort", "TCP", asterisk.ariPort, () => requireTcpPort("127.0.0.1", asterisk.ariPort)],
    ["asterisk.managerPort", "TCP", asterisk.managerPort, () => requireTcpPort("127.0.0.1", asterisk.managerPort)],
  ];
  const taken: string[] = [];
  for (const [key, protocol, port, isFree] of wanted) {
    if (await fails(isFree)) taken.push(`${protocol} port ${port} (${key})`);
  }
  if (event !== undefined && (await fails(() => freeUdpPort("127.0.0.1", event.port)))) {
    taken.push(`UDP port ${event.port} (trunks: port)`);
  }
  if (taken.length === 0) return;
  const [are, others] = taken.length === 1 ? ["is", "another"] : ["are", "others"];
  const message = `${taken.join(", ")} ${are} in use by another program: stop it, or write ${others} into the configuration`;
  throw new GatewayError("port-in-use", message, { details: { taken } });
}

/** @throws when somebody has it */
export async function requireTcpPort(host: string, port: number): Promise<void> {
  const server = createServer();
  server.listen(port, host);
  await once(server, "listening");
  server.close();
  await once(server, "close");
}

async function fails(isFree: () => Promise<unknown>): Promise<boolean> {
  return isFree().then(
    () => false,
    () => true,
  );
}
