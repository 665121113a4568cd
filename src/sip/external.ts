import type { SipModel } from "./model.ts";

/** How the world reaches our SIP: what Contact, Via and SDP say to everybody who is not in `localNetworks`. */
export interface SipPlace {
  /** An IP address; never a name, which is what `sip.externalAddress` may be. */
  readonly address: string;
  /** SIP's port there, UDP and TCP alike. */
  readonly sipPort: number;
}

/**
 * The model with the place that was found at run time. It wins over `sip.externalAddress`: it was measured now, and
 * it knows the port. Without one the configuration stands.
 */
export function withPlace(model: SipModel, place: SipPlace | null): SipModel {
  if (place === null) return model;
  return { ...model, externalAddress: place.address, externalPort: place.sipPort };
}

export function samePlace(one: SipPlace | null, other: SipPlace | null): boolean {
  return one?.address === other?.address && one?.sipPort === other?.sipPort;
}

/** SIP's port as the world sees it. */
export function externalPortOf(model: SipModel): number {
  return model.externalPort ?? model.port;
}
