import { type BrokerRole, hostOf } from "./embedded-broker-access.ts";

/** Connections at once, and those of one address. */
export const MOST_CONNECTIONS = 50;
const MOST_OF_ONE = 20;
/** Those that have not logged in so far: in all, and of one address. Logging in takes a moment only. */
const MOST_UNKNOWN = 20;
const MOST_UNKNOWN_OF_ONE = 4;

/** A connection that holds a place. */
export interface Guest {
  readonly address: string;
  /** Null until the password was right. */
  readonly role: BrokerRole | null;
  destroy(): unknown;
}

/**
 * Who has a place at the broker. Whoever has not logged in keeps nobody else out: when there is no place left, he who
 * has waited for longest gives his to the newcomer, first of all where most of them come from.
 */
export class Places<G extends Guest> {
  /** By name; the latest last. */
  readonly #taken = new Map<string, G>();

  get size(): number {
    return this.#taken.size;
  }

  has(name: string): boolean {
    return this.#taken.has(name);
  }

  all(): readonly G[] {
    return [...this.#taken.values()];
  }

  /** Whether one more of this address may come, for whom another may have to go. */
  makeRoom(address: string): boolean {
    const guests = [...this.#taken];
    const unknown = guests.filter(([, { role }]) => role === null);
    const own = unknown.filter(([, guest]) => guest.address === address);
    const full = guests.filter(([, guest]) => guest.address === address).length >= MOST_OF_ONE;
    let victim: readonly [string, G] | undefined;
    if (full || own.length >= MOST_UNKNOWN_OF_ONE) victim = own[0];
    else if (unknown.length >= MOST_UNKNOWN || guests.length >= MOST_CONNECTIONS) victim = oldestOfCrowd(unknown);
    else return true;
    if (victim === undefined) return false;
    const [name, guest] = victim;
    this.#taken.delete(name);
    guest.destroy();
    return true;
  }

  take(name: string, guest: G): void {
    this.#taken.set(name, guest);
  }

  leave(name: string, guest: G): void {
    if (this.#taken.get(name) === guest) this.#taken.delete(name);
  }
}

/** The oldest of those who come from where most come from. */
function oldestOfCrowd<G extends Guest>(guests: readonly (readonly [string, G])[]): readonly [string, G] | undefined {
  const counts = new Map<string, number>();
  for (const [, { address }] of guests) counts.set(hostOf(address), (counts.get(hostOf(address)) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return guests.find(([, { address }]) => counts.get(hostOf(address)) === most);
}
