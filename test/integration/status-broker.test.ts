import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { within } from "../../src/base/lifecycle.ts";
import { specOf } from "../../src/status/topics.ts";
import type { GatewayRig } from "./support/gateway-rig.ts";
import { type Certificates, Mosquitto, makeCertificates, writePassword } from "./support/mosquitto.ts";
import { MqttWatch, until } from "./support/mqtt-watch.ts";
import { clearAll, eventCalls, fastDials, hangUp, paxTalksTo, quick } from "./support/scenes.ts";
import { heldOf, nextOf, secretsOf, spread, statusRig, stored } from "./support/status-rig.ts";

/** The whole gateway on a real mosquitto, with TLS and passwords. */

const ROOT = "paxgate/north-field";
const SECRETS = {
  broker: "brokerpassword-7c1e55d2",
  fleet: "fleetkey-0b8a96f3d2c4",
};
const OTHER = { username: "watcher", password: "watching-9d2f" };

let directory: string;
let certificates: Certificates;
let mosquitto: Mosquitto;
let passwords: string;
let rig: GatewayRig;
let watch: MqttWatch;
/** Everything that came from the broker to anybody here. */
const everything: string[] = [];

const json = (payload: string): Record<string, unknown> => JSON.parse(payload) as Record<string, unknown>;

async function watching(filter = "#"): Promise<MqttWatch> {
  const options = { protocol: "mqtts", host: "localhost", ca: readFileSync(certificates.ca), ...OTHER } as const;
  const one = await MqttWatch.open(mosquitto.port, filter, options);
  // What is measured here is the gateway, not what Nagle's algorithm (RFC 896) adds at the broker and at its client.
  const atOnce = () => (one.client.stream as TLSSocket).setNoDelay(true);
  atOnce();
  one.client.on("connect", atOnce);
  one.client.on("message", (topic, payload) => everything.push(`${topic} ${payload.toString()}`));
  return one;
}

/** Both users' passwords, the gateway's as it is given. */
async function setPasswords(gateways: string): Promise<void> {
  await writePassword(passwords, "gateway", gateways);
  execFileSync("mosquitto_passwd", ["-b", passwords, OTHER.username, OTHER.password]);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "status-broker-"));
  certificates = await makeCertificates(directory);
  passwords = join(directory, "passwords");
  await setPasswords(SECRETS.broker);
  const { cert, key } = certificates;
  mosquitto = await Mosquitto.create(() => [
    "allow_anonymous false",
    `password_file ${passwords}`,
    `certfile ${cert}`,
    `keyfile ${key}`,
    "set_tcp_nodelay true",
  ]);
  watch = await watching();
  const mqtt = { url: `mqtts://localhost:${mosquitto.port}`, username: "gateway", password: SECRETS.broker };
  const config = {
    site: { id: "north-field", name: "North Field" },
    status: {
      mqtt: { ...mqtt, ca: certificates.ca },
      requests: true,
      heartbeatSeconds: 5,
      fleet: { key: SECRETS.fleet, shareBans: true },
    },
    accounts: [{ name: "desk" }],
    inputs: [
      { name: "selector-1", label: "Selector 1 busy" },
      { name: "fuse-alarm", label: "A fuse has blown", alarm: true },
    ],
    button: { gpio: "sim", led: "sim" },
    pax: { overrides: quick },
  } as object;
  rig = await statusRig({ tieLines: 2, trunks: 2, config }, () =>
    nextOf(watch, "heartbeat", ({ topic }) => topic === `${ROOT}/heartbeat`),
  );
  await fastDials(rig, "21", "22");
});
afterAll(async () => {
  await watch?.close();
  await rig?.stop();
  await mosquitto?.remove();
  await rm(directory, { recursive: true });
});
afterEach(() => clearAll(rig));

/** Publishes a request and awaits its answer. */
async function request(name: string, params: object): Promise<Record<string, unknown>> {
  const transaction = `t-${Math.random().toString(36).slice(2)}`;
  await watch.client.publishAsync(`${ROOT}/request/${name}`, JSON.stringify({ transaction, ...params }), { qos: 1 });
  const answer = await nextOf(
    watch,
    `answer to ${name}`,
    ({ topic, payload }) => topic === `${ROOT}/response/${name}` && json(payload)["transaction"] === transaction,
  );
  expect(specOf(`response/${name}`)?.schema.parse(json(answer.payload))).toBeDefined();
  return json(answer.payload);
}

describe("the gateway on a broker", () => {
  it("publishes calls, digits, presses, inputs and alerts, all of it in its documented form", async () => {
    watch.seen.length = 0;
    await paxTalksTo(rig, "21", "4124");
    await hangUp(rig, "21");
    await rig.quiet();
    const inward = eventCalls(rig, "4124", "4124");
    await inward.event("early-media");
    await clearAll(rig);
    await rig.pax.press(300);
    await rig.pax.setInput("fuse-alarm", true);
    await nextOf(watch, "alert", ({ topic, payload }) => topic === `${ROOT}/alerts/input-fuse-alarm` && payload !== "");
    await rig.pax.setInput("fuse-alarm", null);
    await nextOf(watch, "resolved alert", ({ topic, payload }) => topic.endsWith("input-fuse-alarm") && payload === "");

    const below = everything.filter((one) => one.startsWith(`${ROOT}/`)).map((one) => one.slice(ROOT.length + 1));
    const patterns = new Set<string>();
    const wrong: unknown[] = [];
    for (const one of below) {
      const [topic = "", ...rest] = one.split(" ");
      const payload = rest.join(" ");
      const spec = specOf(topic);
      if (spec === undefined) wrong.push(one);
      else if (payload !== "") {
        patterns.add(spec.pattern);
        const parsed = spec.schema.safeParse(spec.kind === "text" ? payload : JSON.parse(payload));
        if (!parsed.success) wrong.push([one, parsed.error.issues]);
      }
    }
    expect(wrong).toEqual([]);
    const expected = ["availability", "heartbeat", "gateway", "lines/<line>", "lines/<line>/digit", "calls"];
    expected.push("calls/event", "trunks/<trunk>", "guard", "nat", "system", "inputs/<input>", "alerts/<alert>");
    expect([...patterns].sort()).toEqual([...expected, "button", "credentials"].sort());
    const digits = below.filter((one) => /^lines\/tie.\/digit /.test(one)).map((one) => json(one.split(" ")[1] ?? ""));
    expect(digits.map(({ digit }) => digit)).toEqual([4, 1, 2, 4]);
  });

  it("answers requests with what came of them, and with why nothing did", async () => {
    const blocked = await request("line/block", { line: "tie2" });
    expect(blocked).toMatchObject({ status: "ok", error: null, data: { line: "tie2", blocked: true } });
    const shown = ({ topic, payload }: { readonly topic: string; readonly payload: string }) =>
      topic === `${ROOT}/lines/tie2` && json(payload)["blocked"] === true;
    expect(await nextOf(watch, "blocked line", shown)).toMatchObject({ retained: false });
    expect(await request("line/unblock", { line: "tie2" })).toMatchObject({ status: "ok", data: { blocked: false } });
    expect(await request("line/block", { line: "nine" })).toMatchObject({
      status: "error",
      error: { code: "unknown-line" },
      data: null,
    });
    expect(await request("call/test", { line: "tie1" })).toMatchObject({
      status: "ok",
      data: { dialTone: true, fault: null },
    });
    expect(await request("guard/refresh", {})).toMatchObject({ status: "error" });
    expect(await request("system/halt", {})).toMatchObject({ status: "error", error: { code: "unknown-request" } });
  });

  it("tells subscribers of what happens within 20 ms", async () => {
    const late: number[] = [];
    const told = new Map<string, unknown>();
    const listen = (topic: string, payload: Buffer, { retain }: { readonly retain: boolean }) => {
      const now = Date.now();
      const [, , part, , event] = topic.split("/");
      if (retain || (part !== "lines" && part !== "calls") || payload.length === 0) return;
      const { sinceMs, atMs } = json(payload.toString()) as { sinceMs?: number; atMs?: number };
      if (atMs !== undefined) late.push(now - atMs);
      // A line that is told again in the same state, with another digit, has not changed just now.
      if (event === undefined && sinceMs !== undefined && told.get(topic) !== sinceMs) late.push(now - sinceMs);
      told.set(topic, sinceMs);
    };
    for (const topic of ["tie1", "tie2"].map((line) => `${ROOT}/lines/${line}`)) told.set(topic, null);
    watch.client.on("message", listen);
    await Promise.all([paxTalksTo(rig, "21", "4124"), paxTalksTo(rig, "22", "4123")]);
    await clearAll(rig);
    watch.client.off("message", listen);
    const seen = spread(late);
    // Both directions, by one clock that never goes back: a request, and the state that it changes.
    const rounds: number[] = [];
    for (let round = 0; round < 16; round += 1) {
      const blocked = round % 2 === 0;
      watch.seen.length = 0;
      const began = performance.now();
      watch.client.publish(`${ROOT}/request/line/${blocked ? "block" : "unblock"}`, '{"line":"tie2"}', { qos: 0 });
      const changed = await nextOf(watch, "line", ({ topic, payload }) => {
        return topic === `${ROOT}/lines/tie2` && json(payload)["blocked"] === blocked;
      });
      rounds.push(changed.atMs - began);
    }
    const round = spread(rounds);
    const words = ({ p50, p95, worst, count }: typeof seen) =>
      `p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms, worst ${worst.toFixed(1)} ms of ${count}`;
    console.info(`event to subscriber: ${words(seen)}; request to changed state: ${words(round)}`);
    expect(seen.count).toBeGreaterThan(25);
    expect(seen.p50).toBeLessThanOrEqual(20);
    expect(round.p50).toBeLessThanOrEqual(20);
  });

  it("says everything again to a broker that was restarted and has forgotten it", async () => {
    const before = await whatIsHeld();
    watch.seen.length = 0;
    await mosquitto.stop();
    await mosquitto.start();
    await nextOf(watch, "birth", ({ topic, payload }) => topic === `${ROOT}/availability` && payload === "online");
    const after = await whatIsHeld();
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
    expect(after.get("lines/tie1")).toBe(before.get("lines/tie1"));
  });

  it("comes back once a wrong password is put right, and performs nothing that was asked for long before", async () => {
    await setPasswords("another-one");
    watch.seen.length = 0;
    const from = rig.log.length;
    await mosquitto.stop();
    await mosquitto.start();
    await rig.logged((record) => JSON.stringify(record).includes("username or password"), from);
    const old = `${ROOT}/request/line/block`;
    await watch.client.publishAsync(old, '{"line":"tie1","transaction":"old"}', { retain: true, qos: 1 });
    await setPasswords(SECRETS.broker);
    mosquitto.reload();
    await nextOf(watch, "birth", ({ topic, payload }) => topic === `${ROOT}/availability` && payload === "online");
    await nextOf(watch, "deletion", ({ topic, payload }) => topic === old && payload === "");
    expect(await request("line/unblock", { line: "tie2" })).toMatchObject({ status: "ok" });
    expect((await rig.status()).lines.map(({ blocked }) => blocked)).toEqual([false, false]);
    expect(everything.filter((one) => one.includes("/response/") && one.includes('"old"'))).toEqual([]);
  });

  it("restarts Asterisk when that is asked for, and says so", async () => {
    const pid = rig.asteriskPid;
    expect(await request("asterisk/restart", {})).toMatchObject({ status: "ok", data: { ended: 0 } });
    await rig.until((view) => view.lines.every(({ status }) => status === "idle"));
    expect(rig.asteriskPid).not.toBe(pid);
  });

  it("is offline at once when it is killed, and online again; without leave it takes no requests", async () => {
    watch.seen.length = 0;
    const began = performance.now();
    await rig.stopGateway("SIGKILL");
    const offline = await nextOf(watch, "will", ({ topic }) => topic === `${ROOT}/availability`);
    expect(offline.payload).toBe("offline");
    console.info(`will after kill -9: ${(offline.atMs - began).toFixed(0)} ms`);
    expect(offline.atMs - began).toBeLessThan(1_000);
    expect((await whatIsHeld()).get("availability")).toBe("offline");

    const text = readFileSync(rig.configFile, "utf8");
    expect(text).toContain("requests: true");
    writeFileSync(rig.configFile, text.replace("requests: true", "requests: false"));
    await rig.startGateway();
    await nextOf(watch, "birth", ({ topic, payload }) => topic === `${ROOT}/availability` && payload === "online");
    watch.seen.length = 0;
    await watch.client.publishAsync(`${ROOT}/request/line/block`, '{"line":"tie1","transaction":"deaf"}', { qos: 1 });
    // It hears its own topics, in order: once it puts right what was said of it later, it has got the request too.
    await watch.client.publishAsync(`${ROOT}/availability`, "offline", { qos: 1 });
    await nextOf(watch, "correction", ({ topic, payload }) => topic.endsWith("/availability") && payload === "online");
    expect(everything.filter((one) => one.includes("/response/") && one.includes("deaf"))).toEqual([]);
    expect((await rig.status()).lines.map(({ blocked }) => blocked)).toEqual([false, false]);
  });

  it("says that it goes when it is stopped", async () => {
    watch.seen.length = 0;
    await rig.stopGateway();
    const said = watch.seen.filter(({ topic }) => [`${ROOT}/gateway`, `${ROOT}/availability`].includes(topic));
    expect(said.map(({ payload }) => (payload.startsWith("{") ? json(payload)["state"] : payload))).toEqual([
      "stopping",
      "offline",
    ]);
    await rig.startGateway();
    await nextOf(watch, "birth", ({ topic, payload }) => topic === `${ROOT}/availability` && payload === "online");
  });

  it("never shows a secret: not in topics, its log, or any process's arguments and environment", () => {
    const secrets = [...secretsOf(stored(rig)), ...Object.values(SECRETS), String(rig.config.trunks[0]?.password)];
    expect(secrets.length).toBeGreaterThanOrEqual(10);
    expect(secrets.filter((secret) => secret.length < 7)).toEqual([]);
    const processes = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
    const shown = processes.flatMap((pid) => ["cmdline", "environ"].map((what) => readable(`/proc/${pid}/${what}`)));
    expect(readable(`/proc/${rig.gatewayPid}/cmdline`)).toContain(rig.configFile);
    expect(rig.log.length).toBeGreaterThan(50);
    const places = { topics: everything.join("\n"), log: JSON.stringify(rig.log), processes: shown.join("\n") };
    for (const [place, text] of Object.entries(places)) {
      const found = secrets.flatMap((secret, at) => (text.includes(secret) ? [at] : []));
      expect(found, place).toEqual([]);
    }
  });
});

/** What the broker has for whoever comes now. */
async function whatIsHeld(): Promise<Map<string, string>> {
  const fresh = await watching(`${ROOT}/#`);
  // What is retained is sent at the subscription, so that it is all there before what is published later.
  const end = `${ROOT}/response/test/end`;
  await fresh.client.publishAsync(end, "{}", { qos: 1 });
  await within(
    5_000,
    until(
      () => fresh.seen.some(({ topic }) => topic === end),
      (changed) => {
        fresh.client.on("message", changed);
        return () => fresh.client.off("message", changed);
      },
    ),
    "no end",
  );
  const held = heldOf(fresh, `${ROOT}/`);
  await fresh.close();
  return held;
}

/** A file of a process, empty when that has gone. */
function readable(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
