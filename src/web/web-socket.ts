import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { createWebSocketStream, type WebSocket, WebSocketServer } from "ws";
import { MAX_ALL_SOCKETS, MAX_SOCKET_MESSAGE, MAX_SOCKETS } from "./limits.ts";
import type { WebPorts } from "./port.ts";
import { Refusal } from "./refusal.ts";
import { provenanceOf } from "./sources.ts";

/** MQTT over WebSocket (MQTT 3.1.1 section 6): the server carries it; who may do what is the broker's to say. */
export class BrokerSockets {
  readonly #broker: WebPorts["broker"];
  /** With their addresses. */
  readonly #open = new Map<WebSocket, string>();
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_SOCKET_MESSAGE,
    handleProtocols: () => "mqtt",
  });

  constructor(broker: WebPorts["broker"]) {
    this.#broker = broker;
  }

  /** @throws Refusal when it is no MQTT, from a foreign page, or too much. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, address: string, secure: boolean): void {
    const broker = this.#broker;
    if (broker === undefined) throw new Refusal("not-found", "This gateway has no broker of its own.");
    const { host, origin } = request.headers;
    if (origin !== undefined && provenanceOf({ host, origin, fetchSite: undefined, secure }) !== "own") {
      throw new Refusal("cross-site", "This was not sent by the gateway's own page.");
    }
    const protocols = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((one) => one.trim());
    if (!protocols.includes("mqtt")) throw new Refusal("bad-request", "Only the subprotocol mqtt is spoken here.");
    const own = [...this.#open.values()].filter((one) => one === address).length;
    if (own >= MAX_SOCKETS || this.#open.size >= MAX_ALL_SOCKETS)
      throw new Refusal("busy", "Too many connections to the broker.");
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      this.#open.set(webSocket, address);
      webSocket.once("close", () => this.#open.delete(webSocket));
      const stream = createWebSocketStream(webSocket);
      // Whatever is wrong with it, the stream closes, and the broker sees that.
      stream.on("error", () => webSocket.terminate());
      // Half a connection is none: without this the broker would notice the browser's going at the next keep-alive only.
      stream.once("end", () => stream.destroy());
      broker(stream, address);
    });
  }

  stop(): void {
    for (const webSocket of this.#open.keys()) webSocket.terminate();
  }

  get count(): number {
    return this.#open.size;
  }
}
