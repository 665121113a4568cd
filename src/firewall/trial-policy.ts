import type { FirewallPolicy } from "./types.ts";

/**
 * Of a policy, only who may reach what is tried and taken back. Ports, the interfaces and what the machine is follow
 * the configuration that the rest of the gateway runs on, or the rules would guard other ports than those in use.
 */
type Own = Pick<FirewallPolicy, "sip" | "rtp" | "localPorts" | "router" | "asksRouter">;

const NOT_TRIED: Own = {
  sip: { port: 1, tcp: false },
  rtp: { from: 1, to: 1 },
  localPorts: [],
  router: null,
  asksRouter: false,
};

/** What confirm-or-revert is to see of a policy. */
export function onTrial(policy: FirewallPolicy): FirewallPolicy {
  return { ...policy, ...NOT_TRIED };
}

/** A policy that was tried, with everything else from the configuration. */
export function withOwn(
  tried: FirewallPolicy,
  { sip, rtp, localPorts, router, asksRouter }: FirewallPolicy,
): FirewallPolicy {
  return { ...tried, sip, rtp, localPorts, router, asksRouter };
}
