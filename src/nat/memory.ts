/** What is kept of the router over restarts. */
export interface Memory {
  readonly version: 1;
  /** Secret, 32 bytes in hex: PCP's nonces come of it, by which the router knows our mappings for ours. */
  readonly seed: string;
  /** The router that worked last; null before any did. */
  readonly router: { readonly gateway: string; readonly identity: string } | null;
  /**
   * Outside ports other than the wanted ones that lead to us, by protocol and port here (`udp 5060`). Empty after a clean end; after any
   * other the same ports are asked for, so that none is left behind at the router.
   */
  readonly ports: Readonly<Record<string, number>>;
}

const MAX_PORTS = 4;

/** Null for anything that is no memory. */
export function readMemory(value: unknown): Memory | null {
  if (!isRecord(value) || value["version"] !== 1) return null;
  const { seed, router, ports } = value;
  if (typeof seed !== "string" || !/^[0-9a-f]{64}$/.test(seed)) return null;
  return { version: 1, seed, router: readRouter(router), ports: readPorts(ports) };
}

function readRouter(value: unknown): Memory["router"] {
  if (!isRecord(value)) return null;
  const { gateway, identity } = value;
  if (typeof gateway !== "string" || typeof identity !== "string" || identity.length > 256) return null;
  return { gateway, identity };
}

function readPorts(value: unknown): Memory["ports"] {
  if (!isRecord(value)) return {};
  const ports: Record<string, number> = {};
  for (const [name, port] of Object.entries(value).slice(0, MAX_PORTS)) {
    const good = typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65_535;
    if (good && /^(?:udp|tcp) [0-9]{1,5}$/.test(name)) ports[name] = port;
  }
  return ports;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
