import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { within } from "../../src/base/lifecycle.ts";
import { freeTcpPort } from "./support/free-port.ts";
import { GatewayRig } from "./support/gateway-rig.ts";
import { Mosquitto } from "./support/mosquitto.ts";
import { MqttWatch } from "./support/mqtt-watch.ts";
import { clearAll, eventOf, fastDials, hangUp, hearEachOther, lineEnd, paxTalksTo, quick } from "./support/scenes.ts";
import { type FeedMessage, nextOf, Page, pageIsUp, spread, statusRig, stored } from "./support/status-rig.ts";
import { ask } from "./support/web-rig.ts";

/** The page of the whole gateway, with the gateway's own broker behind it. */

const ROOT = "paxgate/page-field";

let rig: GatewayRig;
let webPort: number;
let brokerPort: number;
let page: Page;

beforeAll(async () => {
  webPort = await freeTcpPort();
  brokerPort = await freeTcpPort();
  const config = {
    site: { id: "page-field", name: "Page Field" },
    web: { enabled: true, port: webPort, listen: "loopback" },
    status: { broker: { enabled: true, port: brokerPort }, requests: true },
    inputs: [
      { name: "selector-1", label: "Selector 1 busy" },
      { name: "fuse-alarm", label: "A fuse has blown", alarm: true },
    ],
    pax: { overrides: quick },
  } as object;
  rig = await statusRig({ tieLines: 2, trunks: 2, config }, () => pageIsUp(webPort));
  await fastDials(rig, "21", "22");
  page = await Page.open(webPort, stored(rig).dashboard);
});
afterAll(async () => {
  page?.close();
  await rig?.stop();
});
afterEach(() => clearAll(rig));

const asked = (path: string, more: object = {}) => ask(webPort, { path, headers: { Cookie: page.cookie }, ...more });
const perform = async (name: string, params: object) => {
  const { status, body } = await asked("/api/operation", { method: "POST", json: { name, params, transaction: "t1" } });
  expect(status).toBe(200);
  return JSON.parse(body) as { status: string; data: unknown; error: { code: string } | null };
};
const about =
  (topic: string, fits: (payload: NonNullable<FeedMessage["payload"]>) => boolean = () => true) =>
  (message: FeedMessage) =>
    message.topic === topic && message.payload !== null && fits(message.payload);

describe("the page of a gateway", () => {
  it("shows a call from the first seizure, with its digits as they are dialled, within 200 ms", async () => {
    const late: number[] = [];
    const seen = page.messages.length;
    let counted = seen;
    page.listening.socket.on("data", () => {
      const now = Date.now();
      for (const { topic, payload } of page.messages.slice(counted)) {
        counted++;
        if (topic.endsWith("/digit") || topic === "calls/event") late.push(now - Number(payload?.["atMs"]));
      }
    });
    const talking = paxTalksTo(rig, "21", "4124");
    const states: unknown[] = [];
    for (const digits of ["", "4", "41", "412", "4124"]) {
      const line = await page.next(
        about("lines/tie1", (payload) => payload["digits"] === digits && payload["call"] !== null),
      );
      states.push(line.payload?.["state"]);
    }
    expect(states[0]).toMatch(/seized|proceeding/);
    await talking;
    await page.next(about("lines/tie1", ({ state }) => state === "talking"));
    await hangUp(rig, "21");
    const ended = await page.next(about("calls/event", ({ type }) => type === "ended"));
    expect(ended).toMatchObject({ site: "page-field", payload: { call: { number: "4124", direction: "from-pax" } } });
    const recent = await page.next(about("calls", ({ active }) => (active as unknown[]).length === 0));
    expect(recent.payload).toMatchObject({ recent: [{ number: "4124", phase: "ended" }], today: { fromPax: 1 } });
    await page.next(about("lines/tie1", ({ state }) => state === "idle"));
    const placed = page.messages.find(about("calls/event", ({ type }) => type === "placed"));
    expect(placed?.payload).toMatchObject({ call: { number: "4124", via: expect.stringMatching(/^t410/) } });
    const { p50, worst, count } = spread(late);
    console.info(`feed of the real gateway: p50 ${p50} ms, worst ${worst} ms of ${count}`);
    expect(count).toBeGreaterThanOrEqual(8);
    // The page's 200 ms are held ten times over; one that is late alone tells of this machine.
    expect(p50).toBeLessThanOrEqual(20);
  });

  it("shows nothing to anybody without its password", async () => {
    for (const path of ["/api/feed", "/api/history", "/metrics"])
      expect((await ask(webPort, { path })).status).toBe(401);
    const json = { name: "line/block", params: { line: "tie2" } };
    expect((await ask(webPort, { method: "POST", path: "/api/operation", json })).status).toBe(401);
    expect((await rig.status()).lines.map(({ blocked }) => blocked)).toEqual([false, false]);
  });

  it("has metrics that Prometheus can read, and the page itself", async () => {
    const { status, body } = await asked("/metrics");
    expect(status).toBe(200);
    expect(body).toMatch(/^paxgate_calls_\w+.* 1$/m);
    for (const line of body.trimEnd().split("\n")) {
      expect(line).toMatch(/^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{[^{}]*\})? -?[0-9.e+-]+)$/);
    }
    const index = await asked("/");
    expect(index.status).toBe(200);
    const [script = ""] = /\/main-[A-Z0-9]+\.js/.exec(index.body) ?? [];
    expect((await asked(script)).status).toBe(200);
  });

  it("blocks and unblocks a line, tests another, and says why it does not do something", async () => {
    expect(await perform("line/block", { line: "tie2" })).toMatchObject({ status: "ok", data: { blocked: true } });
    await page.next(about("lines/tie2", ({ blocked }) => blocked === true));
    expect(await perform("line/unblock", { line: "tie2" })).toMatchObject({ status: "ok" });
    await page.next(about("lines/tie2", ({ blocked }) => blocked === false));
    expect(await perform("call/test", { line: "tie1" })).toMatchObject({ status: "ok", data: { dialTone: true } });
    expect(await perform("call/test", { line: "nine" })).toMatchObject({
      status: "error",
      error: { code: "unknown-line" },
    });
    expect(await perform("homeassistant/announce", {})).toMatchObject({ error: { code: "no-broker" } });
  });

  it("alerts of a blown fuse for as long as it is, on the page and at the broker", async () => {
    const { username, secret } = stored(rig).broker.viewer;
    const watch = await MqttWatch.open(brokerPort, `${ROOT}/#`, { username, password: secret });
    try {
      await rig.pax.setInput("fuse-alarm", true);
      const raised = await page.next(about("alerts/input-fuse-alarm"));
      expect(raised.payload).toMatchObject({ severity: "error", text: "A fuse has blown" });
      await nextOf(watch, "alert", ({ topic }) => topic === `${ROOT}/alerts/input-fuse-alarm`);
      await page.next(about("gateway", ({ state }) => state === "degraded"));
      await rig.pax.setInput("fuse-alarm", false);
      await page.next(({ topic, payload }) => topic === "alerts/input-fuse-alarm" && payload === null);
      await nextOf(watch, "end", ({ topic, payload }) => topic === `${ROOT}/alerts/input-fuse-alarm` && payload === "");
      await page.next(about("gateway", ({ state }) => state === "ready"));
    } finally {
      await watch.close();
    }
  });

  it("keeps calls and their sound while a thousand connections hammer it", async () => {
    const call = await paxTalksTo(rig, "21", "4124");
    const line = (await rig.pax.lines()).find(({ state }) => state !== "idle")?.line ?? "tie1";
    const before = (await lineEnd(rig, line)).audio;
    const attacker = join(import.meta.dirname, "support/web-attacker.mjs");
    const [port, connections, addresses, ms] = [webPort, 1_000, 1_000, 6_000];
    const words = [port, connections, addresses, ms].map(String);
    const attack = promisify(execFile)(process.execPath, [attacker, "requests", ...words]);
    // Another call comes about meanwhile.
    const [second] = await Promise.all([paxTalksTo(rig, "22", "4123"), hearEachOther(rig, "21", call)]);
    await hearEachOther(rig, "22", second, 900, 1_700);
    const { opened } = JSON.parse((await attack).stdout) as { opened: number };
    const after = (await lineEnd(rig, line)).audio;
    const frames = after.used - before.used;
    const missed = after.missed - before.missed;
    console.info(`${opened} connections in 6 s: ${missed} of ${frames} audio frames of a call missed`);
    expect(opened).toBeGreaterThanOrEqual(1_000);
    expect(frames).toBeGreaterThan(150);
    // Attackers, the simulated PAX and two Asterisks share this machine's processors with the gateway: how many frames
    // it costs is a figure to look at. That people heard each other all the while is what was shown above.
    expect(missed).toBeLessThan(frames / 2);
    expect(eventOf(rig).calls).toHaveLength(2);
    expect((await asked("/api/history")).status).toBe(200);
  });

  it("counts operations of an input, and goes on counting after a restart", async () => {
    const earlier = page.messages.findLast(({ topic }) => topic === "inputs/selector-1")?.payload?.["operations"];
    page.skip();
    for (const _operation of [1, 2]) {
      for (const active of [true, false]) {
        await rig.pax.setInput("selector-1", active);
        await page.next(about("inputs/selector-1", (payload) => payload["active"] === active));
      }
    }
    const counted = Number(earlier) + 2;
    const last = page.messages.findLast(({ topic }) => topic === "inputs/selector-1");
    expect(last?.payload).toMatchObject({ operations: counted, operationsToday: counted });
    await rig.stopGateway();

    // Somebody else has the page's port in the meantime: calls go on, and it is tried again.
    const squatter = createServer().listen(webPort, "127.0.0.1");
    await once(squatter, "listening");
    await rig.startGateway();
    const { username, secret } = stored(rig).broker.viewer;
    const watch = await MqttWatch.open(brokerPort, `${ROOT}/#`, { username, password: secret });
    try {
      const raised = await nextOf(watch, "alert", ({ topic }) => topic.startsWith(`${ROOT}/alerts/service-`));
      expect(JSON.parse(raised.payload)).toMatchObject({
        severity: "warning",
        text: expect.stringContaining(String(webPort)),
      });
      await paxTalksTo(rig, "21", "4124");
      squatter.close();
      await once(squatter, "close");
      await within(15_000, pageIsUp(webPort), "the page did not come back");
      await nextOf(watch, "end of the alert", ({ topic, payload }) => topic === raised.topic && payload === "");
    } finally {
      await watch.close();
    }
    page.close();
    page = await Page.open(webPort, stored(rig).dashboard);
    const kept = await page.next(about("inputs/selector-1"));
    expect(kept.payload).toMatchObject({ operations: counted, operationsToday: counted });
  });
});

describe("two gateways on one broker", () => {
  it("are both on the page of one, which sees the other go and come", async () => {
    const mosquitto = await Mosquitto.open();
    const rigs: GatewayRig[] = [];
    try {
      const port = await freeTcpPort();
      const config = (id: string, web: object) =>
        ({
          site: { id, name: id },
          web,
          status: { mqtt: { url: `mqtt://127.0.0.1:${mosquitto.port}` }, broker: { enabled: false } },
          numberPlan: { fromPax: [{ dial: "02", service: "echo" }], toPax: [] },
          trunks: [],
        }) as object;
      const shows = { enabled: true, port, listen: "loopback" };
      const started = [config("north", shows), config("south", { enabled: false })].map((each) =>
        GatewayRig.start({ tieLines: 1, withoutEvent: true, config: each }).then((one) => {
          rigs.push(one);
          return one;
        }),
      );
      const [north, south] = await Promise.all(started).finally(() => Promise.allSettled(started));
      if (north === undefined || south === undefined) throw new Error("no rigs");
      await pageIsUp(port);
      const both = await Page.open(port, stored(north).dashboard);
      const ofSouth = (topic: string, fits: (payload: unknown) => boolean) => (message: FeedMessage) =>
        message.site === "south" && message.topic === topic && fits(message.payload);
      await both.next(ofSouth("gateway", (payload) => (payload as { state: string }).state === "ready"));
      await south.pax.lift("21");
      await south.pax.waitFor("21", "dial-tone", 15_000);
      await south.pax.dial("21", "9");
      await both.next(ofSouth("lines/tie1", (payload) => (payload as { state: string }).state === "seized"));
      await south.pax.hangup("21");
      await both.next(ofSouth("lines/tie1", (payload) => (payload as { state: string }).state === "idle"));
      await south.stopGateway("SIGKILL");
      await both.next(ofSouth("availability", (payload) => payload === "offline"));
      await south.startGateway();
      await both.next(ofSouth("availability", (payload) => payload === "online"));
      expect(both.messages.some(({ site, topic }) => site === "north" && topic === "gateway")).toBe(true);
      both.close();
    } finally {
      for (const one of rigs) await one.stop();
      await mosquitto.remove();
    }
  });
});
