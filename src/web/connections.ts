import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { Budget } from "./budget.ts";
import { CONNECT_BURST, CONNECTS_PER_S, MAX_CONNECTIONS, MAX_PER_ADDRESS, MAX_STRANGERS } from "./limits.ts";
import { addressOf } from "./sources.ts";

/**
 * Counts connections. A stranger who opens as many as he can takes none from those who have logged in before, and one
 * address never takes them all.
 */
export class Connections {
  readonly #counts = new Map<string, number>();
  #all = 0;
  readonly #admits: (address: string) => boolean;
  readonly #isKnown: (address: string) => boolean;

  readonly #budget = new Budget(CONNECT_BURST, CONNECTS_PER_S);
  readonly #clock: Clock;

  constructor(admits: (address: string) => boolean, isKnown: (address: string) => boolean, clock: Clock) {
    this.#clock = clock;
    this.#admits = admits;
    this.#isKnown = isKnown;
  }

  /** Whether the socket may stay; cuts it off otherwise. */
  take(socket: Socket): boolean {
    const address = addressOf(socket.remoteAddress);
    if (address === null || !this.#mayStay(address)) {
      socket.destroy();
      return false;
    }
    this.#all++;
    this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1);
    socket.once("close", () => {
      this.#all--;
      const left = (this.#counts.get(address) ?? 1) - 1;
      if (left > 0) this.#counts.set(address, left);
      else this.#counts.delete(address);
    });
    return true;
  }

  get count(): number {
    return this.#all;
  }

  #mayStay(address: string): boolean {
    if ((this.#counts.get(address) ?? 0) >= MAX_PER_ADDRESS) return false;
    if (this.#all >= (this.#isKnown(address) ? MAX_CONNECTIONS : MAX_STRANGERS)) return false;
    return this.#budget.take(address, this.#clock.now()) && this.#admits(address);
  }
}
