import type { Server } from "node:http";
import type { Socket } from "node:net";
import { MAX_EMPTY_LINES } from "./limits.ts";

/** What is looked at before Node's HTTP server works on it, because that work is what an attack is after. */

/** Asks first whether a connection may stay: a refused one costs neither a parser nor a TLS handshake. */
export function lookFirst(server: Server, mayStay: (socket: Socket) => boolean): void {
  const rest = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", (socket) => {
    if (!mayStay(socket)) return;
    for (const listener of rest) listener.call(server, socket);
  });
}

/**
 * Cuts off who sends many requests at once without waiting for answers. Node hands all the requests of one packet
 * (64 KB hold more than a thousand) to their handlers before anything else runs, and destroying the connection does
 * not end that; measured: 160 such connections stop the event loop for 3.7 s. So the packet is made unreadable before
 * the parser sees it. The answer undoes it, for a connection that goes on with another protocol.
 */
export function refuseHeaps(socket: Socket): () => void {
  const look = (chunk: Buffer) => {
    if (!isHeap(chunk)) return;
    chunk.fill(0);
    socket.destroy();
  };
  socket.prependListener("data", look);
  return () => socket.off("data", look);
}

const LF = 10;
const CR = 13;

/** Whether there are more empty lines in it than one request has. Both kinds of line ends count. */
export function isHeap(chunk: Buffer): boolean {
  let found = 0;
  for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) {
    const next = chunk[at + 1] === CR ? chunk[at + 2] : chunk[at + 1];
    if (next === LF && ++found > MAX_EMPTY_LINES) return true;
  }
  return false;
}
