import { GatewayError } from "../base/errors.ts";
import { formatNetwork, parseAddress } from "../base/ip.ts";
import type { GuardControl } from "./control.ts";

const refuse = async (): Promise<never> => {
  throw new GatewayError("no-firewall", "there is no firewall here: firewall.protect is none");
};

/** What is answered where the configuration wants no firewall. */
export function noGuard(unixMs: () => number): GuardControl {
  return {
    view: async () => ({
      atMs: unixMs(),
      protect: "none",
      mode: "open",
      inForce: false,
      rulesSinceMs: null,
      repairs: 0,
      faults: [],
      trial: { state: "confirmed" },
      sources: { trusted: 0, registered: 0, allowed: 0, management: 0, blocked: 0 },
      lists: [],
      names: [],
      bans: { total: 0, latest: [] },
      limited: { total: 0, some: [] },
      events: { refused: 0, unattributed: 0 },
      counters: [],
      scanner: [],
    }),
    explain: async (text) => {
      const address = parseAddress(text);
      if (address === null) throw new GatewayError("bad-address", "no IP address");
      return { address: formatNetwork(address), verdict: "accepted", class: "unguarded", reasons: [] };
    },
    confirm: refuse,
    bans: refuse,
    ban: refuse,
    release: refuse,
    refresh: refuse,
  };
}
