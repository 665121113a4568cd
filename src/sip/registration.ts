import type { TrunkPeer } from "./model.ts";
import { withPort } from "./values.ts";

/** How our trunks are registered at their servers, read from Asterisk's `sip show registry`. */

/** One line of `sip show registry`. Asterisk cuts `host` after 39 characters and `username` after 12. */
export interface RegistryEntry {
  /** Server and port. */
  readonly host: string;
  readonly username: string;
  /** `Registered`, `Request Sent`, `Auth. Sent`, `Rejected`, `Timeout`, `No Authentication`, `Failed`, `Unregistered`. */
  readonly state: string;
}

const HOST_WIDTH = 39;
const USERNAME_WIDTH = 12;
/** States from which nothing better is to be expected soon. `missing` is ours: Asterisk does not even try. */
const FAILED = new Set(["Rejected", "Timeout", "No Authentication", "Failed", "missing"]);
/** Longest that a registration, or its renewal, may be under way before it counts as lost, ms (EJ). */
const GRACE_MS = 10_000;

/** The columns have fixed places: chan_sip.c prints `%-39.39s %-6.6s %-12.12s  %8d %-20.20s %-25.25s`. */
export function parseRegistry(lines: readonly string[]): RegistryEntry[] {
  return lines
    .filter((line) => /^\S.{68} \S/.test(line) && !/^Host\s/.test(line))
    .map((line) => ({
      host: line.slice(0, HOST_WIDTH).trim(),
      username: line.slice(47, 47 + USERNAME_WIDTH).trim(),
      state: line.slice(70, 90).trim(),
    }));
}

/** State of every trunk that registers, by name. Trunks that look alike once they are cut count in their order. */
export function registrationStates(
  trunks: readonly TrunkPeer[],
  entries: readonly RegistryEntry[],
): ReadonlyMap<string, string> {
  const left = [...entries];
  const states = new Map<string, string>();
  for (const { name, server, port, username, register } of trunks) {
    if (!register) continue;
    const host = withPort(server, port).slice(0, HOST_WIDTH);
    const user = username.slice(0, USERNAME_WIDTH);
    const at = left.findIndex((entry) => entry.host === host && entry.username === user);
    const [entry] = at < 0 ? [] : left.splice(at, 1);
    states.set(name, entry?.state ?? "missing");
  }
  return states;
}

export interface Registration {
  readonly registered: boolean;
  /** Since when it has been anything but `Registered`. */
  readonly awaySinceMs: number | null;
  /** What was reported last. */
  readonly reported: boolean | null;
}

export const unregistered: Registration = { registered: false, awaySinceMs: null, reported: null };

/** What a look at `atMs` makes of a registration; `report` is true when it is to be told. */
export function registrationStep(
  before: Registration,
  state: string,
  atMs: number,
): { readonly next: Registration; readonly report: boolean } {
  const awaySinceMs = state === "Registered" ? null : (before.awaySinceMs ?? atMs);
  const lost = FAILED.has(state) || (awaySinceMs !== null && atMs - awaySinceMs >= GRACE_MS);
  // While it is renewed it still holds.
  const registered = state === "Registered" || (before.registered && !lost);
  const settled = state === "Registered" || lost;
  const report = settled && before.reported !== registered;
  return { next: { registered, awaySinceMs, reported: report ? registered : before.reported }, report };
}
