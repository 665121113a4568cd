/** What checking a forwarding made by hand needs from outside, besides `StunPort` and `DefaultRoutePort`. */

/** What has come to the SIP port from the other side of the router since the firewall counts. */
export interface ArrivalsPort {
  /** Packets; null when nobody counts. */
  fromOutside(): Promise<number | null>;
}

/** DNS. */
export interface LookUpPort {
  /** Addresses of a name. Errors: any. */
  lookUp(name: string): Promise<{ readonly addresses: readonly string[] }>;
}
