import type { Dispose } from "../base/events.ts";

/** What the nat room needs from outside. */

/** Where this machine's default route leads (IPv4: there is no address translation to ask for in IPv6). */
export interface DefaultRoute {
  readonly interface: string;
  /** Address of the router. */
  readonly gateway: string;
  /** Our own address on that interface, the one in the router's network. */
  readonly address: string;
}

export interface DefaultRoutePort {
  /** Null when there is no default route, or no address in its network. */
  read(): Promise<DefaultRoute | null>;
}

/** A way to ask the router for ports. */
export type MapperProtocol = "pcp" | "nat-pmp" | "upnp";

/** What a way of asking is opened with. */
export interface MapperMemory {
  readonly route: DefaultRoute;
  /** Identity of the router that worked before; another one is refused. Null believes any. */
  readonly identity: string | null;
  /** Secret of ours that outlives restarts, hex: without it PCP would not let us touch our own mappings again. */
  readonly seed: string;
}

export interface MapRequest {
  readonly protocol: "udp" | "tcp";
  readonly internalPort: number;
  readonly externalPort: number;
  /** Another outside port would do as well. */
  readonly otherPort: boolean;
  /** Worth more questions: what is there before, and whether it is there afterwards. */
  readonly careful: boolean;
  /** Seconds; 0 asks for a mapping without an end, which only UPnP has. */
  readonly leaseS: number;
}

/**
 * Why the router did not do it.
 * - `conflict`: somebody else has that outside port.
 * - `permanent-only`: it knows no leases (UPnP error 725).
 * - `denied`: its rules forbid it.
 * - `no-address`: it has no public address itself.
 * - `full`: it has no room for more.
 * - `other-router`: it is not the one that worked before.
 * - `unsupported`, `no-answer`, `failed`: as they say.
 */
export type Refusal =
  | "conflict"
  | "permanent-only"
  | "denied"
  | "no-address"
  | "full"
  | "other-router"
  | "unsupported"
  | "no-answer"
  | "failed";

export interface Refused {
  readonly ok: false;
  readonly why: Refusal;
}

export interface Opened {
  readonly ok: true;
  /** What to know this router by next time; null when the protocol has no identities. */
  readonly identity: string | null;
  /** Its address at the outside; null when this way does not tell it before a mapping is made, "" when it has none. */
  readonly address: string | null;
}

export interface Mapped {
  readonly ok: true;
  readonly externalPort: number;
  /** Seconds; 0 is without an end. */
  readonly leaseS: number;
  /** As in `Opened`. */
  readonly address: string | null;
}

export interface Checked {
  readonly ok: true;
  readonly address: string | null;
  /** Those asked about that are not there, or lead to somebody else. Empty where the protocol cannot ask. */
  readonly gone: readonly MapRequest[];
}

/**
 * One way to ask the router. Every call is bounded in time (5 s at most) and never throws for what a router does or
 * says: that is a `Refused`. Only answers from the router itself are believed.
 */
export interface MapperPort {
  readonly protocol: MapperProtocol;
  /** Finds out whether the router speaks this. May be called again after `close`. */
  open(memory: MapperMemory, signal: AbortSignal): Promise<Opened | Refused>;
  map(request: MapRequest, signal: AbortSignal): Promise<Mapped | Refused>;
  /** `false` when the router did not confirm it. */
  unmap(request: MapRequest, signal: AbortSignal): Promise<boolean>;
  /** Asks how the router does: its address, and whether these mappings are there. */
  check(requests: readonly MapRequest[], signal: AbortSignal): Promise<Checked | Refused>;
  /** The router has lost its mappings: its clock went back (RFC 6887 section 8.5, RFC 6886 section 3.6). */
  onLost(listener: () => void): Dispose;
  /** The router, or somebody in its name, says that something changed: a reason to check, no more. */
  onHint(listener: () => void): Dispose;
  close(): void;
}

export interface StunPort {
  /**
   * Our address as seen by a STUN server, `HOST` or `HOST:PORT`; null when it gave no answer in time (3 s).
   * Sent from this address of ours.
   */
  ask(server: string, from: string, signal: AbortSignal): Promise<string | null>;
}

/** A piece of state that outlives restarts and power cuts. What is read is anything: check it. */
export interface NatStatePort {
  /** Null when nothing was ever written. */
  read(): Promise<unknown>;
  write(state: unknown): Promise<void>;
}
