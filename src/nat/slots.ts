import type { Refusal } from "./port.ts";
import type { WantedMapping } from "./types.ts";

/**
 * One port at the router each. An audio port must keep its number, because Asterisk names it in its SDP: where
 * somebody else has it, that is a fault. SIP may have another number, which is then told to Asterisk.
 */
export interface Slot {
  readonly name: WantedMapping["name"];
  readonly protocol: "udp" | "tcp";
  readonly internalPort: number;
  readonly otherPort: boolean;
  /** The outside port that is wanted most. */
  readonly wantedPort: number;
  /** The outside port to ask for next. */
  readonly askPort: number;
  /** The outside port that leads to us; null while none does. */
  readonly externalPort: number | null;
  /** When the router forgets it; null when it never does, or nothing is mapped. */
  readonly expiresAtMs: number | null;
  /** When to ask for it (again). */
  readonly dueMs: number;
  /** Outside ports that were taken since one was free. */
  readonly attempt: number;
  readonly fault: Refusal | null;
}

/** Ports asked for before it is called a fault that they are taken. */
const MAX_ATTEMPTS = 8;
/** Time to the next attempt after a refusal, ms. */
export const RETRY_MS = 60_000;

/** Audio in the order of its numbers, after SIP. */
export function slotsFor(wanted: readonly WantedMapping[]): readonly Slot[] {
  const all = wanted.flatMap((mapping) =>
    Array.from(
      { length: mapping.count },
      (_, n): Slot => ({
        name: mapping.name,
        protocol: mapping.protocol,
        internalPort: mapping.internalPort + n,
        otherPort: mapping.otherPort && mapping.name !== "rtp",
        wantedPort: mapping.externalPort + n,
        askPort: mapping.externalPort + n,
        externalPort: null,
        expiresAtMs: null,
        dueMs: 0,
        attempt: 0,
        fault: null,
      }),
    ),
  );
  const rank = { sip: 0, "sip-tcp": 1, rtp: 2 };
  return all.sort((one, other) => rank[one.name] - rank[other.name]);
}

/** Whether the world gets through to it, as far as we know. */
export function isMapped(slot: Slot, nowMs: number): boolean {
  return slot.externalPort !== null && (slot.expiresAtMs === null || slot.expiresAtMs > nowMs);
}

/** With nothing at the router, to be asked for now. */
export function isFree(slot: Slot, nowMs: number): Slot {
  return { ...slot, externalPort: null, expiresAtMs: null, dueMs: nowMs };
}

/** The router forgot them: the same ports again. */
export function forget(slots: readonly Slot[], nowMs: number): readonly Slot[] {
  return slots.map((slot) => ({ ...isFree(slot, nowMs), attempt: 0, fault: null }));
}

/** Refused for now. */
export function refuse(slots: readonly Slot[], at: number, why: Refusal, nowMs: number): readonly Slot[] {
  return slots.map((slot, n) =>
    n === at ? { ...isFree(slot, nowMs), askPort: slot.wantedPort, dueMs: nowMs + RETRY_MS, fault: why } : slot,
  );
}

/** The port is somebody else's: the next one to ask for, if another would do. */
export function otherPort(slot: Slot, nowMs: number): Slot {
  const attempt = slot.attempt + 1;
  if (slot.otherPort && attempt < MAX_ATTEMPTS) {
    return { ...isFree(slot, nowMs), attempt, askPort: candidate(slot.wantedPort, attempt) };
  }
  return {
    ...isFree(slot, nowMs),
    askPort: slot.wantedPort,
    dueMs: nowMs + RETRY_MS,
    attempt: 0,
    fault: "conflict",
  };
}

/**
 * Far from each other and from the one that is taken, whose neighbours another gateway may use. Above 1024 and below
 * 49152, where no router gives ports out by itself (RFC 6335 section 6).
 */
export function candidate(wantedPort: number, attempt: number): number {
  return 1024 + ((wantedPort - 1024 + 48_128 + attempt * 5_003) % 48_128);
}

/** How a slot is called in the memory. */
export function slotName(slot: Slot): string {
  return `${slot.protocol} ${slot.internalPort}`;
}

/** Outside ports that are others than was wanted. */
export function unwantedPorts(slots: readonly Slot[]): Readonly<Record<string, number>> {
  const ports: Record<string, number> = {};
  for (const slot of slots) {
    if (slot.externalPort !== null && slot.externalPort !== slot.wantedPort) ports[slotName(slot)] = slot.externalPort;
  }
  return ports;
}
