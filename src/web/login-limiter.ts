/**
 * How often a password may be tried, by each address for itself. Nothing that others do, and be they a thousand or in
 * the same IPv6 network, makes an address wait that has guessed nothing: the gateway makes the password itself (139
 * bits), so that who has many addresses comes no nearer to it, and could only keep others out. Memory is constant.
 */

/** Wrong passwords that cost nothing: people mistype. */
const FREE = 5;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** An address that has been quiet for so long starts anew. */
const FORGET_MS = 15 * 60_000;
const MAX_ENTRIES = 256;

interface Entry {
  failures: number;
  /** Not before. */
  nextMs: number;
  lastMs: number;
}

export class LoginLimiter {
  readonly #entries = new Map<string, Entry>();

  /** How long this address has to wait before it may try, ms; 0: now. `nowMs`: monotonic. */
  waitMs(address: string, nowMs: number): number {
    return Math.max(0, (this.#entryOf(address, nowMs)?.nextMs ?? nowMs) - nowMs);
  }

  /** The password was wrong. */
  failed(address: string, nowMs: number): void {
    const failures = (this.#entryOf(address, nowMs)?.failures ?? 0) + 1;
    const wait = failures < FREE ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures - FREE, 10));
    this.#entries.delete(address);
    if (this.#entries.size >= MAX_ENTRIES) this.#makeRoom();
    this.#entries.set(address, { failures, nextMs: nowMs + wait, lastMs: nowMs });
  }

  /** The password was right. */
  succeeded(address: string): void {
    this.#entries.delete(address);
  }

  /** New password: who has tried the old one has not guessed at this one. */
  forget(): void {
    this.#entries.clear();
  }

  get size(): number {
    return this.#entries.size;
  }

  #entryOf(address: string, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(address);
    if (entry === undefined || nowMs - entry.lastMs <= FORGET_MS) return entry;
    this.#entries.delete(address);
    return undefined;
  }

  /** Whoever has guessed least goes first: a guesser can't push his own count out with other addresses. */
  #makeRoom(): void {
    let least: string | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    for (const [key, { failures }] of this.#entries) {
      if (failures < fewest) {
        least = key;
        fewest = failures;
      }
    }
    if (least !== undefined) this.#entries.delete(least);
  }
}
