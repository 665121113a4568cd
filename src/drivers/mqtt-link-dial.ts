import { connect as connectTcp, isIP } from "node:net";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { createWebSocketStream, WebSocket } from "ws";
import { GatewayError } from "../base/errors.ts";

/** Where the broker is and how it is trusted. Certificates and key are PEM. */
export interface DialOptions {
  readonly url: string;
  /** Who may have signed the broker's certificate; without it, those whom the system trusts. */
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

const ports: Readonly<Record<string, number>> = { "mqtt:": 1883, "mqtts:": 8883, "ws:": 80, "wss:": 443 };
/** Longest WebSocket message, bytes: a broker may put several MQTT packets into one. */
const LONGEST_MESSAGE = 262_144;

/**
 * Opens the stream to a broker, TLS complete and the broker's certificate verified, always: until then nothing is
 * written, so that no impostor is told the password. Rejects with the error of Node or OpenSSL, or `aborted`.
 */
export async function dial(options: DialOptions, signal: AbortSignal): Promise<Duplex> {
  const url = new URL(options.url);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? (ports[url.protocol] ?? 0) : Number(url.port);
  const tls: ConnectionOptions = {
    host,
    port,
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(options.cert === undefined ? {} : { cert: options.cert }),
    ...(options.key === undefined ? {} : { key: options.key }),
  };
  switch (url.protocol) {
    case "mqtt:":
      return opened(connectTcp({ host, port, noDelay: true }), "connect", signal);
    case "mqtts:":
      return opened(connectTls(tls).setNoDelay(true), "secureConnect", signal);
    default:
      return webSocket(url, tls, signal);
  }
}

async function webSocket(url: URL, tls: ConnectionOptions, signal: AbortSignal): Promise<Duplex> {
  const socket = new WebSocket(url, ["mqtt"], {
    maxPayload: LONGEST_MESSAGE,
    perMessageDeflate: false,
    followRedirects: false,
    rejectUnauthorized: true,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  });
  const stream = createWebSocketStream(socket);
  const ready = new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    stream.once("error", reject);
    stream.once("close", () => reject(new GatewayError("mqtt-closed", "the connection was closed")));
  });
  return whenReady(stream, ready, signal);
}

function opened(stream: Duplex, event: string, signal: AbortSignal): Promise<Duplex> {
  const ready = new Promise<void>((resolve, reject) => {
    stream.once(event, resolve);
    stream.once("error", reject);
    stream.once("close", () => reject(new GatewayError("mqtt-closed", "the connection was closed")));
  });
  return whenReady(stream, ready, signal);
}

async function whenReady(stream: Duplex, ready: Promise<void>, signal: AbortSignal): Promise<Duplex> {
  // Errors after the first have no other listener until the client takes the stream, and would end the process.
  stream.on("error", () => undefined);
  const abort = () => stream.destroy(new GatewayError("aborted", "connecting was given up"));
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    await ready;
    return stream;
  } catch (error) {
    stream.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
