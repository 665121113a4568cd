import type { FirewallPolicy } from "./types.ts";

/** A policy with something in every place, for tests. */
export function testPolicy(of: Partial<FirewallPolicy>): FirewallPolicy {
  return {
    protect: "host",
    mode: "allowlist",
    sip: { port: 5060, tcp: false },
    rtp: { from: 10_000, to: 10_999 },
    localPorts: [8188, 8138],
    lists: {
      trunks: ["sip.example"],
      operators: ["192.168.1.20"],
      allowed: ["10.42.0.0/16", "2001:db8::/32"],
      management: ["192.168.0.0/16"],
    },
    managementPorts: [22],
    allow: [{ port: 8080, protocol: "tcp", from: ["192.168.1.0/24"] }],
    limits: {
      requestBurst: 4,
      requestsPerHour: 12,
      limitedMinutes: 10,
      failures: 3,
      failureHours: 24,
      banMinutes: [10, 60],
      trustedInvitesPerSecond: 5,
      trustedInviteBurst: 20,
    },
    scanner: { enabled: true, strict: false, tokens: ["evil scan"] },
    router: {
      uplink: "eth0",
      lan: "eth1",
      address: "10.64.0.1/24",
      dhcp: true,
      leaseHours: 12,
      forwards: [
        { name: "web", protocol: "tcp", port: 8443, to: "10.64.0.20", toPort: 443 },
        { name: "game", protocol: "udp", port: 9999, to: "10.64.0.21" },
      ],
    },
    asksRouter: false,
    ...of,
  };
}
