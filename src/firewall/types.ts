import type { IpNetwork } from "../base/ip.ts";
import type { FirewallConfig, RouterConfig } from "../config/schema.ts";

/**
 * What the configuration asks of the firewall, and nothing that comes and goes by itself (addresses of names, bans,
 * block lists). Plain data: it is stored, compared, and taken back when a change is not confirmed.
 */
export interface FirewallPolicy {
  readonly protect: Exclude<FirewallConfig["protect"], "none">;
  readonly mode: FirewallConfig["mode"];
  readonly sip: { readonly port: number; readonly tcp: boolean };
  /** UDP ports for audio. */
  readonly rtp: { readonly from: number; readonly to: number };
  /** TCP ports on loopback (ARI, AMI) that only root and `asteriskUid` may connect to. */
  readonly localPorts: readonly number[];
  readonly lists: {
    /** Trunk servers and operators: never limited to death, never banned. Addresses, networks, DNS names. */
    readonly trunks: readonly string[];
    readonly operators: readonly string[];
    /** Where SIP may come from besides, under limits and bans. */
    readonly allowed: readonly string[];
    readonly management: readonly string[];
  };
  readonly managementPorts: readonly number[];
  readonly allow: FirewallConfig["allow"];
  readonly limits: FirewallConfig["limits"];
  readonly scanner: FirewallConfig["scanner"];
  readonly router: RouterConfig | null;
  /** The upstream router is asked for ports: its SSDP, PCP and NAT-PMP answers and notices are let in. */
  readonly asksRouter: boolean;
}

/** The policy's lists with every DNS name looked up. */
export interface ResolvedLists {
  readonly trunks: readonly IpNetwork[];
  readonly operators: readonly IpNetwork[];
  readonly allowed: readonly IpNetwork[];
  readonly management: readonly IpNetwork[];
  /** For each of the policy's `allow` entries. */
  readonly allow: readonly (readonly IpNetwork[])[];
}

/** Everything that is blocked by lists from elsewhere, all lists together, without duplicates. */
export interface BlockedSources {
  /** IPv4 addresses as numbers, ascending: 100,000 of them take 400 kB. */
  readonly addresses4: Uint32Array;
  readonly addresses6: readonly string[];
  /** CIDR texts that do not overlap. */
  readonly networks: readonly string[];
}

/** A ban that somebody earned. */
export interface Ban {
  /** Canonical text of an address (IPv4) or a /64 (IPv6). */
  readonly source: string;
  readonly reason: BanReason;
  /** How many bans this source has had, this one included. */
  readonly count: number;
  /** Unix time, ms. */
  readonly sinceMs: number;
  readonly untilMs: number;
}

/**
 * `logins`: failed logins with our own nonce; `operator`: by command; `fleet`: another gateway has banned it. A flood
 * proves nothing: blind segments count too.
 */
export type BanReason = "logins" | OrderedReason;
export type OrderedReason = "operator" | "fleet";

/** A source that the kernel limits by itself now: over its budget of requests. Over UDP it may be forged. */
export interface LimitedSource {
  readonly source: string;
  /** Seconds until the kernel forgets it, if it keeps silent. */
  readonly expiresS: number;
}

/** Packets and bytes that a rule has seen, by the rule's name. */
export type Counters = ReadonlyMap<string, { readonly packets: number; readonly bytes: number }>;
