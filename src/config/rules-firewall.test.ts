import { describe, expect, it } from "vitest";
import { formatPath } from "./faults.ts";
import { checkRules } from "./rules.ts";
import { configSchema } from "./schema.ts";

type Json = Record<string, unknown>;

function faultsOf(firewall: Json, rest: Json = {}): Record<string, string> {
  const base = { lines: [{ name: "tie" }], trunks: [emf], accounts: [{ name: "desk" }] };
  const found = checkRules(configSchema.parse({ ...base, firewall, ...rest }));
  return Object.fromEntries(found.map(({ path, message }) => [formatPath(path), message]));
}

const emf = { name: "emf", server: "sip.example", username: "4100", password: "x" };
const lists = (of: Json) => ({ lists: of });
const allow = (...entries: Json[]) => ({ allow: entries.map((entry) => ({ from: ["10.1.0.0/16"], ...entry })) });

describe("a source", () => {
  it.each([
    "192.0.2.1",
    "10.42.0.0/16",
    "2001:db8::1",
    "fc00::/7",
    "10.0.0.0/8",
    "::ffff:192.0.2.1",
    "sip.example.org",
    "router",
    "a_b.c-d.example",
    "xn--bcher-kva.example",
  ])("%s is one", (source) => {
    expect(faultsOf(lists({ operators: [source], trunks: [source], eventNetwork: [source] }))).toEqual({});
  });

  it.each([
    ["300.1.1.1", "neither an IP address nor a network nor a DNS name"],
    ["1.2.3", "neither"],
    ["192.168.1.5-192.168.1.9", "neither"],
    ["192.168.1.5-9", "neither"],
    ["010.1.1.1", "neither"],
    ["5060", "neither"],
    ["a..example", "neither"],
    ["a.example-.org", "neither"],
    ["sip.example:5060", "neither"],
    ["2001:db8:::1", "neither"],
    ["10.0.0.0/33", "/33 is not from /0 to /32"],
    ["2001:db8::/129", "/129 is not from /0 to /128"],
    ["10.0.0.0/08", "/08 is not from"],
    ["300.1.1.0/24", '"300.1.1.0" is no IP address'],
    ["sip.example/24", '"sip.example" is no IP address'],
    ["::ffff:10.0.0.0/104", "write it as IPv4"],
    ["192.168.1.20/24", "write 192.168.1.0/24 for all of it, or 192.168.1.20"],
    ["2001:db8::1/32", "write 2001:db8::/32 for all of it, or 2001:db8::1"],
    ["0.0.0.0", "nothing is ever sent from there"],
    ["239.1.2.3", "nothing is ever sent from there"],
    ["ff02::1", "nothing is ever sent from there"],
  ])("%s is none, and the reason is said", (source, why) => {
    for (const list of ["operators", "trunks", "eventNetwork", "management"]) {
      const found = faultsOf(lists({ [list]: ["192.0.2.1", source] }));
      expect(Object.keys(found), list).toEqual([`firewall.lists.${list}[1]`]);
      expect(found[`firewall.lists.${list}[1]`]).toContain(why);
    }
    expect(Object.keys(faultsOf(allow({ port: 80, from: [source] })))).toEqual(["firewall.allow[0].from[0]"]);
  });

  it.each(["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "8.0.0.0/7", "2000::/3"])(
    "%s is the world: trusted it never is, and to let it in is a mode",
    (source) => {
      const found = faultsOf(lists({ operators: [source], trunks: [source], eventNetwork: [source] }));
      expect(Object.keys(found).sort()).toEqual(
        ["eventNetwork", "operators", "trunks"].map((list) => `firewall.lists.${list}[0]`),
      );
      expect(found["firewall.lists.eventNetwork[0]"]).toContain("firewall.mode: open");
      expect(found["firewall.lists.operators[0]"]).toContain("never limited nor banned");
      expect(faultsOf({ ...lists({ management: [source] }), ...allow({ port: 80, from: [source] }) })).toEqual({});
    },
  );

  it("that is the world does not come in by an account's network either, unless the mode is open", () => {
    const everywhere = { accounts: [{ name: "desk", networks: ["10.0.0.0/8", "0.0.0.0/0"] }] };
    expect(Object.keys(faultsOf({}, everywhere))).toEqual(["accounts[0].networks[1]"]);
    expect(faultsOf({ mode: "open" }, everywhere)).toEqual({});
    const local = { sip: { localNetworks: ["::/0"] } };
    expect(Object.keys(faultsOf({}, local))).toEqual(["sip.localNetworks[0]"]);
    expect(faultsOf({}, { ...local, accounts: [{ name: "desk", networks: ["10.0.0.0/8"] }] })).toEqual({});
  });
});

describe("a server", () => {
  it.each([
    ["300.1.1.1", "neither"],
    ["sip.example:5060", "write sip.example, and the port by itself"],
    ["0.0.0.0", "no machine's address"],
  ])("is not %s", (server, why) => {
    expect(faultsOf({}, { trunks: [{ ...emf, server }] })["trunks[0].server"]).toContain(why);
    expect(faultsOf({}, { sip: { externalAddress: server } })["sip.externalAddress"]).toContain(why);
  });

  it.each(["192.0.2.1", "2001:db8::1", "localhost", "sip.poc.emf.camp"])("may be %s", (server) => {
    expect(faultsOf({}, { trunks: [{ ...emf, server }] })).toEqual({});
  });
});

describe("firewall rules refuse", () => {
  const sip = { sip: { port: 5070, tcp: true } };
  it.each<[string, Json, Json, string[]]>([
    ["a management port twice", { managementPorts: [22, 22] }, {}, ["firewall.managementPorts[1]"]],
    ["Asterisk's ports for management", { managementPorts: [8188, 8138] }, {}, [0, 1].map(managementPort)],
    ["SIP's TCP port for management", { managementPorts: [5070] }, sip, [managementPort(0)]],
    ["management that nobody can reach", lists({ management: [] }), {}, ["firewall.lists.management"]],
    ["an allowed port twice", allow({ port: 80 }, { port: 80 }), {}, ["firewall.allow[1].port"]],
    ["SIP allowed past the lists", allow({ port: 5060, protocol: "udp" }), {}, ["firewall.allow[0].port"]],
    ["SIP by TCP allowed past the lists", allow({ port: 5070 }), sip, ["firewall.allow[0].port"]],
    ["audio allowed past the lists", allow({ port: 10_500, protocol: "udp" }), {}, ["firewall.allow[0].port"]],
    ["ARI and AMI allowed", allow({ port: 8188 }, { port: 8138 }), {}, [0, 1].map((n) => `firewall.allow[${n}].port`)],
    ["a management port allowed", allow({ port: 22 }), {}, ["firewall.allow[0].port"]],
    ["bans that get no longer", { limits: { banMinutes: [10, 60, 60] } }, {}, ["firewall.limits.banMinutes[2]"]],
    ["a token twice, in whatever case", { scanner: { tokens: ["evil", "EVIL"] } }, {}, [token(1)]],
    ["a token with blanks around it", { scanner: { tokens: ["evil "] } }, {}, [token(0)]],
    ["a token of dots", { scanner: { tokens: ["a.b.c"] } }, {}, [token(0)]],
    [
      "tokens of every request",
      { scanner: { tokens: ["SIP/2.0", "via", "Agent", "udp"] } },
      {},
      [0, 1, 2, 3].map(token),
    ],
    ["a list without a source", { blockLists: [{ name: "a" }] }, {}, ["firewall.blockLists[0]"]],
    [
      "a list with two sources",
      { blockLists: [{ name: "a", file: "a.txt", url: "https://lists.example/a" }] },
      {},
      ["firewall.blockLists[0]"],
    ],
    [
      "lists of one name, one file or one URL",
      {
        blockLists: [
          { name: "a", file: "a.txt" },
          { name: "a", file: "b.txt" },
          { name: "b", file: "a.txt" },
          { name: "c", url: "https://lists.example/a" },
          { name: "d", url: "https://lists.example/a" },
        ],
      },
      {},
      ["firewall.blockLists[1].name", "firewall.blockLists[2].file", "firewall.blockLists[4].url"],
    ],
    ["a list named apiban", { blockLists: [{ name: "apiban", file: "a" }] }, {}, ["firewall.blockLists[0].name"]],
    ["a URL that is none", { blockLists: [{ name: "a", url: "http://[x" }] }, {}, ["firewall.blockLists[0].url"]],
    [
      "a password in a URL",
      { blockLists: [{ name: "a", url: "https://me:pw@lists.example/a" }] },
      {},
      ["firewall.blockLists[0].url"],
    ],
    ["a key sent in clear", { apiban: { key: "abc", url: "http://apiban.org" } }, {}, ["firewall.apiban.url"]],
  ])("%s", (_, firewall, rest, expected) => {
    expect(Object.keys(faultsOf(firewall, rest))).toEqual(expected);
  });

  it("nothing of what is near to that", () => {
    const firewall = {
      managementPorts: [5060, 22],
      ...allow({ port: 53, protocol: "udp" }, { port: 53 }, { port: 22, protocol: "udp" }, { port: 10_500 }),
      scanner: { tokens: ["evil-scan", "friendly"] },
      blockLists: [
        { name: "a", file: "a.txt" },
        { name: "b", url: "http://lists.example/b" },
      ],
      apiban: { key: "abc", url: "http://127.0.0.1:8000" },
    };
    expect(faultsOf(firewall)).toEqual({});
    expect(faultsOf({ lists: { management: [] }, managementPorts: [] })).toEqual({});
    expect(faultsOf({ lists: { management: [] }, protect: "gateway" })).toEqual({});
  });
});

function managementPort(at: number): string {
  return `firewall.managementPorts[${at}]`;
}

function token(at: number): string {
  return `firewall.scanner.tokens[${at}]`;
}
