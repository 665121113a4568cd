import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import type { Dispose } from "../../src/base/events.ts";
import { silentLog } from "../../src/base/log.ts";
import { MqttLink } from "../../src/drivers/mqtt-link.ts";
import { BanService } from "../../src/firewall/ban-service.ts";
import { liesIn } from "../../src/firewall/evidence.ts";
import { FleetService } from "../../src/status/fleet-service.ts";
import { testParts } from "../../src/status/home-assistant-test-parts.ts";
import { Publisher, willOf } from "../../src/status/publisher-service.ts";
import { networksOf } from "../../src/status/shared-ban.ts";
import { SharedBanService } from "../../src/status/shared-ban-service.ts";
import type { Message } from "../../src/status/types.ts";
import { freePort, Mosquitto } from "./support/mosquitto.ts";
import { MqttWatch, until } from "./support/mqtt-watch.ts";

/** Several gateways on one real broker: who sees whom, who believes what. */

const run = promisify(execFile);
const BEAT_MS = 300;
const KEY = "the key of the whole fleet";
const tidy: (() => Promise<unknown>)[] = [];
const signal = new AbortController().signal;

afterEach(async () => {
  for (const remove of tidy.splice(0).reverse()) await remove();
});

async function broker(): Promise<Mosquitto> {
  const mosquitto = await Mosquitto.open();
  tidy.push(() => mosquitto.remove());
  return mosquitto;
}

/** What the gateways of this file reach the broker by: cut off, it is gone as a gateway without power is. */
async function cable(to: number): Promise<{ readonly port: number; cut(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(to, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy()).on("close", () => other.destroy());
      one.pipe(other);
    }
  });
  const port = await freePort();
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  tidy.push(async () => cut());
  return { port, cut };
}

async function link(port: number, site: string): Promise<MqttLink> {
  const made = new MqttLink({
    url: `mqtt://127.0.0.1:${port}`,
    protocol: 4,
    clientId: `paxgate-${site}`,
    will: willOf(`paxgate/${site}`),
    keepaliveSeconds: 15,
    clock: systemClock,
    wall: Date.now,
    log: silentLog,
  });
  tidy.push(() => made.stop());
  return made;
}

const connected = (of: MqttLink) =>
  until(
    () => of.state.connected,
    (changed) => of.onState(changed),
  );

/** A gateway's publisher with a status that does not change. */
async function site(port: number, name: string) {
  const to = await link(port, name);
  const snapshot: readonly Message[] = [
    { topic: "gateway", payload: { ...testParts.gateway, site: name }, retain: true },
    { topic: "system", payload: testParts.system, retain: true },
  ];
  const source = { snapshot: () => snapshot, onMessage: () => () => undefined };
  const options = { root: `paxgate/${name}`, heartbeatSeconds: BEAT_MS / 1_000, clock: systemClock, wall: Date.now };
  const publisher = new Publisher(source, to, { ...options, log: silentLog });
  await publisher.start(signal);
  tidy.push(() => publisher.stop());
  await to.start(signal);
  await connected(to);
  return { link: to, publisher };
}

async function view(port: number, name: string): Promise<FleetService> {
  const to = await link(port, name);
  const options = { base: "paxgate", ownSite: name, heartbeatMs: BEAT_MS, clock: systemClock, unixMs: Date.now };
  const fleet = new FleetService(options, to);
  await fleet.start(signal);
  tidy.push(() => fleet.stop());
  await to.start(signal);
  return fleet;
}

const sees = (fleet: FleetService, fits: () => boolean) => until(fits, (changed) => fleet.onMessage(changed));
const stale = (fleet: FleetService, name: string) => fleet.sites().find((each) => each.site === name)?.stale;
const shows = (fleet: FleetService, name: string) =>
  fleet.snapshot().some((each) => each.site === name && each.topic === "system") && stale(fleet, name) === false;

describe("the fleet on one broker", () => {
  it("is seen whole; who is cut off is stale at once, and what he said stays", async () => {
    const { port } = await broker();
    const wire = await cable(port);
    await site(port, "south");
    await site(wire.port, "west");
    const fleet = await view(port, "north");
    await sees(fleet, () => shows(fleet, "south") && shows(fleet, "west"));
    wire.cut();
    await sees(fleet, () => stale(fleet, "west") === true);
    expect(stale(fleet, "south")).toBe(false);
    const kept = fleet.snapshot().filter((each) => each.site === "west");
    expect(kept.find(({ topic }) => topic === "availability")?.payload).toBe("offline");
    expect(kept.find(({ topic }) => topic === "gateway")?.payload).toMatchObject({ site: "west" });
    expect(fleet.counts).toEqual({ invalid: 0, crowded: 0, hurried: 0 });
    // Whoever comes later finds it the same.
    const later = await view(port, "east");
    await sees(later, () => shows(later, "south") && stale(later, "west") === true);
    expect(later.snapshot().some((each) => each.site === "west" && each.topic === "system")).toBe(true);
  });

  it("shows a site stale that is connected and says nothing any more", async () => {
    const { port } = await broker();
    const south = await site(port, "south");
    const fleet = await view(port, "north");
    await sees(fleet, () => shows(fleet, "south"));
    await south.publisher.stop();
    await sees(fleet, () => stale(fleet, "south") === true);
    expect(south.link.state.connected).toBe(true);
  });

  it("is not disturbed by what strangers publish", async () => {
    const { port } = await broker();
    await site(port, "south");
    const fleet = await view(port, "north");
    await sees(fleet, () => shows(fleet, "south"));
    const before = fleet.snapshot().filter(({ topic }) => topic === "gateway");
    const say = (topic: string, payload: string) =>
      run("mosquitto_pub", ["-p", String(port), "-t", topic, "-m", payload, "-r", "-q", "1"]);
    await say("paxgate/south/gateway", '{"site":"south","name":"\u001b[2J"}');
    await say("paxgate/evil/gateway", "{");
    await say("paxgate/evil/nothing", "x".repeat(60_000));
    await sees(fleet, () => fleet.counts.invalid >= 3);
    expect(fleet.snapshot().filter(({ topic }) => topic === "gateway")).toEqual(before);
    expect(fleet.sites().map((each) => each.site)).toEqual(["south"]);
  });
});

/** The guard's own bans and policy, with a kernel that only remembers. */
async function guard(trusted: readonly string[], allowed: readonly string[]) {
  const kernel = new Map<string, number>();
  const trustedNow = networksOf(trusted, new Map());
  const bans = new BanService(
    {
      limits: { failures: 3, failureHours: 24, banMinutes: [10, 60] },
      trusted: (source) => liesIn(source, trustedNow),
      events: { up: true, refused: 0, onEvent: () => () => undefined, onRefused: () => () => undefined },
      state: { read: async () => null, write: async () => undefined },
      kernel: {
        ban: async (source, seconds) => void kernel.set(source, seconds),
        release: async (source) => void kernel.delete(source),
        refusals: async () => new Map(),
      },
      clock: systemClock,
      wallNow: Date.now,
    },
    silentLog,
  );
  await bans.start(signal);
  tidy.push(() => bans.stop());
  const port = {
    protects: () => networksOf(allowed, new Map()),
    bans: async () => bans.bans,
    ban: async (source: string, minutes: number) => {
      if (!bans.ban(source, minutes, "fleet")) throw new Error(`${source} is never banned`);
    },
    onBanned: (listener: (ban: { source: string; reason: string; untilMs: number }) => void): Dispose =>
      bans.on("banned", listener),
  };
  return { bans, kernel, port };
}

async function sharing(port: number, name: string, of: Awaited<ReturnType<typeof guard>>, accept: readonly string[]) {
  const to = await link(port, name);
  const options = { base: "paxgate", site: name, key: KEY, share: true, accept, unixMs: Date.now };
  const service = new SharedBanService(options, to, of.port, silentLog);
  await service.start(signal);
  tidy.push(() => service.stop());
  await to.start(signal);
  await connected(to);
  return service;
}

describe("bans that a fleet shares", () => {
  it("count where they are signed and new; forged, changed and repeated ones change nothing", async () => {
    const { port } = await broker();
    const [north, south] = [await guard([], []), await guard(["203.0.113.7"], ["198.51.100.0/24", "2001:db8:1::5"])];
    const heard = await MqttWatch.open(port, "paxgate/+/guard/bans");
    tidy.push(() => heard.close());
    const service = await sharing(port, "south", south, ["north"]);
    await sharing(port, "north", north, ["south"]);
    const banned = (source: string) =>
      until(
        () => south.bans.bans.some((ban) => ban.source === source),
        (changed) => south.bans.on("banned", changed),
      );
    north.bans.ban("192.0.2.9", 30);
    const first = await heard.next(({ topic }) => topic === "paxgate/north/guard/bans");
    await banned("192.0.2.9");
    expect(south.kernel.get("192.0.2.9")).toBe(30 * 60);
    const endsMs = south.bans.bans[0]?.untilMs;

    const say = (payload: string, topic = "paxgate/north/guard/bans", ...more: string[]) =>
      run("mosquitto_pub", ["-p", String(port), "-t", topic, "-m", payload, "-q", "1", ...more]);
    const told = JSON.parse(first.payload) as Record<string, unknown>;
    await say(first.payload);
    await say(first.payload, "paxgate/north/guard/bans", "-r");
    await say(JSON.stringify({ ...told, address: "192.0.2.66" }));
    await say(JSON.stringify({ ...told, address: "192.0.2.67", mac: "0".repeat(64), nonce: "1".repeat(32) }));
    await say(JSON.stringify({ address: "192.0.2.68", minutes: 60 }));
    await say(first.payload, "paxgate/west/guard/bans");
    // Signed, and still: who is trusted, allowed, or shares a /64 with somebody who is.
    for (const source of ["203.0.113.7", "198.51.100.9", "2001:db8:1::/64"]) north.bans.ban(source, 30);
    // Messages of one sender come in order: with this one everything before it has been judged.
    north.bans.ban("192.0.2.10", 30);
    await banned("192.0.2.10");
    await service.stop();
    expect(south.bans.bans.map(({ source }) => source).sort()).toEqual(["192.0.2.10", "192.0.2.9"]);
    expect(south.bans.bans.find(({ source }) => source === "192.0.2.9")?.untilMs).toBe(endsMs);
    expect(service.counts).toMatchObject({ banned: 2, protected: 2, failed: 1, mac: 2, form: 1, sent: 0 });
    expect(service.counts.replayed).toBeGreaterThanOrEqual(1);
    expect(service.counts["not-accepted"]).toBe(1);
    // By hand the operator may ban whom he allows; another site may not.
    expect(south.bans.ban("198.51.100.9", 30)).toBe(true);
    expect(south.bans.ban("203.0.113.7", 30)).toBe(false);
  });

  it("are not sent on by those who took them", async () => {
    const { port } = await broker();
    const [north, south] = [await guard([], []), await guard([], [])];
    const heard = await MqttWatch.open(port, "paxgate/+/guard/bans");
    tidy.push(() => heard.close());
    await sharing(port, "south", south, ["north"]);
    await sharing(port, "north", north, ["south"]);
    north.bans.ban("192.0.2.9", 30);
    await until(
      () => south.bans.bans.length === 1,
      (changed) => south.bans.on("banned", changed),
    );
    south.bans.release("192.0.2.9");
    south.bans.ban("192.0.2.10", 30);
    const sent = [await heard.next(() => true), await heard.next(() => true)];
    expect(sent.map(({ topic, payload }) => [topic, JSON.parse(payload).address])).toEqual([
      ["paxgate/north/guard/bans", "192.0.2.9"],
      ["paxgate/south/guard/bans", "192.0.2.10"],
    ]);
  });
});
