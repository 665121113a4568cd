/** What checking a forwarding made by hand needs from outside. */

export interface StunPort {
  /**
   * Our address as a STUN server sees it (RFC 8489). The server is `HOST` or `HOST:PORT`.
   * Errors: any; they are told in their own words.
   */
  query(server: string, signal: AbortSignal): Promise<string>;
}

/** What has come to the SIP port from the other side of the router since the firewall counts. */
export interface ArrivalsPort {
  /** Packets; null when nobody counts. */
  fromOutside(): Promise<number | null>;
}

/** Our own addresses. */
export interface OwnAddressPort {
  /** IPv4 address of the interface with the default route; null without one. */
  ownAddress(): Promise<string | null>;
}

/** DNS. */
export interface LookUpPort {
  /** Addresses of a name. Errors: any. */
  lookUp(name: string): Promise<{ readonly addresses: readonly string[] }>;
}
