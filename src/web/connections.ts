import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { Budget } from "./budget.ts";
import { CONNECT_BURST, CONNECTS_PER_S } from "./limits.ts";
import { type Seat, seat } from "./seats.ts";
import { addressOf, neighbourhoodOf } from "./sources.ts";

interface Connection extends Seat {
  readonly socket: Socket;
  heard: boolean;
}

/** The part of a connection that is the same for the socket and for the TLS that is spoken on it. */
type End = Pick<Socket, "localAddress" | "remoteAddress" | "remotePort">;

/** The connections, each of which has a seat (see seats.ts). */
export class Connections {
  /** The oldest first. */
  readonly #open = new Map<string, Connection>();
  readonly #admits: (address: string) => boolean;
  readonly #isKnown: (address: string) => boolean;

  readonly #budget = new Budget(CONNECT_BURST, CONNECTS_PER_S);
  readonly #clock: Clock;

  constructor(admits: (address: string) => boolean, isKnown: (address: string) => boolean, clock: Clock) {
    this.#clock = clock;
    this.#admits = admits;
    this.#isKnown = isKnown;
  }

  /** Whether the socket may stay; cuts it off otherwise, or another one in its place. */
  take(socket: Socket): boolean {
    const address = addressOf(socket.remoteAddress);
    const sinceMs = this.#clock.now();
    if (address === null || !this.#budget.take(address, sinceMs) || !this.#admits(address)) {
      socket.destroy();
      return false;
    }
    const connection: Connection = {
      socket,
      address,
      neighbourhood: neighbourhoodOf(address),
      sinceMs,
      heard: false,
    };
    if (!this.#makeRoom(connection)) {
      socket.destroy();
      return false;
    }
    const key = keyOf(socket);
    this.#open.set(key, connection);
    socket.once("close", () => {
      if (this.#open.get(key) === connection) this.#open.delete(key);
    });
    return true;
  }

  /** A whole head of a request has come on it. */
  heard(end: End): void {
    const connection = this.#open.get(keyOf(end));
    if (connection !== undefined) connection.heard = true;
  }

  get count(): number {
    return this.#open.size;
  }

  #makeRoom(newcomer: Connection): boolean {
    const seating = seat([...this.#open.values()], newcomer, this.#isKnown, newcomer.sinceMs);
    if (seating.stays && seating.insteadOf !== null) {
      this.#open.delete(keyOf(seating.insteadOf.socket));
      seating.insteadOf.socket.destroy();
    }
    return seating.stays;
  }
}

function keyOf({ localAddress, remoteAddress, remotePort }: End): string {
  return `${localAddress} ${remoteAddress} ${remotePort}`;
}
