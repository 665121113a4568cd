import { formatNetwork, type IpNetwork, isSingle, overlaps, parseNetwork } from "../base/ip.ts";

/**
 * Bans that the gateways of a fleet tell each other. A broker says nothing of who published a message, so each is
 * signed with the fleet's key. Invariants: what is not signed, not fresh, seen before, retained, or of a site that is
 * not accepted changes nothing; a protected network has no address in common with any ban from here; memory is
 * bounded, whatever is sent.
 */
export interface SharedBan {
  readonly v: 1;
  /** Site that made the ban. */
  readonly site: string;
  /** Canonical text of an address (IPv4) or a /64 (IPv6). */
  readonly address: string;
  readonly reasonCode: "logins" | "operator";
  /** How long, minutes. */
  readonly minutes: number;
  /** When it was sent, Unix ms. */
  readonly atMs: number;
  /** 128 random bits, hexadecimal. */
  readonly nonce: string;
  /** HMAC-SHA256 (RFC 2104, FIPS 180-4) of `canonical()`, hexadecimal. */
  readonly mac: string;
}

/** HMAC-SHA256 with the fleet's key. */
export interface Signer {
  /** Hexadecimal, 64 digits. */
  sign(text: string): string;
  /** Compares in constant time. */
  same(one: string, other: string): boolean;
}

/** Longest ban that another site may cause, minutes. */
export const MAX_SHARED_MINUTES = 1_440;
/** How far a message's time may be from ours, ms. */
export const FRESH_MS = 120_000;
/** Bans of one site in a minute. */
export const MAX_PER_MINUTE = 60;
/** Longest payload, bytes: the longest that is in form has fewer than 400. */
export const MAX_BAN_BYTES = 512;
/** As many as all sites together can have accepted while they are fresh: 32 sites, 60 a minute, 4 minutes and a rest. */
const MAX_NONCES = 10_000;
/** A clock before this is not set: 2026-01-01T00:00Z. A Raspberry Pi without network starts years back. */
const CLOCK_SET_MS = 1_767_225_600_000;

/** Loopback, unspecified, link-local, multicast, reserved: RFC 6890 section 2.2, RFC 4291 section 2.7, RFC 3927. */
const NEVER = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/127", "fe80::/10", "ff00::/8"].flatMap(
  (text) => parseNetwork(text) ?? [],
);

export interface SharedBanState {
  /** Nonces that were accepted, with the time from which they need not be remembered, Unix ms. */
  readonly nonces: ReadonlyMap<string, number>;
  /** When each site's accepted bans of the last minute came, Unix ms, ascending. */
  readonly times: ReadonlyMap<string, readonly number[]>;
  /** Nothing that was sent before is taken: nonces of that time are not known. */
  readonly sinceMs: number;
  readonly lastMs: number;
}

export interface SharedBanRules {
  readonly ownSite: string;
  /** Sites whose bans count here. */
  readonly accept: ReadonlySet<string>;
  readonly signer: Signer;
  /** Networks that no ban from elsewhere may touch: trusted, allowed, management, our own addresses. */
  readonly protects: readonly IpNetwork[];
}

export interface SharedBanInput {
  /** Site of the topic. */
  readonly site: string;
  readonly payload: string;
  readonly retained: boolean;
  readonly nowMs: number;
}

export type SharedBanRefusal =
  | "own"
  | "not-accepted"
  | "retained"
  | "form"
  | "mac"
  | "clock"
  | "stale"
  | "replayed"
  | "rate"
  | "address"
  | "protected";

export type SharedBanOutcome =
  | { readonly ok: true; readonly ban: SharedBan; readonly minutes: number }
  | { readonly ok: false; readonly why: SharedBanRefusal };

export function initialSharedBans(nowMs: number): SharedBanState {
  return { nonces: new Map(), times: new Map(), sinceMs: nowMs, lastMs: nowMs };
}

/** What is signed. No field can hold a line break, so no two bans have the same text. */
export function canonical({ v, site, address, reasonCode, minutes, atMs, nonce }: Omit<SharedBan, "mac">): string {
  return ["paxgate-ban", v, site, address, reasonCode, minutes, atMs, nonce].join("\n");
}

/** A ban of our own as it is sent; null when it is none that others would take, or our clock is not set. */
export function signBan(
  own: { readonly site: string; readonly source: string; readonly reason: string; readonly untilMs: number },
  nonce: string,
  nowMs: number,
  signer: Signer,
): SharedBan | null {
  const { site, source: address, reason, untilMs } = own;
  const minutes = Math.min(MAX_SHARED_MINUTES, Math.ceil((untilMs - nowMs) / 60_000));
  const reasonCode = reason === "logins" ? "logins" : "operator";
  const unsigned = { v: 1, site, address, reasonCode, minutes, atMs: Math.round(nowMs), nonce } as const;
  if (minutes < 1 || nowMs < CLOCK_SET_MS || sourceIn(address) === null) return null;
  return { ...unsigned, mac: signer.sign(canonical(unsigned)) };
}

/** Judges one message; whoever is told `ok` may ban. */
export function step(
  state: SharedBanState,
  input: SharedBanInput,
  rules: SharedBanRules,
): { readonly state: SharedBanState; readonly outcome: SharedBanOutcome } {
  const { site, nowMs } = input;
  const refuse = (why: SharedBanRefusal) => ({ state, outcome: { ok: false, why } }) as const;
  if (site === rules.ownSite) return refuse("own");
  if (!rules.accept.has(site)) return refuse("not-accepted");
  // A broker gives a retained message to everybody who comes, for ever: a ban is told once.
  if (input.retained) return refuse("retained");
  const ban = readSharedBan(input.payload);
  if (ban === null || ban.site !== site) return refuse("form");
  if (!rules.signer.same(ban.mac, rules.signer.sign(canonical(ban)))) return refuse("mac");
  if (nowMs < CLOCK_SET_MS) return refuse("clock");
  const known = at(state, nowMs);
  if (Math.abs(ban.atMs - nowMs) > FRESH_MS || ban.atMs < known.sinceMs) return refuse("stale");
  if (known.nonces.has(ban.nonce)) return refuse("replayed");
  const recent = (known.times.get(site) ?? []).filter((time) => time > nowMs - 60_000);
  if (recent.length >= MAX_PER_MINUTE || known.nonces.size >= MAX_NONCES) return refuse("rate");
  const nonces = new Map(known.nonces).set(ban.nonce, ban.atMs + FRESH_MS);
  const next = { ...known, nonces, times: new Map(known.times).set(site, [...recent, nowMs]) };
  const source = sourceIn(ban.address);
  if (source === null) return { state: next, outcome: { ok: false, why: "address" } };
  if (rules.protects.some((each) => overlaps(each, source))) {
    return { state: next, outcome: { ok: false, why: "protected" } };
  }
  return { state: next, outcome: { ok: true, ban, minutes: Math.min(ban.minutes, MAX_SHARED_MINUTES) } };
}

/** Forgets nonces that are too old to be fresh again. A clock that was put back makes everything before it old. */
function at(state: SharedBanState, nowMs: number): SharedBanState {
  const sinceMs = nowMs < state.lastMs - FRESH_MS ? nowMs : state.sinceMs;
  const nonces = new Map([...state.nonces].filter(([, untilMs]) => untilMs >= nowMs));
  return { ...state, nonces, sinceMs, lastMs: nowMs };
}

/** A source in canonical form that may be banned; null for anything else. */
function sourceIn(text: string): IpNetwork | null {
  const network = parseNetwork(text);
  if (network === null || formatNetwork(network) !== text) return null;
  if (network.family === 4 ? !isSingle(network) : network.prefix !== 64 && !isSingle(network)) return null;
  return NEVER.some((each) => overlaps(each, network)) ? null : network;
}

/** Form only; null when it is no shared ban. */
export function readSharedBan(payload: string): SharedBan | null {
  if (payload.length > MAX_BAN_BYTES) return null;
  let read: unknown;
  try {
    read = JSON.parse(payload);
  } catch {
    return null;
  }
  if (typeof read !== "object" || read === null) return null;
  const { v, site, address, reasonCode, minutes, atMs, nonce, mac } = read as Readonly<Record<string, unknown>>;
  if (Object.keys(read).length !== 8 || v !== 1) return null;
  if (reasonCode !== "logins" && reasonCode !== "operator") return null;
  if (!isText(site, /^[A-Za-z0-9_-]{1,64}$/) || !isText(address, /^[0-9a-f.:/]{2,43}$/)) return null;
  if (!isText(nonce, /^[0-9a-f]{32}$/) || !isText(mac, /^[0-9a-f]{64}$/)) return null;
  if (!isCount(minutes, 1, 525_600) || !isCount(atMs, 0, Number.MAX_SAFE_INTEGER)) return null;
  return { v, site, address, reasonCode, minutes, atMs, nonce, mac };
}

function isText(value: unknown, form: RegExp): value is string {
  return typeof value === "string" && form.test(value);
}

function isCount(value: unknown, least: number, most: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most;
}

/**
 * Networks of the entries of lists (addresses, networks, DNS names): for `SharedBanRules.protects`.
 * @param names each DNS name with its addresses now
 */
export function networksOf(
  entries: readonly string[],
  names: ReadonlyMap<string, readonly string[]>,
): readonly IpNetwork[] {
  return entries.flatMap((entry) => [entry, ...(names.get(entry) ?? [])]).flatMap((text) => parseNetwork(text) ?? []);
}
