import { connect, type Socket } from "node:net";
import { GatewayError } from "../base/errors.ts";
import type { PortHolder } from "./process-sockets.ts";

/** Who listens at the port to which a secret is to be sent; undefined when nobody does. */
export type AskHolder = (port: number) => Promise<PortHolder | undefined>;

const CONNECT_LIMIT_MS = 3_000;

/**
 * A connection to a port of 127.0.0.1 that our Asterisk holds. Any user of the machine may listen there before Asterisk
 * does, or when it has died, and would be told our password: so its holder is asked for before and after connecting.
 * @throws GatewayError `port-closed` when nobody listens, `port-foreign` when somebody else does
 */
export async function connectTrusted(port: number, holder: AskHolder): Promise<Socket> {
  await requireOurs(port, holder);
  const socket = await open(port);
  try {
    await requireOurs(port, holder);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function requireOurs(port: number, holder: AskHolder): Promise<void> {
  const found = await holder(port);
  if (found === "ours") return;
  const details = { port };
  if (found === undefined) {
    throw new GatewayError("port-closed", `nobody listens at TCP port ${port} of 127.0.0.1`, { details });
  }
  const message = `TCP port ${port} of 127.0.0.1 is used by another program than our Asterisk`;
  throw new GatewayError("port-foreign", message, { details });
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    const failed = (cause: Error) => {
      socket.destroy();
      reject(new GatewayError("port-closed", `no connection to TCP port ${port} of 127.0.0.1`, { cause }));
    };
    socket.once("error", failed);
    socket.setTimeout(CONNECT_LIMIT_MS, () => failed(new Error("time-out")));
    socket.once("connect", () => {
      socket.setTimeout(0).removeAllListeners("timeout").off("error", failed);
      // Until its user listens: a loss in between is seen by `close`.
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}
