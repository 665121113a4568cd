import { neighbourhoodOf } from "./sources.ts";

/**
 * How often a password may be tried. Each address by itself (a guesser doesn't lock out anybody else), and all
 * strangers together (many addresses don't help a guesser). Who has logged in before is no stranger: the guessing of
 * others doesn't touch him. Memory is constant.
 */

/** Wrong passwords that cost nothing: people mistype. */
const FREE = 5;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** An address that has been quiet for so long starts anew. */
const FORGET_MS = 15 * 60_000;
/** Guesses of all strangers together: 30 a minute. */
const SHARED = 30;
const SHARED_REFILL_MS = 2_000;
const MAX_ENTRIES = 256;
const MAX_KNOWN = 32;

interface Entry {
  failures: number;
  /** Not before. */
  nextMs: number;
  lastMs: number;
}

export class LoginLimiter {
  readonly #entries = new Map<string, Entry>();
  /** Addresses that have logged in, the latest last. */
  readonly #known = new Set<string>();
  #shared = SHARED;
  #sharedMs = 0;

  /** How long this address has to wait before it may try, ms; 0: now. `nowMs`: monotonic. */
  waitMs(address: string, nowMs: number): number {
    const entry = this.#entryOf(address, nowMs);
    const own = entry === undefined ? 0 : Math.max(0, entry.nextMs - nowMs);
    if (own > 0 || this.#known.has(address)) return own;
    this.#refill(nowMs);
    return this.#shared >= 1 ? 0 : Math.ceil((1 - this.#shared) * SHARED_REFILL_MS);
  }

  /** The password was wrong. */
  failed(address: string, nowMs: number): void {
    const key = this.#keyOf(address);
    const failures = (this.#entryOf(address, nowMs)?.failures ?? 0) + 1;
    const wait = failures < FREE ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures - FREE, 10));
    this.#entries.delete(key);
    if (this.#entries.size >= MAX_ENTRIES) this.#makeRoom();
    this.#entries.set(key, { failures, nextMs: nowMs + wait, lastMs: nowMs });
    if (this.#known.has(address)) return;
    this.#refill(nowMs);
    this.#shared = Math.max(0, this.#shared - 1);
  }

  /** The password was right. */
  succeeded(address: string): void {
    this.#entries.delete(this.#keyOf(address));
    this.#known.delete(address);
    this.#known.add(address);
    this.#entries.delete(address);
    const [oldest] = this.#known;
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }

  /** Has logged in before. */
  isKnown(address: string): boolean {
    return this.#known.has(address);
  }

  /** New password: nobody has logged in with it. */
  forget(): void {
    this.#known.clear();
  }

  get size(): number {
    return this.#entries.size + this.#known.size;
  }

  #keyOf(address: string): string {
    return this.#known.has(address) ? address : neighbourhoodOf(address);
  }

  #entryOf(address: string, nowMs: number): Entry | undefined {
    const key = this.#keyOf(address);
    const entry = this.#entries.get(key);
    if (entry === undefined || nowMs - entry.lastMs <= FORGET_MS) return entry;
    this.#entries.delete(key);
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

  #refill(nowMs: number): void {
    this.#shared = Math.min(SHARED, this.#shared + (nowMs - this.#sharedMs) / SHARED_REFILL_MS);
    this.#sharedMs = nowMs;
  }
}
