import type { RouterConfig } from "../config/schema.ts";
import type { FirewallPolicy } from "./types.ts";

/** What of confirm or revert outlives a restart, as it is stored. */
export interface TrialMemory {
  readonly version: 1;
  /** What was last confirmed: in force whenever nothing is on trial. */
  readonly confirmed: FirewallPolicy;
  readonly pending: PendingChange | null;
}

/** A change that is not confirmed. `leftMs` was left of the trial when it was `atMs` (Unix time). */
export type PendingChange =
  | { readonly kind: "on-trial"; readonly policy: FirewallPolicy; readonly leftMs: number; readonly atMs: number }
  | { readonly kind: "reverted"; readonly policy: FirewallPolicy; readonly sinceMs: number };

type Check = (value: unknown) => boolean;

/**
 * What was stored, if it is all there and in the present form. Null for anything else, also for what another version
 * of the gateway has stored: rules must never be rendered from a policy with parts missing.
 */
export function readTrialMemory(stored: unknown): TrialMemory | null {
  return isMemory(stored) ? (stored as TrialMemory) : null;
}

const number: Check = (value) => typeof value === "number" && Number.isFinite(value) && value >= 0;
const port: Check = (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535;
const flag: Check = (value) => typeof value === "boolean";
/** Addresses, names, tokens: nothing that could end a rule and begin another. */
const word: Check = (value) => typeof value === "string" && /^[A-Za-z0-9._:/ -]{1,255}$/.test(value);
const nothing: Check = (value) => value === null;
const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    typeof value === "string" && words.includes(value);
const either =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.some((check) => check(value));
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length <= 10_000 && value.every(check);

/** An object with these keys and no others; the compiler sees to it that none of T's is forgotten. */
function object<T>(shape: { readonly [K in keyof Required<T>]: Check }): Check {
  const checks = new Map<string, Check>(Object.entries<Check>(shape));
  return (value) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).every((key) => checks.has(key)) &&
    [...checks].every(([key, check]) => check(Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined));
}

const absent: Check = (value) => value === undefined;
const protocol = oneOf("udp", "tcp");

const isRouter = object<RouterConfig>({
  uplink: word,
  lan: word,
  address: word,
  dhcp: flag,
  leaseHours: number,
  forwards: listOf(
    object<RouterConfig["forwards"][number]>({
      name: word,
      protocol,
      port,
      to: word,
      toPort: either(absent, port),
    }),
  ),
});

const isPolicy = object<FirewallPolicy>({
  protect: oneOf("host", "gateway"),
  mode: oneOf("allowlist", "open"),
  sip: object<FirewallPolicy["sip"]>({ port, tcp: flag }),
  rtp: object<FirewallPolicy["rtp"]>({ from: port, to: port }),
  localPorts: listOf(port),
  lists: object<FirewallPolicy["lists"]>({
    trunks: listOf(word),
    operators: listOf(word),
    allowed: listOf(word),
    management: listOf(word),
  }),
  managementPorts: listOf(port),
  allow: listOf(object<FirewallPolicy["allow"][number]>({ port, protocol, from: listOf(word) })),
  limits: object<FirewallPolicy["limits"]>({
    requestBurst: number,
    requestsPerHour: number,
    limitedMinutes: number,
    failures: number,
    failureHours: number,
    banMinutes: listOf(number),
    trustedInvitesPerSecond: number,
    trustedInviteBurst: number,
  }),
  scanner: object<FirewallPolicy["scanner"]>({ enabled: flag, strict: flag, tokens: listOf(word) }),
  router: either(nothing, isRouter),
  asksRouter: flag,
});

const isMemory = object<TrialMemory>({
  version: (value) => value === 1,
  confirmed: isPolicy,
  pending: either(
    nothing,
    object<Extract<PendingChange, { kind: "on-trial" }>>({
      kind: oneOf("on-trial"),
      policy: isPolicy,
      leftMs: number,
      atMs: number,
    }),
    object<Extract<PendingChange, { kind: "reverted" }>>({
      kind: oneOf("reverted"),
      policy: isPolicy,
      sinceMs: number,
    }),
  ),
});
