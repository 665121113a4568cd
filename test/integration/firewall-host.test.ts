import { performance } from "node:perf_hooks";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { formatNetwork } from "../../src/base/ip.ts";
import { VirtualClock } from "../../src/base/virtual-clock.ts";
import { Nft } from "../../src/drivers/nft.ts";
import { literals } from "../../src/firewall/model.ts";
import { staticRules } from "../../src/firewall/plan.ts";
import type { Lab, LabHost } from "./support/lab.ts";
import { fresh, gatewayAt, RTP, RulesRig, SIP, stateOf } from "./support/rules-rig.ts";

/** The rules around SIP: the machine's other ports, the life of the table, and its size. */

let rig: RulesRig;
let lab: Lab;
beforeAll(async () => {
  rig = await RulesRig.create();
  lab = rig.lab;
});
afterAll(() => rig?.remove());
beforeEach(() => rig.clear());
afterEach(() => rig.stop());

const register = "REGISTER sip:100@198.51.100.2 SIP/2.0\r\n\r\n";
const ruleset = () => lab.gateway.run(["nft", "list", "ruleset"]);
const nft = (...words: string[]) => lab.gateway.run(["nft", "-f", "-"], { input: `${words.join(" ")}\n` });

/** Sends an ICMP echo request and waits for its answer. */
function pinged(host: LabHost, to: string): Promise<boolean> {
  const script = [
    "import socket, struct, sys",
    "s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)",
    "s.settimeout(0.4)",
    "s.connect((sys.argv[1], 0))",
    // Type 8, identifier 1, sequence 1; the checksum of these three words.
    's.send(struct.pack("!BBHHH", 8, 0, 0xffff - 0x0802, 1, 1))',
    "sys.exit(0 if s.recv(100)[20] == 0 else 1)",
  ];
  return host.run(["python3", "-c", script.join("\n"), to]).then(
    () => true,
    () => false,
  );
}

/** As root's or another user's program on the machine itself. */
function connectsToAri(uid: number): Promise<boolean> {
  const script = `import os, socket; s = socket.socket(); os.setuid(${uid}); s = socket.socket(); s.settimeout(0.5); s.connect(("127.0.0.1", 8188))`;
  return lab.gateway.run(["python3", "-c", script]).then(
    () => true,
    () => false,
  );
}

describe("the machine's other ports", () => {
  it("host: management and services from where the configuration says, over both families, nothing else", async () => {
    await rig.guarded();
    const { phone, outside } = lab;
    for (const version of [4, 6] as const) {
      const ports = [22, 8088, 9999];
      const from = async (host: typeof phone) => Promise.all(ports.map((port) => rig.connects(host, port, version)));
      expect(await from(phone)).toEqual([true, true, false]);
      expect(await from(outside)).toEqual([false, false, false]);
    }
    expect(await pinged(phone, "10.64.0.1")).toBe(true);
    expect(await pinged(outside, gatewayAt(4))).toBe(false);
  });

  it("gateway: only SIP and audio are guarded", async () => {
    await rig.guarded({ firewall: { protect: "gateway" } });
    expect(await rig.connects(lab.outside, 9999)).toBe(true);
    expect(await rig.connects(lab.outside, SIP)).toBe(false);
    expect(await rig.arrive(fresh("outside", 4), [register])).toBe(0);
    expect(await rig.arrive(fresh("outside", 4), ["audio"], { port: RTP })).toBe(0);
    expect(await rig.arrive(fresh("event", 4), [register], { times: 9 })).toBe(4);
  });

  it("Asterisk's local ports take connections of root and of the named users only", async () => {
    await rig.guarded({}, { localUids: [4321] });
    expect(await connectsToAri(0)).toBe(true);
    expect(await connectsToAri(4321)).toBe(true);
    expect(await connectsToAri(65_534)).toBe(false);
  });

  it("the router's answers to a search are let in, and nobody else's", async () => {
    const answer = (port: number, source: string) => ({
      source,
      sourcePort: 1900,
      to: gatewayAt(4),
      port,
      payloads: ["HTTP/1.1"],
    });
    await lab.gateway.agent.listen("udp", 40_000, ["0.0.0.0"]);
    for (const [mode, heard] of [
      ["none", 0],
      ["upstream", 1],
    ] as const) {
      await rig.guarded({ nat: { mode } });
      await lab.router.agent.udp(answer(40_000, "198.51.100.1"));
      await lab.router.agent.udp(answer(SIP, "198.51.100.1"));
      await lab.outside.agent.udp(answer(40_000, lab.outside.address4));
      expect((await rig.heard(4)).filter(({ text }) => text === "HTTP/1.1")).toHaveLength(heard);
      await rig.stop();
    }
  });

  it("router: the LAN gets out, a forward gets in, everything else stays where it is", async () => {
    const forwards = [{ name: "web", port: 8443, to: lab.phone.address4, toPort: 443 }];
    await lab.gateway.run(["sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]);
    await rig.guarded({ nat: { mode: "router", router: { uplink: "eth0", lan: "eth1", forwards } } });
    await lab.trunk.agent.listen("tcp", 80);
    await lab.phone.agent.listen("tcp", 443);
    await lab.phone.agent.listen("tcp", 444);
    const { phone, trunk, outside } = lab;
    const tcp = { payloads: [], connectMs: 300 };
    expect(await phone.agent.tcp({ ...tcp, source: phone.address4, to: trunk.address4, port: 80 })).toMatchObject({
      connected: true,
    });
    expect((await trunk.agent.take()).map(({ from }) => from)).toEqual(["198.51.100.2"]);
    const inward = { ...tcp, source: outside.address4 };
    expect((await outside.agent.tcp({ ...inward, to: gatewayAt(4), port: 8443 })).connected).toBe(true);
    expect((await phone.agent.take()).map(({ from }) => from)).toEqual([outside.address4]);
    expect((await outside.agent.tcp({ ...inward, to: phone.address4, port: 444 })).connected).toBe(false);
    expect(
      (await outside.agent.tcp({ ...tcp, source: outside.address6, to: phone.address6, port: 444 })).connected,
    ).toBe(false);
    // Of the LAN by its source only: the lists trust the LAN.
    expect(await rig.arrive("10.64.0.99", [register], { host: outside })).toBe(0);
    expect(await nft("list counter inet paxgate spoofed")).toContain("packets 1 ");
  });
});

describe("the table's life", () => {
  it("leaves other tables alone, and is gone after a stop where only the gateway is guarded", async () => {
    await nft("table inet other {\nchain input {\ntype filter hook input priority 5; counter; }\n}");
    const service = await rig.guarded({ firewall: { protect: "gateway" } });
    expect(await ruleset()).toContain("table inet paxgate");
    await service.stop();
    expect(await ruleset()).not.toContain("paxgate");
    expect(await ruleset()).toContain("table inet other");
  });

  it("after a stop of a guarded host only management is open; bans outlive it", async () => {
    const service = await rig.guarded();
    await service.ban("10.42.200.1", 600);
    await service.stop();
    expect(await rig.connects(lab.phone, 22)).toBe(true);
    expect(await rig.connects(lab.phone, 8088)).toBe(false);
    await lab.trunk.agent.udp({ source: lab.trunk.address4, to: gatewayAt(4), port: SIP, payloads: [register] });
    expect(await lab.gateway.agent.waitFor("REGISTER", 100)).toBe(false);
    await rig.guarded();
    expect(await rig.arrive("10.42.200.1", [register])).toBe(0);
  });

  it("the static rules for the boot stand by themselves, over nothing and over anything", async () => {
    for (const policy of [stateOf().policy, null]) {
      for (const turn of [1, 2]) {
        await lab.gateway.run(["nft", "-f", "-"], { input: staticRules(policy) });
        expect(await rig.connects(lab.phone, 22), `turn ${turn}`).toBe(true);
        expect(await rig.connects(lab.phone, 9999)).toBe(false);
        expect(await rig.connects(lab.outside, 22)).toBe(false);
        expect(await rig.connects(lab.trunk, SIP)).toBe(false);
      }
    }
    await rig.guarded();
    expect(await rig.connects(lab.trunk, SIP)).toBe(true);
  });

  it("what a killed supervisor leaves goes on; its successor takes over bans and meters", async () => {
    const killed = new VirtualClock();
    const first = await rig.guarded({}, {}, killed);
    const [banned, limited] = [fresh("event", 4), fresh("event", 4)];
    await first.ban(banned, 600);
    expect(await rig.arrive(limited, [register], { times: 6 })).toBe(4);
    const second = await rig.guarded({ firewall: { mode: "open" } });
    expect(await rig.arrive(banned, [register])).toBe(0);
    expect(await rig.arrive(limited, [register])).toBe(0);
    expect((await second.limited()).map(({ source }) => source)).toEqual([limited]);
    // Bans that the successor knows better about replace what is there.
    await second.update({ bans: [] });
    expect(await rig.arrive(banned, [register])).toBe(1);
  });

  it("a table of another layout, or with things that are not ours, is made anew", async () => {
    await nft(
      "table inet paxgate {\nset trusted4 { type ipv4_addr; flags timeout; }\nchain guard { type filter hook input priority 7; }\n}",
    );
    await rig.guarded();
    expect(await rig.arrive(fresh("event", 4), [register], { times: 9 })).toBe(4);
  });

  it.each([
    ["a rule", "insert rule inet paxgate guard accept", "rules were changed"],
    [
      "a chain",
      "add chain inet paxgate back { type filter hook prerouting priority -301; policy accept; }",
      "rules were changed",
    ],
    ["a source", "add element inet paxgate trusted4 { 203.0.113.0/24 }", "set trusted4 was changed"],
    ["the loss of everything", "delete table inet paxgate", "the table is gone"],
    ["the loss of all rules", "flush ruleset", "the table is gone"],
  ])("drift is found and put right: %s", async (_what, words, found) => {
    const service = await rig.guarded();
    const banned = fresh("event", 4);
    await service.ban(banned, 600);
    expect(await service.check()).toBe(false);
    const drifts: unknown[] = [];
    service.on("drift", (...drift) => drifts.push(drift));
    await nft(words);
    expect(await service.check()).toBe(true);
    expect(drifts).toEqual([[found, true]]);
    expect(service.repairs).toBe(1);
    expect(await service.check()).toBe(false);
    expect(await rig.arrive(fresh("outside", 4), [register])).toBe(0);
    expect(await rig.arrive(banned, [register])).toBe(0);
  });

  it("rules that the kernel refuses leave the last good ones, and the fault is told", async () => {
    const service = await rig.guarded();
    const { policy } = service.state;
    const before = await ruleset();
    const lan = { uplink: "eth0", lan: 'not"a name', address: "10.64.0.1/24", dhcp: true, leaseHours: 1, forwards: [] };
    await expect(service.update({ policy: { ...policy, router: lan } })).rejects.toMatchObject({ code: "nft-refused" });
    expect(service.fault).toContain("nft refused");
    expect(await ruleset()).toBe(before);
    await service.update({ policy });
    expect(service.fault).toBeNull();
  });

  it("an nft that is not there, or has no right to, is told apart", async () => {
    await expect(new Nft({ command: ["/nonexistent/nft"] }).table("x")).rejects.toMatchObject({ code: "nft-missing" });
    const nobody = new Nft({ command: [...lab.gateway.inside, "setpriv", "--reuid=65534", "--clear-groups", "nft"] });
    await expect(nobody.apply("table inet x { }")).rejects.toMatchObject({ code: "nft-denied" });
  });

  it("while rules are replaced 50 times under fire, nothing of a denied source arrives and nothing of the trunk is lost", async () => {
    const service = await rig.guarded();
    const denied = fresh("outside", 4);
    const { policy, lists } = service.state;
    const flood = lab.outside.agent.udp({
      source: denied,
      to: gatewayAt(4),
      port: SIP,
      payloads: [register],
      forMs: 3_000,
      times: 0,
    });
    const calls = { source: lab.trunk.address4, to: gatewayAt(4), port: SIP, payloads: ["ACK sip:x SIP/2.0"] };
    const trusted = lab.trunk.agent.udp({ ...calls, gapMs: 1, times: 1_000 });
    for (let turn = 0; turn < 50; turn++) {
      const operators = literals([`192.0.2.${turn}`]);
      const allowed = literals([`10.${turn}.0.0/16`, "10.64.0.0/24"]);
      await service.update({
        policy: { ...policy, limits: { ...policy.limits, requestBurst: 2 + turn } },
        lists: { ...lists, operators, allowed },
      });
    }
    const sent = (await trusted).sent;
    expect((await flood).sent).toBeGreaterThan(5_000);
    const heard = await rig.heard(4);
    expect(heard.filter(({ from }) => from === denied)).toEqual([]);
    expect(heard.filter(({ text }) => text.startsWith("ACK"))).toHaveLength(sent);
  });

  it("full sets of the kernel close the door for new sources, not for the trunk", async () => {
    await rig.guarded({ firewall: { mode: "open" } });
    const fill = (set: string) => {
      const elements = Array.from(
        { length: 32_768 },
        (_, n) => `100.${64 + (n >> 16)}.${(n >> 8) & 255}.${n & 255} timeout 600s`,
      );
      return lab.gateway.run(["nft", "-f", "-"], {
        input: `add element inet paxgate ${set} { ${elements.join(", ")} }`,
      });
    };
    await fill("requests4");
    expect(await rig.arrive(fresh("outside", 4), [register], { times: 5 })).toBe(0);
    await fill("limited4").catch(() => undefined);
    expect(await rig.arrive(fresh("outside", 4), [register], { times: 5 })).toBe(0);
    expect(await rig.arrive(lab.trunk.address4, [register], { host: lab.trunk, times: 5 })).toBe(5);
  });
});

describe("size", () => {
  const many = (extra: number) => ({
    addresses4: Uint32Array.from({ length: 100_000 + extra }, (_, n) => 0x0b00_0000 + n * 7),
    addresses6: [],
    networks: Array.from({ length: 5_000 }, (_, n) => `20.${n >> 8}.${n & 255}.0/25`),
  });

  it("100,000 addresses and 5,000 networks: bans take milliseconds, a small change little more", async () => {
    const service = await rig.guarded();
    const took: number[] = [];
    service.on("applied", (ms) => took.push(ms));
    await service.update({ blocked: many(0) });
    await service.update({ blocked: many(250) });
    const bans: number[] = [];
    for (let turn = 0; turn < 21; turn++) {
      const begun = performance.now();
      await service.ban(`192.0.2.${turn}`, 600);
      bans.push(performance.now() - begun);
    }
    bans.sort((one, other) => one - other);
    console.log(
      `all: ${took[0]?.toFixed()} ms, 250 more: ${took[1]?.toFixed()} ms, a ban: ${bans[10]?.toFixed(1)} ms (median)`,
    );
    expect(bans[10]).toBeLessThan(50);
    const blocked = `11.${(700_000 >> 16) & 255}.${(700_000 >> 8) & 255}.${700_000 & 255}`;
    expect(await nft(`get element inet paxgate blocked4 { ${blocked} }`)).toContain(blocked);
    expect(await service.check()).toBe(false);
  });

  it.each([7, 8, 13, 16, 23, 24, 25, 31])(
    "a blocked network of length %i keeps out its own, and nobody else",
    async (length) => {
      const service = await rig.guarded({ firewall: { mode: "open" } });
      const size = 2 ** (32 - length);
      const first = Math.floor(0x5d7b_c8d6 / size) * size;
      const [network] = literals([`${dotted(first)}/${length}`]);
      if (network === undefined) throw new Error("no network");
      await service.update({
        blocked: { addresses4: new Uint32Array(), addresses6: [], networks: [formatNetwork(network)] },
      });
      for (const [address, arrived] of [
        [first - 1, 1],
        [first, 0],
        [first + size - 1, 0],
        [first + size, 1],
      ] as const) {
        expect(await rig.arrive(dotted(address), [register]), dotted(address)).toBe(arrived);
      }
    },
  );
});

function dotted(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
}
