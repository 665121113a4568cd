import type { SipModel } from "./model.ts";

/** How the world reaches our SIP: what Contact, Via and SDP say to everybody who is not in `localNetworks`. */
export interface SipPlace {
  /** An IP address; never a name, which is what `sip.externalAddress` may be. */
  readonly address: string;
  /** SIP's port there, UDP and TCP alike. */
  readonly sipPort: number;
  /** Networks on our side of it; without them the model's. What accounts may register from is another matter. */
  readonly localNetworks?: readonly string[];
}

/**
 * The model with the place that was found at run time. It wins over `sip.externalAddress`: it was measured now, and
 * it knows the port. Without one the configuration stands.
 */
export function withPlace(model: SipModel, place: SipPlace | null): SipModel {
  if (place === null) return model;
  const { address, sipPort, localNetworks = model.localNetworks } = place;
  return { ...model, externalAddress: address, externalPort: sipPort, localNetworks };
}

export function samePlace(one: SipPlace | null, other: SipPlace | null): boolean {
  const networks = (place: SipPlace | null) => place?.localNetworks?.join();
  return one?.address === other?.address && one?.sipPort === other?.sipPort && networks(one) === networks(other);
}

/** SIP's port as the world sees it. */
export function externalPortOf(model: SipModel): number {
  return model.externalPort ?? model.port;
}
