/** What is kept of the router over restarts. */
export interface Memory {
  readonly version: 1;
  /** Secret, 32 bytes in hex: PCP's nonces come of it, by which the router knows our mappings for ours. */
  readonly seed: string;
  /** The router that worked last; null before any did. */
  readonly router: { readonly gateway: string; readonly identity: string } | null;
}

/** Null for anything that is no memory. */
export function readMemory(value: unknown): Memory | null {
  if (!isRecord(value) || value["version"] !== 1) return null;
  const { seed, router } = value;
  if (typeof seed !== "string" || !/^[0-9a-f]{64}$/.test(seed)) return null;
  if (!isRecord(router)) return { version: 1, seed, router: null };
  const { gateway, identity } = router;
  const whole = typeof gateway === "string" && typeof identity === "string" && identity.length <= 256;
  return { version: 1, seed, router: whole ? { gateway, identity } : null };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
