/** Addresses that are remembered. */
const MAX_ENTRIES = 512;

/**
 * So much at once, and so much a second after that, for each address by itself. Memory is constant: the address that
 * has been quiet for longest is forgotten first.
 */
export class Budget {
  readonly #entries = new Map<string, { left: number; atMs: number }>();
  readonly #burst: number;
  readonly #perS: number;

  constructor(burst: number, perS: number) {
    this.#burst = burst;
    this.#perS = perS;
  }

  /** Takes one; false when there is none left. `nowMs`: monotonic. */
  take(key: string, nowMs: number): boolean {
    const entry = this.#entries.get(key);
    const before = entry === undefined ? this.#burst : entry.left + ((nowMs - entry.atMs) * this.#perS) / 1_000;
    const left = Math.min(this.#burst, before);
    const taken = left >= 1;
    this.#entries.delete(key);
    this.#entries.set(key, { left: taken ? left - 1 : left, atMs: nowMs });
    if (this.#entries.size > MAX_ENTRIES) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    return taken;
  }

  get size(): number {
    return this.#entries.size;
  }
}
