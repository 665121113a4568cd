import { createServer, type Server, type ServerOptions } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { describeError, GatewayError } from "../base/errors.ts";
import {
  BACKLOG,
  CHECK_MS,
  HEAD_MS,
  IDLE_MS,
  KEEP_ALIVE_MS,
  MAX_CONNECTIONS,
  MAX_HEAD_BYTES,
  REQUEST_MS,
} from "./limits.ts";

/** PEM. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A server that hurries slow clients, and has no handler yet. */
export function hurriedServer(tls: Certificate | null): Server {
  const options: ServerOptions = {
    headersTimeout: HEAD_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: CHECK_MS,
    maxHeaderSize: MAX_HEAD_BYTES,
    requireHostHeader: true,
    noDelay: true,
  };
  const server =
    tls === null
      ? createServer(options)
      : createSecureServer({ ...options, ...tls, minVersion: "TLSv1.2", handshakeTimeout: HEAD_MS });
  // Beyond what has a seat: who lost his is counted here until his connection has ended.
  server.maxConnections = 2 * MAX_CONNECTIONS;
  server.maxHeadersCount = 64;
  server.timeout = IDLE_MS;
  return server;
}

/** Where to listen; the first of each group that works. `lan`: `::` takes IPv4 as well, but not every kernel has IPv6. */
export function placesOf(listen: string): readonly (readonly string[])[] {
  if (listen === "lan") return [["::", "0.0.0.0"]];
  if (listen === "loopback") return [["127.0.0.1"], ["::1"]];
  return [[listen]];
}

/** Not there, as opposed to taken or forbidden. */
const ABSENT = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL", "EPROTONOSUPPORT"]);

/**
 * Listens; the answer is the port, and null when the machine does not have that address.
 * @throws GatewayError `web-port` when the port is taken or forbidden.
 */
export function listenAt(server: Server, host: string, port: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => {
      if ("code" in error && ABSENT.has(String(error.code))) resolve(null);
      else {
        const words = `the page can't be served at port ${port}: ${describeError(error)}`;
        reject(new GatewayError("web-port", words, { cause: error, details: { port } }));
      }
    };
    server.once("error", failed);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off("error", failed);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
