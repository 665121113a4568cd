import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { contains, parseAddress } from "../../base/ip.ts";
import { type Config, configSchema } from "../../config/schema.ts";
import { admits, type KnownNames, lanAddress, type NatPlace, networksOf, protectedNetworks } from "./networks.ts";

const configOf = (more: object): Config => configSchema.parse({ lines: [{ name: "tie" }], ...more });
const lists = {
  management: ["192.168.7.0/24", "fd12:3456::/32", "fe80::/10", "desk.example"],
  operators: ["198.51.100.20", "op.example"],
};
const names: KnownNames = new Map([
  ["op.example", ["203.0.113.5", "2001:db8::5"]],
  ["gone.example", []],
]);

describe("the page and the broker admit", () => {
  const config = configOf({ firewall: { lists } });
  it.each([
    ["127.0.0.1", true],
    ["127.99.0.1", true],
    ["::1", true],
    ["::ffff:127.0.0.1", true],
    ["192.168.7.200", true],
    ["::ffff:192.168.7.200", true],
    ["::FFFF:192.168.7.200", true],
    ["::ffff:c0a8:7c8", true],
    ["192.168.8.1", false],
    ["::ffff:192.168.8.1", false],
    ["::192.168.7.1", false],
    ["fd12:3456:7::9", true],
    ["fd12:3457::9", false],
    ["fe80::1%eth0", true],
    ["fe80::1%25eth0", true],
    ["fec0::1%eth0", false],
    ["198.51.100.20", true],
    ["198.51.100.21", false],
    ["203.0.113.5", true],
    ["2001:db8::5", true],
    ["2001:db8::6", false],
    ["op.example", false],
    ["192.168.7.0/24", false],
    ["", false],
    ["%eth0", false],
    ["0300.0250.7.1", false],
  ])("%s: %s", (address, expected) => {
    expect(admits(config, address, names)).toBe(expected);
  });

  it("nobody by a name whose addresses nobody knows", () => {
    expect(admits(config, "203.0.113.5", new Map())).toBe(false);
    expect(admits(configOf({ firewall: { lists: { operators: ["gone.example"] } } }), "203.0.113.5", names)).toBe(
      false,
    );
  });

  it("this machine itself, whatever the lists say", () => {
    const none = configOf({ firewall: { lists: { management: [] } } });
    expect(admits(none, "127.0.0.1", names)).toBe(true);
    expect(admits(none, "192.168.7.1", names)).toBe(false);
  });
});

describe("no ban from elsewhere touches", () => {
  const config = configOf({
    firewall: { lists: { ...lists, trunks: ["192.0.2.64/29"], eventNetwork: ["10.42.0.0/16"] } },
    trunks: [
      { name: "event", server: "192.0.2.10", username: "4100", password: "pw" },
      { name: "other", server: "sip.example", username: "4101", password: "pw" },
    ],
    accounts: [{ name: "desk" }, { name: "shed", networks: ["172.20.5.0/24"] }],
    sip: { localNetworks: ["172.21.0.0/16"], externalAddress: "home.example" },
  });
  const known: KnownNames = new Map([...names, ["sip.example", ["192.0.2.11"]], ["home.example", ["203.0.113.80"]]]);
  const nat: NatPlace = {
    router: "192.0.2.129",
    external: { address: "203.0.113.77", sipPort: 5060 },
    stunAddress: "203.0.113.78",
  } as NatPlace;
  const isProtected = (address: string, place: NatPlace | null = nat, of = known) => {
    const single = parseAddress(address) ?? expect.fail(address);
    return protectedNetworks(config, of, place).some((network) => contains(network, single));
  };

  it.each([
    ["a network of lists.trunks", "192.0.2.70"],
    ["an operator", "198.51.100.20"],
    ["an operator by his name", "2001:db8::5"],
    ["the event's network", "10.42.200.1"],
    ["management", "192.168.7.9"],
    ["a trunk's server", "192.0.2.10"],
    ["a trunk's server by its name", "192.0.2.11"],
    ["a phone's own network", "172.20.5.77"],
    ["the network of phones that have none of their own", "172.21.9.9"],
    ["the router before us", "192.0.2.129"],
    ["our address outside", "203.0.113.77"],
    ["our address as STUN servers see it", "203.0.113.78"],
    ["our address outside by its name", "203.0.113.80"],
    ["loopback", "127.8.8.8"],
    ["loopback", "::1"],
  ])("%s: %s", (_, address) => {
    expect(isProtected(address)).toBe(true);
  });

  it("any address of this machine", () => {
    const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
    expect(own.length).toBeGreaterThan(0);
    for (const { address } of own) expect(isProtected(address), address).toBe(true);
  });

  it("and anybody else it does", () => {
    for (const address of ["203.0.113.99", "192.0.2.130", "2001:db8::6"]) expect(isProtected(address)).toBe(false);
    expect(isProtected("203.0.113.77", null)).toBe(false);
    expect(isProtected("192.0.2.11", null, new Map())).toBe(false);
  });
});

it("a list's networks are read with what is known of its names, and nothing is made of what is not", () => {
  expect(networksOf(["192.0.2.0/24", "op.example", "gone.example", "unknown.example", "bad/33"], names).length).toBe(3);
});

it("telephones are told the address that SIP is bound to, or one of the LAN", () => {
  expect(lanAddress("192.168.1.5")).toBe("192.168.1.5");
  const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const outside = own.filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
  const found = lanAddress("0.0.0.0");
  if (outside.length === 0) expect(found).toBeNull();
  else expect(outside.map(({ address }) => address)).toContain(found);
});
