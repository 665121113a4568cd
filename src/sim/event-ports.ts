import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { GatewayError } from "../base/errors.ts";

/**
 * A UDP port of `host` that nobody has, or `port` itself unless it is 0.
 * @throws GatewayError `port-in-use`
 */
export async function freeUdpPort(host: string, port: number): Promise<number> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  try {
    socket.bind({ port, address: host, exclusive: true });
    await once(socket, "listening");
    return socket.address().port;
  } catch (cause) {
    throw new GatewayError("port-in-use", `UDP port ${port} of ${host} cannot be used`, { cause, details: { port } });
  } finally {
    socket.close();
  }
}

/** A TCP port of `host` that nobody has now. */
export async function freeTcpPort(host: string): Promise<number> {
  const server = createServer();
  server.listen(0, host);
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new GatewayError("port-in-use", "no free TCP port");
  return address.port;
}
