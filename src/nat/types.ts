/** What the port mapping wants and has. */

/** A port or a range at the outside that leads to the same ports here. */
export interface WantedMapping {
  readonly name: "sip" | "sip-tcp" | "rtp";
  readonly protocol: "udp" | "tcp";
  readonly internalPort: number;
  /** Number of consecutive ports. */
  readonly count: number;
  /** The outside port to ask for. */
  readonly externalPort: number;
  /** Another outside port would do too. */
  readonly otherPort: boolean;
}

/** How the world reaches us. */
export interface ExternalPlace {
  /** Public address, or what the router takes for one. */
  readonly address: string;
  /** SIP's port there. */
  readonly sipPort: number;
}

/** For people and for the status. */
export interface NatView {
  readonly mode: "none" | "upstream" | "router";
  /** Protocol that works at the router; null before it is known. */
  readonly protocol: "pcp" | "nat-pmp" | "upnp" | null;
  readonly router: string | null;
  readonly external: ExternalPlace | null;
  /** What STUN servers say our address is; null when none answered. */
  readonly stunAddress: string | null;
  readonly doubleNat: boolean;
  readonly mappings: readonly {
    readonly name: string;
    readonly externalPort: number | null;
    readonly expiresS: number | null;
    readonly fault: string | null;
  }[];
  /** What somebody has to set elsewhere, in words; nothing is wrong by itself. */
  readonly advice?: string;
  /** What is wrong, in words; empty when nothing is. */
  readonly faults: readonly string[];
}
