import { expect, it } from "vitest";
import { parseInterfaces } from "./interface-address.ts";

const links = JSON.stringify([
  { ifname: "lo", flags: ["LOOPBACK", "UP", "LOWER_UP"] },
  { ifname: "eth0", flags: ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"] },
  { ifname: "eth1", flags: ["NO-CARRIER", "BROADCAST", "UP"] },
  { ifname: "wlan0", flags: ["BROADCAST"] },
]);
const addresses = JSON.stringify([
  { ifname: "lo", addr_info: [{ family: "inet", local: "127.0.0.1", prefixlen: 8 }] },
  {},
  {
    ifname: "eth0",
    addr_info: [
      { family: "inet", local: "198.51.100.2", prefixlen: 24 },
      { family: "inet6", local: "2001:db8::2", prefixlen: 64 },
    ],
  },
]);

it("interfaces are read with what they are connected to and their IPv4 addresses", () => {
  expect([...parseInterfaces(addresses, links)]).toEqual([
    ["lo", { up: true, carrier: true, addresses: ["127.0.0.1/8"] }],
    ["eth0", { up: true, carrier: true, addresses: ["198.51.100.2/24"] }],
    ["eth1", { up: true, carrier: false, addresses: [] }],
    ["wlan0", { up: false, carrier: false, addresses: [] }],
  ]);
});

it("what is not in form is refused or left out", () => {
  expect(() => parseInterfaces("garbage", links)).toThrow(expect.objectContaining({ code: "interface-failed" }));
  expect([...parseInterfaces("", "[1, null, {}]")]).toEqual([]);
});
