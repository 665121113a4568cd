import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, type ExpectStatic, expect, it } from "vitest";
import type { ConfigInput } from "./support/asterisk.ts";
import { GatewayRig } from "./support/gateway-rig.ts";
import { CALLER, Outside, type OutsideCall } from "./support/outside.ts";
import { PLACES, RouterNetwork } from "./support/router.ts";
import { hangUp, levelAt, quick } from "./support/scenes.ts";

/** The whole guarded gateway behind the real miniupnpd: what comes of a mapping is a call. */

const PROGRAM = process.env["PAXGATE_PROGRAM"] ?? join(import.meta.dirname, "../../dist/paxgate.js");
const OURS_HZ = 700;
const THEIRS_HZ = 1_400;
/** SIP's port and the audio ports that are used of the thousand configured. */
const MAPPINGS = 1 + 100;

/** A home with a router, the outside, and a gateway for each test: one of these for a suite. */
class Home {
  readonly network: RouterNetwork;
  #outside: Outside | null = null;
  #rig: GatewayRig | null = null;

  constructor(tag: string) {
    this.network = new RouterNetwork(tag);
  }

  /** To be called where the suite is described. */
  static of(tag: string): Home {
    const home = new Home(tag);
    beforeAll(async () => {
      home.network.build();
      home.#outside = await Outside.start(home.network);
    });
    afterEach(() => home.empty());
    afterAll(async () => {
      await home.#outside?.stop();
      await home.network.close();
    });
    return home;
  }

  async empty(): Promise<void> {
    this.outside.speak(null);
    await this.#rig?.stop();
    this.#rig = null;
    await this.network.stop(false);
    await this.network.exec("router", "conntrack", "-F");
    this.outside.requests.length = 0;
  }

  get outside(): Outside {
    if (this.#outside === null) throw new Error("nobody is outside");
    return this.#outside;
  }

  async gateway(upstream: object, { mode = "upstream", sip = {} } = {}): Promise<GatewayRig> {
    const trunk = { password: "given", port: 5060 };
    const config = {
      lines: [{ name: "tie1" }],
      trunks: [
        { ...trunk, name: "home", server: PLACES.outside, username: "4100" },
        { ...trunk, name: "caller", server: CALLER, username: "4101", register: false },
      ],
      numberPlan: { fromPax: [{ dial: "4XXX", trunk: "home" }], toPax: [{ number: "4100", extension: "34" }] },
      pax: { overrides: quick },
      firewall: {},
      sip: { port: 5060, bindAddress: "0.0.0.0", rtpPorts: { from: 10_000, to: 10_999 }, ...sip },
      nat: { mode, upstream },
    };
    this.#rig = await GatewayRig.start({
      namespace: this.network.name("gateway"),
      withoutEvent: true,
      config: config as ConfigInput,
      // The exchange tells the answer, so that nobody has to wait for its inference.
      topology: (standard) => ({
        ...standard,
        lines: standard.lines?.map((line) => ({ ...line, reversal: true })) ?? [],
      }),
    });
    return this.#rig;
  }

  /** The router has this address outside, and no other. */
  async setWan(address: string): Promise<void> {
    const { network } = this;
    await network.exec("router", "ip", "address", "flush", "dev", "wan");
    await network.exec("router", "ip", "address", "add", `${address}/24`, "dev", "wan");
    await network.exec("router", "ip", "route", "replace", "default", "via", PLACES.outside, "dev", "wan", "onlink");
  }

  readonly mapped = () => this.network.mapped();
  /** Where the registrar was last told to find us. */
  readonly contact = () => /@([^>;]*)/.exec(this.outside.requests.at(-1)?.contact ?? "")?.[1];

  /** Both hear each other, the outside by a mapped port that nobody inside has sent from to where this comes from. */
  async talk(expect: ExpectStatic, of: GatewayRig, call: OutsideCall, place: string, below = 10_100): Promise<void> {
    const { outside } = this;
    await of.pax.waitFor("34", "ringing", 15_000);
    await of.pax.lift("34");
    const { contact: sip, audioAddress, audioPort } = await call.answered();
    expect(`${audioAddress} ${sip}`).toBe(`${place.split(":")[0]} ${place}`);
    expect(audioPort).toBeGreaterThanOrEqual(10_000);
    expect(audioPort).toBeLessThan(below);
    const { packets } = await outside.hear(OURS_HZ);
    outside.speak({ address: audioAddress, port: audioPort, frequencyHz: THEIRS_HZ });
    await of.pax.play("34", { frequencyHz: OURS_HZ });
    await expect.poll(() => levelAt(of, "34", THEIRS_HZ), { timeout: 15_000 }).toBeGreaterThan(-25);
    // A second of it, so that nothing is left in the ear of what was before.
    await expect
      .poll(async () => (await outside.hear(OURS_HZ)).packets, { timeout: 15_000 })
      .toBeGreaterThan(packets + 75);
    expect((await outside.hear(OURS_HZ)).levelDbm0).toBeGreaterThan(-30);
  }

  /** The PAX's party clears; the gateway tells the caller. */
  async clear(of: GatewayRig, call: OutsideCall): Promise<void> {
    await hangUp(of, "34");
    await call.done();
    await of.quiet();
    this.outside.speak(null);
  }
}

/** `paxgate nat`: its exit status and what it printed. */
function shown(of: GatewayRig, ...options: string[]): Promise<{ status: number; text: string }> {
  return promisify(execFile)(process.execPath, [PROGRAM, "nat", "-c", of.configFile, ...options]).then(
    ({ stdout }) => ({ status: 0, text: stdout }),
    ({ code, stdout }: { code: number; stdout: string }) => ({ status: code, text: stdout }),
  );
}

// Each in a home of its own, at the same time: much of the time they wait for leases and announcements.
describe.concurrent.each([
  { protocol: "pcp", options: { upnp: false } },
  { protocol: "nat-pmp", options: { upnp: false } },
  { protocol: "upnp", options: { natPmp: false } },
])("by $protocol alone", ({ protocol, options }) => {
  const home = Home.of(`gw-${protocol}`);
  const { network, mapped, contact } = home;

  it.sequential("a call comes in, also after the router has lost everything during one; a stop leaves nothing", async ({
    expect,
  }) => {
    await network.start(options);
    const own = await home.gateway({ protocols: [protocol] });
    await expect.poll(mapped, { timeout: 10_000 }).toBe(MAPPINGS);
    const place = `${PLACES.wan}:5060`;
    await expect.poll(contact, { timeout: 10_000 }).toBe(place);
    expect(await shown(own)).toMatchObject({
      status: 0,
      text: expect.stringContaining(`at ${PLACES.wan}, SIP port 5060`),
    });

    const first = await home.outside.call(PLACES.wan, 5060, "4100");
    await home.talk(expect, own, first, place);
    await network.stop(false);
    await network.exec("router", "conntrack", "-F");
    const began = performance.now();
    await network.start(options);
    // Its first announcement that we hear is that of the restart.
    await expect.poll(mapped, { timeout: protocol === "upnp" ? 15_000 : 40_000 }).toBe(MAPPINGS);
    console.info(`${protocol}: mapped again after ${Math.round(performance.now() - began)} ms`);
    await expect.poll(() => levelAt(own, "34", THEIRS_HZ), { timeout: 15_000 }).toBeGreaterThan(-25);
    await home.clear(own, first);
    await network.exec("router", "conntrack", "-F");
    const next = await home.outside.call(PLACES.wan, 5060, "4100");
    await home.talk(expect, own, next, place);

    await own.stopGateway();
    expect(await mapped()).toBe(0);
  }, 90_000);
});

describe("behind one router", () => {
  const home = Home.of("gw");
  const { network, contact } = home;

  describe("the port that the router gives", () => {
    it("is another one than ours when somebody else has ours: the registrar is told, and the call comes in", async () => {
      await network.start({ natPmp: false });
      await network.exec("rogue", "upnpc", "-e", "other", "-a", PLACES.rogue, "5060", "5060", "udp");
      const own = await home.gateway({ protocols: ["upnp"] });
      await expect.poll(contact, { timeout: 15_000 }).toMatch(`${PLACES.wan}:`);
      const port = Number(contact()?.split(":")[1]);
      expect(port).not.toBe(5060);
      expect((await shown(own)).text).toContain(`at ${PLACES.wan}, SIP port ${port}`);
      const call = await home.outside.call(PLACES.wan, port, "4100", { clearAfterMs: 6_000 });
      await home.talk(expect, own, call, `${PLACES.wan}:${port}`);
      // Here the caller clears.
      await call.done();
      await own.until((view) => view.calls.length === 0);
      await own.stopGateway();
      // The other one's is still there.
      expect(network.mappings().match(/dnat.*/g)).toEqual([expect.stringContaining(`${PLACES.rogue}:5060`)]);
    }, 60_000);
  });

  describe("the router's address", () => {
    const other = "81.2.69.3";
    const wan = (...words: string[]) => network.exec("router", "ip", "address", ...words, "dev", "wan");

    afterEach(() => home.setWan(PLACES.wan));

    it("changes during a call, which goes on; the registrar and the next call are told the new one", async () => {
      await network.start({ upnp: false });
      const own = await home.gateway({ protocols: ["pcp"] });
      await expect.poll(contact, { timeout: 10_000 }).toBe(`${PLACES.wan}:5060`);
      const call = await home.outside.call(PLACES.wan, 5060, "4100");
      await home.talk(expect, own, call, `${PLACES.wan}:5060`);
      const pid = own.asteriskPid;
      // The provider has given another address; packets of flows that it knows still arrive.
      await home.setWan(other);
      await wan("add", `${PLACES.wan}/32`);
      network.announceAddress();
      const began = performance.now();
      await expect.poll(contact, { timeout: 40_000 }).toBe(`${other}:5060`);
      console.info(`registered with the new address after ${Math.round(performance.now() - began)} ms`);
      // By the router's announcement; without one it is seen at the next look, half a minute later at the latest.
      expect(performance.now() - began).toBeLessThan(12_000);
      expect((await shown(own)).text).toContain(`at ${other}, SIP port 5060`);
      const { packets } = await home.outside.hear(OURS_HZ);
      await expect
        .poll(async () => (await home.outside.hear(OURS_HZ)).packets, { timeout: 15_000 })
        .toBeGreaterThan(packets + 75);
      expect(await levelAt(own, "34", THEIRS_HZ)).toBeGreaterThan(-25);
      await home.clear(own, call);
      expect(own.asteriskPid).toBe(pid);
      // The old flow is forgotten: with the same two ends inside, a new one would be taken for it.
      await network.exec("router", "conntrack", "-F");
      const next = await home.outside.call(other, 5060, "4100");
      await home.talk(expect, own, next, `${other}:5060`);
      await home.clear(own, next);
    }, 90_000);
  });

  describe("a router that is no use", () => {
    afterEach(() => home.setWan(PLACES.wan));

    it("is reported when its rules forbid it, and calls can be made all the same", async () => {
      await network.start({ rules: [] });
      const own = await home.gateway({});
      await expect.poll(async () => (await shown(own)).status, { timeout: 20_000 }).toBe(1);
      expect((await shown(own)).text).toMatch(/FAULT: the router 10\.77\.0\.1 does not map SIP's port; .*forbid it/);
      const { ready, fault } = await own.status();
      expect({ ready, fault }).toEqual({ ready: true, fault: null });
      await expect.poll(() => home.outside.requests.length, { timeout: 10_000 }).toBeGreaterThan(0);
    }, 60_000);

    it("is reported when a second one stands before it", async () => {
      await home.setWan("192.168.55.2");
      await network.start();
      const own = await home.gateway({});
      await expect.poll(async () => (await shown(own)).text, { timeout: 20_000 }).toContain("DOUBLE NAT");
      expect(await shown(own, "--json")).toMatchObject({ status: 1, text: expect.stringContaining("second router") });
      expect((await own.status()).ready).toBe(true);
    }, 60_000);
  });

  describe("ports forwarded by hand", () => {
    it("are named with their numbers, and carry a call", async () => {
      await network.start({ natPmp: false });
      const own = await home.gateway(
        {},
        { mode: "none", sip: { externalAddress: PLACES.wan, localNetworks: ["10.77.0.0/24"] } },
      );
      const needed =
        "static forwarding of UDP port 5060 and UDP ports 10000 to 10999 to 10.77.0.2, with the same numbers, is needed at the router";
      await expect.poll(async () => (await shown(own)).text, { timeout: 15_000 }).toContain(needed);
      expect((await shown(own)).status).toBe(0);
      for (const ports of ["5060", "10000-10999"]) {
        const rule = `udp dport ${ports} dnat ip to ${PLACES.gateway}`;
        await network.exec(
          "router",
          "nft",
          "add",
          "rule",
          "inet",
          "filter",
          "prerouting_miniupnpd",
          ...rule.split(" "),
        );
      }
      const forward = `ip daddr ${PLACES.gateway} udp dport { 5060, 10000-10999 } accept`;
      await network.exec("router", "nft", "add", "rule", "inet", "filter", "miniupnpd", ...forward.split(" "));
      const call = await home.outside.call(PLACES.wan, 5060, "4100");
      await home.talk(expect, own, call, `${PLACES.wan}:5060`, 11_000);
      await home.clear(own, call);
    }, 60_000);
  });
});
