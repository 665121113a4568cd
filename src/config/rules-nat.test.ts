import { describe, expect, it } from "vitest";
import { formatFaults, formatPath } from "./faults.ts";
import { parseConfig } from "./parse.ts";
import { checkRules } from "./rules.ts";
import { configSchema } from "./schema.ts";

type Json = Record<string, unknown>;
const interfaces = { uplink: "eth0", lan: "eth1" };

function faultsOf(nat: Json, rest: Json = {}): string[] {
  return checkRules(configSchema.parse({ lines: [{ name: "tie" }], nat, ...rest })).map(({ path }) => formatPath(path));
}

const router = (of: Json, rest: Json = {}) => faultsOf({ mode: "router", router: { ...interfaces, ...of } }, rest);
const forwards = (...entries: Json[]) => ({
  forwards: entries.map((entry, at) => ({ name: `f${at}`, port: 8000 + at, to: "10.64.0.20", ...entry })),
});
const key = (name: string) => `nat.router.${name}`;

describe("the router's rules", () => {
  it("accept two interfaces, and forwards that are apart", () => {
    expect(router(forwards({}, { port: 8000, protocol: "udp" }, { port: 5060 }, { port: 10_500 }))).toEqual([]);
  });

  it.each<[string, Json, string[]]>([
    ["one interface for both", { lan: "eth0" }, [key("lan")]],
    ["the loopback interface", { lan: "lo" }, [key("lan")]],
    ["a LAN too large to serve", { address: "10.0.0.1/15" }, [key("address")]],
    ["a LAN too small to serve", { address: "10.0.0.1/29" }, [key("address")]],
    ["the network's own address", { address: "10.64.0.0/24" }, [key("address")]],
    ["the broadcast address", { address: "10.64.0.255/24" }, [key("address")]],
    ["a LAN on loopback", { address: "127.0.1.1/24" }, [key("address")]],
    ["a LAN of multicast addresses", { address: "239.0.0.1/24" }, [key("address")]],
    ["a name twice", forwards({ name: "web" }, { name: "web" }), [key("forwards[1].name")]],
    ["a port twice", forwards({ port: 80 }, { port: 80 }), [key("forwards[1].port")]],
    ["the SIP port", forwards({ port: 5060, protocol: "udp" }), [key("forwards[0].port")]],
    ["an audio port", forwards({ port: 10_998, protocol: "udp" }), [key("forwards[0].port")]],
    ["a management port", forwards({ port: 22 }), [key("forwards[0].port")]],
    [
      "DNS and DHCP",
      forwards({ port: 53 }, { port: 68, protocol: "udp" }),
      [0, 1].map((n) => key(`forwards[${n}].port`)),
    ],
    ["an address outside the LAN", forwards({ to: "10.64.1.20" }), [key("forwards[0].to")]],
    ["our own address", forwards({ to: "10.64.0.1" }), [key("forwards[0].to")]],
    ["the LAN's broadcast address", forwards({ to: "10.64.0.255" }), [key("forwards[0].to")]],
  ])("refuse %s", (_, of, expected) => {
    expect(router(of)).toEqual(expected);
  });

  it("allow any LAN of two machines when no addresses are given out", () => {
    expect(router({ address: "10.0.0.1/30", dhcp: false })).toEqual([]);
    expect(router({ address: "10.0.0.1/31", dhcp: false })).toEqual([key("address")]);
    expect(router({ address: "192.168.0.1/16" })).toEqual([]);
    expect(router({ address: "192.168.0.1/28" })).toEqual([]);
  });

  it("refuse a forward of a port that this machine itself answers at", () => {
    const rest = { firewall: { allow: [{ port: 8000, from: ["10.1.0.0/16"] }] } };
    expect(router(forwards({}), rest)).toEqual([key("forwards[0].port")]);
    expect(router(forwards({ protocol: "udp" }), rest)).toEqual([]);
  });

  it("refuse the mode without its part, or without the firewall that closes the forwarding", () => {
    expect(faultsOf({ mode: "router" })).toEqual(["nat.mode"]);
    expect(faultsOf({ mode: "none" })).toEqual([]);
    for (const protect of ["gateway", "none"]) expect(router({}, { firewall: { protect } })).toEqual(["nat.mode"]);
  });
});

describe("the rules of the way to the router before us", () => {
  it.each<[string, Json, string[]]>([
    ["a protocol twice", { upstream: { protocols: ["pcp", "upnp", "pcp"] } }, ["nat.upstream.protocols[2]"]],
    ["SIP among the audio", { mode: "upstream", upstream: { externalPort: 10_001 } }, ["nat.upstream.externalPort"]],
    ["a STUN port that is none", { stunServers: ["a.example:3478", "a.example:70000"] }, ["nat.stunServers[1]"]],
  ])("refuse %s", (_, nat, expected) => {
    expect(faultsOf(nat)).toEqual(expected);
  });
});

describe("faults of both sections", () => {
  it("come together, each with its line, column and excerpt", () => {
    const parsed = parseConfig(`lines: [{ name: tie }]
firewall:
  lists:
    operators: [192.168.1.20/24]
    eventNetwork: ["0.0.0.0/0"]
  limits: { banMinutes: [60, 10] }
nat:
  mode: router
  router:
    uplink: eth0
    lan: eth0
    forwards:
      - { name: a, port: 80, to: 10.9.9.9 }
`);
    const faults = parsed.ok ? [] : parsed.error;
    expect(faults.map(({ line, column, path }) => `${line}:${column} ${formatPath(path)}`)).toEqual([
      "4:17 firewall.lists.operators[0]",
      "5:20 firewall.lists.eventNetwork[0]",
      "6:30 firewall.limits.banMinutes[1]",
      "11:10 nat.router.lan",
      "13:34 nat.router.forwards[0].to",
    ]);
    expect(formatFaults({ file: "paxgate.yaml", faults })).toContain(
      "on one with the uplink nothing would be kept apart (line 10)",
    );
  });
});
