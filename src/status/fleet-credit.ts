/** What may still be sent at a time: a bucket of tokens. */
export interface Credit {
  readonly tokens: number;
  /** Monotonic, ms. */
  readonly atMs: number;
}

/** Messages at once, and in a second for long. A site's retained ones come all at once. */
const BURST = 400;
const PER_SECOND = 50;
/** A longer message counts as several: it is read for longer. */
const BYTES_OF_ONE = 4_096;

export function freshCredit(atMs: number): Credit {
  return { tokens: BURST, atMs };
}

/** What a message of so many bytes costs. */
export function costOf(bytes: number): number {
  return Math.max(1, bytes / BYTES_OF_ONE);
}

/** What it has become until then, and so much more or less; never less than a burst is missing. */
export function earned({ tokens, atMs }: Credit, nowMs: number, more = 0): Credit {
  const now = Math.min(BURST, tokens + ((nowMs - atMs) * PER_SECOND) / 1_000);
  return { tokens: Math.max(-BURST, Math.min(BURST, now + more)), atMs: nowMs };
}

/** After a message of that cost; null: it may not be sent. */
export function spent(credit: Credit, cost: number, nowMs: number): Credit | null {
  const now = earned(credit, nowMs);
  return now.tokens < cost ? null : { ...now, tokens: now.tokens - cost };
}

/** The common credit when one that was made of it comes back: less what was used of it. */
export function returned(common: Credit, own: Credit, nowMs: number): Credit {
  return earned(common, nowMs, earned(own, nowMs).tokens - BURST);
}
