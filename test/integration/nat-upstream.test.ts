import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { within } from "../../src/base/lifecycle.ts";
import type { NatView } from "../../src/nat/types.ts";
import { PLACES, RouterNetwork } from "./support/router.ts";
import { bundle, NatProbe, SIP, SIP_TCP } from "./support/router-probe.ts";
import { StunServer } from "./support/stun-server.ts";

const bundled = mkdtempSync(join(tmpdir(), "paxgate-router-"));
const running = new Map<RouterNetwork, NatProbe[]>();
const children = new Map<RouterNetwork, ChildProcess[]>();
let client = "";

beforeAll(async () => {
  client = await bundle("router-client.ts", bundled);
});
afterAll(() => rmSync(bundled, { recursive: true, force: true }));

/** A home of its own with a router, for one suite; whatever ran in it is gone after each test. */
function home(tag: string, wan?: string): RouterNetwork {
  const network = new RouterNetwork(tag);
  beforeAll(() => network.build(wan));
  afterEach(async () => {
    for (const probe of running.get(network)?.splice(0) ?? []) await probe.kill();
    for (const child of children.get(network)?.splice(0) ?? []) child.kill("SIGKILL");
    await network.stop(false);
  });
  afterAll(() => network.close());
  return network;
}

function probeIn(network: RouterNetwork, options: ConstructorParameters<typeof NatProbe>[2]): NatProbe {
  const one = new NatProbe(network, client, options);
  running.set(network, [...(running.get(network) ?? []), one]);
  return one;
}

const whole = (view: NatView) => view.mappings.every((mapping) => mapping.externalPort !== null);

/** The first line that a command in a namespace prints, from when it has printed `ready`. */
async function hears(
  network: RouterNetwork,
  place: "gateway" | "outside",
  command: string[],
): Promise<() => Promise<string>> {
  const child = spawn("ip", network.inside(place, ...command), { stdio: ["ignore", "pipe", "inherit"] });
  children.set(network, [...(children.get(network) ?? []), child]);
  let text = "";
  const lines = new Promise<string>((resolve) => {
    child.stdout?.on("data", (chunk) => {
      text += String(chunk);
      const second = text.split("\n")[1];
      if (second !== undefined && text.split("\n").length > 2) resolve(second);
    });
  });
  await within(5_000, once(child.stdout ?? child, "data"), "the listener is not ready");
  return () => within(3_000, lines, "nothing arrived");
}

const LISTEN = (port: number) =>
  `const s=require("dgram").createSocket("udp4");s.on("message",(m,f)=>console.log(m+" from "+f.address));s.bind(${port},()=>console.log("ready"))`;
const SEND = (port: number, text: string) =>
  `const s=require("dgram").createSocket("udp4");s.send("${text}",${port},"${PLACES.wan}",()=>s.close())`;

/** What comes of a packet from outside to one of the router's ports. */
async function carried(network: RouterNetwork, outside: number, inside: number): Promise<string> {
  const heard = await hears(network, "gateway", [process.execPath, "-e", LISTEN(inside)]);
  network.run("outside", process.execPath, "-e", SEND(outside, `to ${inside}`));
  return heard();
}
const to = (inside: number) => `to ${inside} from ${PLACES.outside}`;

// Each in a home of its own, at the same time: most of the time they wait for leases and announcements.
describe.concurrent.each([
  { protocol: "pcp" as const, upnp: false },
  { protocol: "nat-pmp" as const, upnp: false },
  { protocol: "upnp" as const, upnp: true },
])("by $protocol alone", ({ protocol, upnp }) => {
  const options = { upnp, natPmp: !upnp };
  const network = home(protocol);
  const hidden = home(`${protocol}-2`, "192.168.55.2");
  const probe = (of: Parameters<typeof probeIn>[1], where = network) => probeIn(where, of);

  it.sequential("maps SIP and the audio ports, carries packets from outside, and takes all of it away at the end", async ({
    expect,
  }) => {
    await network.start(options);
    const nat = probe({ protocols: [protocol] });
    const view = await nat.until(whole);
    expect(view).toMatchObject({ protocol, router: PLACES.router, doubleNat: false, faults: [] });
    expect(view.external).toEqual({ address: PLACES.wan, sipPort: 5060 });
    expect(await carried(network, 5060, 5060)).toBe(to(5060));
    expect(await carried(network, 10_003, 10_003)).toBe(to(10_003));
    expect(network.mappings()).toContain("dnat");
    expect(await nat.stop()).toBeLessThan(2_600);
    expect(network.mappings()).not.toContain("dnat");
  });

  it.sequential("renews at half the lease, and what nobody renews is gone", async ({ expect }) => {
    await network.start({ ...options, extra: ["clean_ruleset_threshold=0"] });
    const nat = probe({ protocols: [protocol], leaseSeconds: 4, wanted: [SIP] });
    await nat.until(whole);
    // Longer than the lease: without renewals the router would have dropped it.
    await new Promise((resolve) => setTimeout(resolve, 6_500));
    expect(network.mappings()).toContain("dport 5060");
    const view = await nat.now();
    expect(view.mappings[0]?.expiresS).toBeGreaterThanOrEqual(1);
    expect(view.faults).toEqual([]);
    await nat.kill();
    await expect.poll(() => network.mappings(), { timeout: 9_000 }).not.toContain("dport 5060");
  });

  it.sequential("maps again after the router has been restarted without its mappings", async ({ expect }) => {
    await network.start(options);
    const nat = probe({ protocols: [protocol] });
    await nat.until(whole);
    await network.stop(false);
    // With empty chains, so that what is there afterwards was asked for anew.
    await network.start(options);
    // By its announcement; the look from time to time would take up to half a minute.
    await expect.poll(() => network.mappings().match(/dnat/g)?.length, { timeout: 15_000 }).toBe(6);
    await nat.until((view) => whole(view) && view.faults.length === 0);
  });

  it.sequential("takes another port for SIP where somebody else has it, and complains for audio", async ({
    expect,
  }) => {
    await network.start(options);
    const taken = upnp
      ? ["upnpc", "-e", "other", "-a", PLACES.rogue, "5060", "5060", "udp"]
      : ["natpmpc", "-g", PLACES.router, "-a", "5060", "5060", "udp", "600"];
    network.run("rogue", ...taken);
    const audio = upnp
      ? ["upnpc", "-e", "other", "-a", PLACES.rogue, "10001", "10001", "udp"]
      : ["natpmpc", "-g", PLACES.router, "-a", "10001", "10001", "udp", "600"];
    network.run("rogue", ...audio);
    const nat = probe({ protocols: [protocol] });
    const view = await nat.until((one) => one.faults.length > 0 && one.mappings[1]?.externalPort !== null);
    const port = view.external?.sipPort ?? 0;
    expect(port).toBeGreaterThan(1_024);
    expect(port).not.toBe(5060);
    expect(view.mappings[2]).toMatchObject({ name: "rtp", externalPort: null });
    expect(view.faults).toEqual([expect.stringContaining("UDP port 10001 at the router: somebody else has it")]);
    expect(await carried(network, port, 5060)).toBe(to(5060));
    expect(network.mappings()).toContain(`dport 5060 dnat ip to ${PLACES.rogue}:5060`);
    await nat.stop();
    expect(network.mappings()).toContain(`dport 5060 dnat ip to ${PLACES.rogue}:5060`);
  });

  it.sequential("keeps to the port when no other is allowed", async ({ expect }) => {
    await network.start(options);
    const taken = upnp
      ? ["upnpc", "-e", "other", "-a", PLACES.rogue, "5060", "5060", "udp"]
      : ["natpmpc", "-g", PLACES.router, "-a", "5060", "5060", "udp", "600"];
    network.run("rogue", ...taken);
    const nat = probe({ protocols: [protocol], wanted: [{ ...SIP, otherPort: false }] });
    const view = await nat.until((one) => one.faults.length > 0);
    expect(view.faults[0]).toContain("nat.upstream.externalPort");
    expect(network.mappings()).not.toContain(PLACES.gateway);
  });

  it.sequential("reports what the router's rules forbid, with a remedy, and goes on when they no longer do", async ({
    expect,
  }) => {
    await network.start({ ...options, rules: [] });
    const nat = probe({ protocols: [protocol], wanted: [SIP] });
    const view = await nat.until((one) => one.faults.length > 0);
    expect(view.faults[0]).toContain("its rules forbid it");
    expect(view.external).toBeNull();
    await network.stop();
    await network.start(options);
    await nat.until((one) => whole(one) && one.faults.length === 0, 30_000);
  });

  it.sequential("reports a second router when the first has a private address", async ({ expect }) => {
    await hidden.start(options);
    const nat = probe({ protocols: [protocol], wanted: [SIP] }, hidden);
    const view = await nat.until((one) => one.doubleNat);
    expect(view.faults.join()).toContain("a second router is in the way");
  });
});

describe.concurrent("the look from time to time", () => {
  const network = home("look");

  it.sequential("finds a mapping that somebody removed", async ({ expect }) => {
    await network.start({ natPmp: false });
    const nat = probeIn(network, { protocols: ["upnp"], wanted: [SIP] });
    await nat.until(whole);
    network.run("gateway", "upnpc", "-d", "5060", "udp");
    expect(network.mappings()).not.toContain("dnat");
    await expect.poll(() => network.mappings(), { timeout: 40_000 }).toContain("dnat");
  });
});

describe("in the configured order", () => {
  const network = home("order");
  const probe = (of: Parameters<typeof probeIn>[1]) => probeIn(network, of);

  it("takes PCP first, and what is left when the router does not speak it", async () => {
    await network.start();
    const both = probe({});
    expect((await both.until(whole)).protocol).toBe("pcp");
    await both.stop();
    await network.stop();
    await network.start({ natPmp: false });
    const upnp = probe({});
    expect((await upnp.until(whole)).protocol).toBe("upnp");
  });

  it("takes version 1 of UPnP, which leaves it to us to find a free port", async () => {
    await network.start({ natPmp: false, version1: true });
    network.run("rogue", "upnpc", "-e", "other", "-a", PLACES.rogue, "5060", "5060", "udp");
    const nat = probe({ protocols: ["upnp"], wanted: [SIP, SIP_TCP] });
    const view = await nat.until(whole);
    expect(await carried(network, view.external?.sipPort ?? 0, 5060)).toBe(to(5060));
  });

  it("starts at once without a router, says so, and maps when one comes", async () => {
    const nat = probe({ wanted: [SIP] });
    const line = await nat.line((one) => one["started"] !== undefined);
    // A router that does not answer is waited for much longer.
    expect(Number(line["started"])).toBeLessThan(1_500);
    const view = await nat.until((one) => one.faults.length > 0);
    expect(view.faults[0]).toContain("does not answer to PCP, NAT-PMP, UPnP");
    await network.start();
    await nat.until((one) => whole(one) && one.faults.length === 0, 30_000);
  });

  it("takes over its own mappings after it was killed", async () => {
    await network.start();
    const first = probe({ protocols: ["pcp"], wanted: [SIP] });
    await first.until(whole);
    const { memory } = await first.line((one) => one["memory"] !== undefined);
    await first.kill();
    const second = probe({ protocols: ["pcp"], wanted: [SIP], memory });
    expect((await second.until(whole)).external?.sipPort).toBe(5060);
    await second.stop();
    expect(network.mappings()).not.toContain("dnat");
  });
});

describe("killed while it had another port", () => {
  const network = home("kill");
  const probe = (of: Parameters<typeof probeIn>[1]) => probeIn(network, of);

  it("takes that port over again, so that none is left behind", async () => {
    await network.start({ natPmp: false });
    network.run("rogue", "upnpc", "-e", "other", "-a", PLACES.rogue, "5060", "5060", "udp");
    const first = probe({ protocols: ["upnp"], wanted: [SIP] });
    const port = (await first.until(whole)).external?.sipPort;
    const { memory } = await first.line((one) => JSON.stringify(one["memory"] ?? "").includes(`${port}`));
    await first.kill();
    const second = probe({ protocols: ["upnp"], wanted: [SIP], memory });
    expect((await second.until(whole)).external?.sipPort).toBe(port);
    expect(network.mappings().match(new RegExp(`dnat ip to ${PLACES.gateway}`, "g"))?.length).toBe(1);
    await second.stop();
    expect(network.mappings()).not.toContain(PLACES.gateway);
  });
});

describe("with a STUN server outside", () => {
  const network = home("stun");
  const probe = (of: Parameters<typeof probeIn>[1]) => probeIn(network, of);

  it("agrees with the router's address", async () => {
    await network.start();
    const stun = await StunServer.start(network, PLACES.outside);
    try {
      const nat = probe({ stunServers: [`${PLACES.outside}:3478`] });
      const view = await nat.until((one) => whole(one) && one.stunAddress !== null);
      expect(view).toMatchObject({ stunAddress: PLACES.wan, doubleNat: false, faults: [] });
    } finally {
      await stun.stop();
    }
  });

  it("finds a second router by the difference of the addresses, and believes the Internet", async () => {
    await network.start({ extra: ["ext_ip=81.2.70.9"] });
    const stun = await StunServer.start(network, PLACES.outside);
    try {
      const nat = probe({ stunServers: [`${PLACES.outside}:3478`] });
      const view = await nat.until((one) => whole(one) && one.stunAddress !== null);
      expect(view).toMatchObject({ stunAddress: PLACES.wan, doubleNat: true });
      expect(view.external?.address).toBe(PLACES.wan);
    } finally {
      await stun.stop();
    }
  });
});
