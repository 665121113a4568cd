const MAX_KNOWN = 32;

/**
 * Addresses that somebody with a session has asked from. Nothing is opened by that: what strangers do takes no
 * connection and no request from them, so that they stay known also when a new password has ended their sessions.
 */
export class KnownAddresses {
  /** The latest last. */
  readonly #all = new Set<string>();

  add(address: string): void {
    this.#all.delete(address);
    this.#all.add(address);
    const [oldest] = this.#all;
    if (this.#all.size > MAX_KNOWN && oldest !== undefined) this.#all.delete(oldest);
  }

  has(address: string): boolean {
    return this.#all.has(address);
  }

  get size(): number {
    return this.#all.size;
  }
}
