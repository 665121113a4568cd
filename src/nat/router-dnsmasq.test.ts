import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contains, parseAddress } from "../base/ip.ts";
import type { RouterConfig } from "../config/schema.ts";
import { dhcpRange, lanOf, renderDnsmasq } from "./router-dnsmasq.ts";

const config = (address: string): RouterConfig => ({
  uplink: "eth0",
  lan: "eth1",
  address,
  dhcp: true,
  leaseHours: 6,
  forwards: [],
});
const places = { leaseFile: "/var/lib/x/leases", resolvFile: "/etc/resolv.conf" };

describe("addresses given out", () => {
  it.each([
    ["10.64.0.1/24", "10.64.0.100", "10.64.0.199"],
    ["10.64.3.1/16", "10.64.3.100", "10.64.3.199"],
    ["10.64.0.150/24", "10.64.0.100", "10.64.0.149"],
    ["10.64.0.120/24", "10.64.0.121", "10.64.0.199"],
    ["192.168.7.129/25", "192.168.7.192", "192.168.7.254"],
    ["192.168.7.254/25", "192.168.7.192", "192.168.7.253"],
    ["10.0.0.1/30", "10.0.0.2", "10.0.0.2"],
    ["10.0.0.2/30", "10.0.0.1", "10.0.0.1"],
  ])("of %s are %s to %s", (address, first, last) => {
    expect(dhcpRange(lanOf(config(address)))).toEqual({ first, last });
  });

  it("lie in the network and are never ours", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 8, max: 30 }), (address, prefix) => {
        let lan: ReturnType<typeof lanOf>;
        try {
          lan = lanOf(config(`${address}/${prefix}`));
        } catch {
          return;
        }
        const { first, last } = dhcpRange(lan);
        const [from, to, own] = [first, last, address].map(parseAddress);
        if (!from || !to || !own) throw new Error("no addresses");
        expect(contains(lan.network, from) && contains(lan.network, to)).toBe(true);
        expect(from.first <= to.first && (own.first < from.first || own.first > to.first)).toBe(true);
        const broadcast = lan.network.first + (1n << BigInt(32 - prefix)) - 1n;
        expect(from.first > lan.network.first && to.first < broadcast).toBe(true);
      }),
    );
  });

  it.each(["10.0.0.0/24", "10.0.0.255/24", "10.0.0.1/31", "10.0.0.1/32", "10.0.0.1/7", "fd00::1/64"])(
    "%s cannot be our place on the LAN",
    (address) => {
      expect(() => lanOf(config(address))).toThrow(expect.objectContaining({ code: "nat-router" }));
    },
  );
});

it("dnsmasq is told to serve the LAN interface alone, and to leak and believe nothing of the LAN", () => {
  const lines = renderDnsmasq(config("10.64.0.1/24"), lanOf(config("10.64.0.1/24")), places).split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      "interface=eth1",
      "except-interface=lo",
      "bind-dynamic",
      "no-hosts",
      "bogus-priv",
      "stop-dns-rebind",
      "local=/pax.internal/",
      "dhcp-authoritative",
      "dhcp-range=10.64.0.100,10.64.0.199,255.255.255.0,6h",
      "dhcp-lease-max=100",
      "dhcp-leasefile=/var/lib/x/leases",
    ]),
  );
  expect(lines.filter((line) => line.startsWith("interface="))).toHaveLength(1);
});
