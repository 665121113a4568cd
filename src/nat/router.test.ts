import { describe, expect, it } from "vitest";
import type { RouterConfig } from "../config/schema.ts";
import { changedForwards, desiredRouter, type ObservedRouter, planRouter } from "./router.ts";
import { forwardFault, routerFaults, uplinkAddress } from "./router-faults.ts";
import { emptyNote, noteStep, packNote, planUndo, unpackNote } from "./router-note.ts";

const config: RouterConfig = {
  uplink: "eth0",
  lan: "eth1",
  address: "10.64.0.1/24",
  dhcp: true,
  leaseHours: 12,
  forwards: [],
};
const desired = desiredRouter(config, { leaseFile: "/var/leases", resolvFile: "/etc/resolv.conf" });
const up = (...addresses: readonly string[]) => ({ up: true, carrier: true, addresses });
const asDesired: ObservedRouter = {
  interfaces: new Map([
    ["eth0", up("198.51.100.2/24")],
    ["eth1", up("10.64.0.1/24")],
  ]),
  sysctls: desired.sysctls,
  dhcp: desired.dhcp,
  dhcpMayStart: true,
};
const seen = (of: Partial<ObservedRouter>): ObservedRouter => ({ ...asDesired, ...of });
const kinds = (of: Partial<ObservedRouter>) => planRouter(desired, seen(of)).map(({ kind }) => kind);

describe("the plan of a router", () => {
  it("is nothing when everything is as it has to be", () => {
    expect(kinds({})).toEqual([]);
    expect(routerFaults(desired, asDesired)).toEqual([]);
  });

  it("switches the LAN on, gives it its address, and leaves other addresses alone", () => {
    const interfaces = new Map([
      ...asDesired.interfaces,
      ["eth1", { up: false, carrier: false, addresses: ["10.9.9.9/8"] }],
    ] as const);
    expect(planRouter(desired, seen({ interfaces }))).toEqual([
      { kind: "link", interface: "eth1", up: true },
      { kind: "add-address", interface: "eth1", address: "10.64.0.1/24" },
    ]);
  });

  it("sets everything again after switching forwarding, which resets the interfaces' settings", () => {
    const steps = planRouter(desired, seen({ sysctls: new Map([...desired.sysctls, ["net/ipv4/ip_forward", "0"]]) }));
    expect(steps[0]).toEqual({ kind: "sysctl", key: "net/ipv4/ip_forward", value: "1" });
    const keys = steps.flatMap((step) => (step.kind === "sysctl" ? [step.key] : []));
    expect(keys).toEqual([...desired.sysctls.keys()].filter((key) => !key.startsWith("net/ipv6/")));
  });

  it("sets nothing that the kernel does not have", () => {
    const sysctls = new Map([...desired.sysctls].filter(([key]) => !key.includes("ipv6")));
    expect(kinds({ sysctls })).toEqual([]);
  });

  it("starts dnsmasq when it may, ends one with another configuration, and one without interfaces", () => {
    expect(kinds({ dhcp: null })).toEqual(["dhcp-start"]);
    expect(kinds({ dhcp: null, dhcpMayStart: false })).toEqual([]);
    expect(kinds({ dhcp: "other" })).toEqual(["dhcp-stop", "dhcp-start"]);
    expect(kinds({ interfaces: new Map([["eth0", up()]]) })).toEqual(["dhcp-stop"]);
    expect(kinds({ interfaces: new Map([["eth1", up("10.64.0.1/24")]]), dhcp: null })).toEqual(["dhcp-start"]);
    const without = desiredRouter({ ...config, dhcp: false }, { leaseFile: "", resolvFile: "" });
    expect(planRouter(without, asDesired)).toEqual([{ kind: "dhcp-stop" }]);
  });
});

describe("a router's faults", () => {
  it.each([
    [[["eth0", up("198.51.100.2/24")]], "there is no LAN interface eth1"],
    [[["eth1", up("10.64.0.1/24")]], "there is no uplink interface eth0"],
    [
      [
        ["eth0", up("198.51.100.2/24")],
        ["eth1", { ...up(), carrier: false }],
      ],
      "nothing is connected to the LAN",
    ],
    [
      [
        ["eth0", up("198.51.100.2/24")],
        ["eth1", { ...up(), up: false }],
      ],
      "eth1 is switched off",
    ],
    [
      [
        ["eth0", up()],
        ["eth1", up()],
      ],
      "eth0 has no address",
    ],
    [
      [
        ["eth0", up("10.64.0.77/16")],
        ["eth1", up()],
      ],
      "overlaps with 10.64.0.77/16 of eth0",
    ],
  ] as const)("%j", (interfaces, words) => {
    expect(routerFaults(desired, seen({ interfaces: new Map(interfaces) })).join()).toContain(words);
  });

  it("name a setting that did not take", () => {
    const sysctls = new Map([...desired.sysctls, ["net/ipv4/ip_forward", "0"]]);
    expect(routerFaults(desired, seen({ sysctls }))).toEqual(["the kernel's net/ipv4/ip_forward is 0 and not 1"]);
  });

  it.each([
    ["10.64.0.20", null],
    ["10.65.0.20", "10.65.0.20 is not on the LAN"],
    ["10.64.0.1", "10.64.0.1 is our own address"],
    ["10.64.0.150", "10.64.0.150 is among the addresses given out by DHCP: it may become somebody else's"],
  ])("of a forward to %s: %s", (to, fault) => {
    expect(forwardFault(config, desired, { name: "web", protocol: "tcp", port: 80, to })).toBe(fault);
  });

  it("prefer a public address of the uplink as the one that the world sees", () => {
    const at = (...addresses: readonly string[]) =>
      uplinkAddress(desired, seen({ interfaces: new Map([["eth0", up(...addresses)]]) }));
    expect([at("192.168.1.2/24", "8.8.8.8/24"), at("192.168.1.2/24"), at()]).toEqual(["8.8.8.8", "192.168.1.2", null]);
  });
});

it("forwards that came, went or lead elsewhere are told, whatever their names", () => {
  const web = { name: "web", protocol: "tcp", port: 80, to: "10.64.0.20" } as const;
  const game = { name: "game", protocol: "udp", port: 80, to: "10.64.0.21" } as const;
  expect(changedForwards([web, game], [{ ...web, name: "other", toPort: 80 }, game])).toEqual([]);
  expect(changedForwards([web, game], [{ ...web, to: "10.64.0.22" }, game])).toEqual([{ protocol: "tcp", port: 80 }]);
  expect(changedForwards([web], [{ ...web, toPort: 81 }])).toEqual([{ protocol: "tcp", port: 80 }]);
  expect(changedForwards([web], [game])).toEqual([
    { protocol: "tcp", port: 80 },
    { protocol: "udp", port: 80 },
  ]);
});

describe("the note of what was there before", () => {
  const before = new Map([["net/ipv4/ip_forward", "0"]]);
  const forward = { kind: "sysctl", key: "net/ipv4/ip_forward", value: "1" } as const;
  const address = { kind: "add-address", interface: "eth1", address: "10.64.0.1/24" } as const;
  const link = { kind: "link", interface: "eth1", up: true } as const;
  const note = [forward, address, link].reduce((all, step) => noteStep(all, step, before), emptyNote);

  it("undoes what was made, forwarding first", () => {
    expect(planUndo(note)).toEqual([
      { kind: "dhcp-stop" },
      { kind: "sysctl", key: "net/ipv4/ip_forward", value: "0" },
      { ...address, kind: "remove-address" },
      { ...link, up: false },
    ]);
  });

  it("keeps the first value: what a repair finds is somebody else's", () => {
    const again = noteStep(note, forward, new Map([["net/ipv4/ip_forward", "7"]]));
    expect(noteStep(noteStep(again, address, before), link, before)).toEqual(note);
  });

  it("outlives being written, and anything else that is read counts as nothing", () => {
    const full = {
      ...note,
      forwards: [{ name: "web", protocol: "tcp", port: 80, to: "10.64.0.20", toPort: 8080 }],
    } as const;
    expect(unpackNote(JSON.parse(JSON.stringify(packNote(full))))).toEqual(full);
    for (const data of [null, "x", 7, [], { sysctls: 5, addresses: [null], links: ["a b"], forwards: [{}] }]) {
      expect(unpackNote(data)).toEqual(emptyNote);
    }
    const evil = {
      sysctls: [
        ["kernel/core_pattern", "1"],
        ["net/ipv4/../x", "1"],
        ["net/ipv4/ip_forward", "x"],
      ],
    };
    expect(unpackNote(evil)).toEqual(emptyNote);
  });
});
