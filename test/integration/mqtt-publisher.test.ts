import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { TypedEmitter } from "../../src/base/events.ts";
import { silentLog } from "../../src/base/log.ts";
import { EmbeddedBroker } from "../../src/drivers/embedded-broker.ts";
import { MqttLink } from "../../src/drivers/mqtt-link.ts";
import type { BrokerLink } from "../../src/status/port.ts";
import { Publisher, willOf } from "../../src/status/publisher-service.ts";
import { Requests } from "../../src/status/requests-service.ts";
import type { Message } from "../../src/status/types.ts";
import { Mosquitto } from "./support/mosquitto.ts";
import { MqttWatch, until } from "./support/mqtt-watch.ts";

const root = "paxgate/test";
const never = new AbortController().signal;
const tidy: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const remove of tidy.splice(0).reverse()) await remove();
});

async function broker(): Promise<Mosquitto> {
  const mosquitto = await Mosquitto.open();
  tidy.push(() => mosquitto.remove());
  return mosquitto;
}

async function watch(port: number, filter: string, options = {}): Promise<MqttWatch> {
  const one = await MqttWatch.open(port, filter, options);
  tidy.push(() => one.close());
  return one;
}

/** A status of which the test decides everything. */
class Status {
  readonly values = new Map<string, unknown>();
  readonly #emitter = new TypedEmitter<{ message: [message: Message] }>();

  snapshot(): readonly Message[] {
    return [...this.values].map(([topic, payload]) => ({ topic, payload, retain: true }));
  }

  onMessage(listener: (message: Message) => void) {
    return this.#emitter.on("message", listener);
  }

  set(topic: string, payload: unknown): void {
    if (payload === null) this.values.delete(topic);
    else this.values.set(topic, payload);
    this.#emitter.emit("message", { topic, payload, retain: true });
  }

  event(topic: string, payload: unknown): void {
    this.#emitter.emit("message", { topic, payload, retain: false });
  }
}

function linkTo(mosquitto: Mosquitto, clientId = "paxgate-test", keepaliveSeconds = 15): MqttLink {
  const link = new MqttLink({
    url: `mqtt://127.0.0.1:${mosquitto.port}`,
    protocol: 4,
    clientId,
    will: willOf(root),
    keepaliveSeconds,
    clock: systemClock,
    wall: Date.now,
    log: silentLog,
  });
  tidy.push(() => link.stop());
  return link;
}

async function publishing(link: BrokerLink, heartbeatSeconds = 30): Promise<{ status: Status; publisher: Publisher }> {
  const status = new Status();
  status.set("gateway", { state: "ready" });
  for (let line = 0; line < 20; line += 1) status.set(`lines/${line}`, { state: "idle" });
  const options = { root, heartbeatSeconds, clock: systemClock, wall: Date.now, log: silentLog };
  const publisher = new Publisher(status, link, options);
  tidy.push(() => publisher.stop());
  await publisher.start(never);
  await link.start(never);
  await stateOf(link, true);
  return { status, publisher };
}

const stateOf = (link: BrokerLink, connected: boolean) =>
  until(
    () => link.state.connected === connected,
    (changed) => link.onState(changed),
  );

it("a gateway that is killed is offline at once, by its last will", async () => {
  const mosquitto = await broker();
  const directory = await mkdtemp(join(tmpdir(), "publisher-"));
  tidy.push(() => rm(directory, { recursive: true }));
  const program = join(directory, "program.mjs");
  await build({
    entryPoints: [new URL("support/mqtt-publisher-program.ts", import.meta.url).pathname],
    outfile: program,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  const seen = await watch(mosquitto.port, `${root}/availability`);
  const child = spawn(process.execPath, [program, `mqtt://127.0.0.1:${mosquitto.port}`, root], { stdio: "inherit" });
  tidy.push(async () => child.kill("SIGKILL"));
  expect((await seen.next(() => true)).payload).toBe("online");
  const killedMs = performance.now();
  child.kill("SIGKILL");
  const { payload, atMs } = await seen.next(() => true);
  expect(payload).toBe("offline");
  console.info(`will after kill -9: ${(atMs - killedMs).toFixed(1)} ms`);
  expect(atMs - killedMs).toBeLessThan(1_000);
  const later = await watch(mosquitto.port, `${root}/availability`);
  expect(await later.next(() => true)).toMatchObject({ payload: "offline", retained: true });
  await (child.exitCode === null && child.signalCode === null ? once(child, "exit") : null);
});

it("a broker that was restarted and has forgotten everything holds the whole status again", async () => {
  const mosquitto = await broker();
  const link = linkTo(mosquitto);
  const { status } = await publishing(link);
  for (let restart = 0; restart < 2; restart += 1) {
    await mosquitto.stop();
    await stateOf(link, false);
    status.set("lines/3", { restart });
    await mosquitto.start();
    await stateOf(link, true);
    const seen = await watch(mosquitto.port, `${root}/#`);
    await seen.next(({ topic }) => topic === `${root}/heartbeat`);
    const later = await watch(mosquitto.port, `${root}/#`);
    const held = new Map<string, string>();
    while (held.size < status.values.size + 2) {
      const { topic, payload, retained } = await later.next(() => true);
      expect(retained).toBe(true);
      held.set(topic.slice(root.length + 1), payload);
    }
    expect(held.get("availability")).toBe("online");
    for (const [topic, value] of status.values) expect(held.get(topic)).toBe(JSON.stringify(value));
  }
});

it("a broker that hangs is noticed, and published to when it is back", { timeout: 30_000 }, async () => {
  const mosquitto = await broker();
  const link = linkTo(mosquitto, "paxgate-test", 2);
  const { status } = await publishing(link);
  mosquitto.signal("SIGSTOP");
  const hungMs = performance.now();
  await stateOf(link, false);
  console.info(`a hung broker was noticed after ${Math.round(performance.now() - hungMs)} ms (keepalive 2 s)`);
  status.set("gateway", { state: "degraded" });
  mosquitto.signal("SIGCONT");
  await stateOf(link, true);
  const seen = await watch(mosquitto.port, `${root}/+`);
  await seen.next(({ topic, payload }) => topic === `${root}/gateway` && payload.includes("degraded"));
  // The will of the hung connection came out meanwhile; the new one has the last word.
  const availability = await watch(mosquitto.port, `${root}/availability`);
  await availability.next(({ payload }) => payload === "online");
});

it("what an earlier run left is deleted, other sites' are not", async () => {
  const mosquitto = await broker();
  const before = await watch(mosquitto.port, "none");
  await before.client.publishAsync(`${root}/alerts/old`, "{}", { qos: 1, retain: true });
  await before.client.publishAsync("paxgate/other/alerts/old", "{}", { qos: 1, retain: true });
  const seen = await watch(mosquitto.port, `${root}/alerts/#`);
  await publishing(linkTo(mosquitto));
  await seen.next(({ topic, payload }) => topic === `${root}/alerts/old` && payload === "");
  const later = await watch(mosquitto.port, "paxgate/+/alerts/#");
  expect((await later.next(() => true)).topic).toBe("paxgate/other/alerts/old");
});

it("a will that comes late does not leave us offline", async () => {
  const mosquitto = await broker();
  const link = linkTo(mosquitto);
  await publishing(link);
  const other = await watch(mosquitto.port, `${root}/availability`);
  await other.client.publishAsync(`${root}/availability`, "offline", { qos: 1, retain: true });
  await other.next(({ payload }) => payload === "offline");
  await other.next(({ payload }) => payload === "online");
});

it("two gateways with the same site notice each other, until one goes", { timeout: 60_000 }, async () => {
  const mosquitto = await broker();
  const [one, two] = [linkTo(mosquitto, "one"), linkTo(mosquitto, "two")];
  const first = await publishing(one, 1);
  const second = await publishing(two, 1);
  const foreign = (publisher: Publisher, present: boolean) =>
    until(
      () => publisher.foreign === present,
      (changed) => publisher.onForeign(changed),
    );
  await Promise.all([foreign(first.publisher, true), foreign(second.publisher, true)]);
  await second.publisher.stop();
  await two.stop();
  await foreign(first.publisher, false);
  const seen = await watch(mosquitto.port, `${root}/availability`);
  await seen.next(({ payload }) => payload === "online");
});

describe("from the event to the subscriber", () => {
  /** `gapMs`: as events really come, one by one; without gaps a broker's Nagle waits for delayed acknowledgements. */
  async function latencies(status: Status, seen: MqttWatch, gapMs: number): Promise<string> {
    const all: number[] = [];
    await seen.next(({ topic }) => topic === `${root}/heartbeat`);
    for (let at = 0; at < 100; at += 1) {
      await new Promise((resolve) => setTimeout(resolve, gapMs));
      const sentMs = performance.now();
      if (at % 2 === 0) status.event("lines/1/digit", { at });
      else status.set("lines/1", { at });
      const { atMs } = await seen.next(({ payload }) => payload === `{"at":${at}}`);
      all.push(atMs - sentMs);
    }
    all.sort((a, b) => a - b);
    const quantile = (share: number) => all[Math.floor(all.length * share)] ?? Number.NaN;
    expect(quantile(0.5)).toBeLessThanOrEqual(20);
    return `p50 ${quantile(0.5).toFixed(2)} ms, p99 ${quantile(0.99).toFixed(2)} ms`;
  }

  it.each([
    ["as it is delivered", 60, ["allow_anonymous true"]],
    ["without Nagle, one after the other", 0, ["allow_anonymous true", "set_tcp_nodelay true"]],
  ])("takes at most 20 ms through mosquitto %s, in the middle of all", async (how, gapMs, config) => {
    const mosquitto = await Mosquitto.create(() => config);
    tidy.push(() => mosquitto.remove());
    const seen = await watch(mosquitto.port, `${root}/#`);
    const { status } = await publishing(linkTo(mosquitto));
    console.info(`event to subscriber, mosquitto ${how}: ${await latencies(status, seen, gapMs)}`);
  });

  it("takes at most 20 ms through the gateway's own broker, in the middle of all", async () => {
    const own = ownBroker();
    const { status } = await publishing(own.link);
    const seen = await watch(await portOf(own), `${root}/#`, asOperator);
    console.info(`event to subscriber, own broker: ${await latencies(status, seen, 0)}`);
  });
});

const asOperator = { username: "operator", password: "work-it-0123456789" };

function ownBroker(): EmbeddedBroker {
  const { username, password: secret } = asOperator;
  const own = new EmbeddedBroker({
    root,
    alsoPublish: [],
    host: "127.0.0.1",
    port: 0,
    users: () => [{ username, secret, role: "operator" }],
    admits: () => true,
    will: willOf(root),
    clock: systemClock,
    wall: Date.now,
    log: silentLog,
  });
  tidy.push(() => own.stop());
  return own;
}

async function portOf(own: EmbeddedBroker): Promise<number> {
  while (own.port === null) await new Promise((resolve) => setImmediate(resolve));
  return own.port;
}

describe("requests", () => {
  async function asked(link: BrokerLink, open: () => Promise<MqttWatch>): Promise<void> {
    const performed: unknown[] = [];
    const operations = {
      perform: async (name: string, params: unknown) => {
        performed.push([name, params]);
        return { done: name };
      },
    };
    const requests = new Requests(link, operations, { root, clock: systemClock, log: silentLog });
    tidy.push(() => requests.stop());
    await requests.start(never);
    await publishing(link);
    const client = await open();
    // Without a transaction nothing but the broker's own delivering once keeps it from being performed twice.
    await client.client.publishAsync(`${root}/request/line/block`, '{"line":"1"}', { qos: 1 });
    await client.next(({ topic }) => topic === `${root}/response/line/block`);
    await client.client.publishAsync(`${root}/request/guard/refresh`, '{"transaction":"7"}', { qos: 1 });
    const { payload } = await client.next(({ topic }) => topic === `${root}/response/guard/refresh`);
    expect(JSON.parse(payload)).toEqual({
      status: "ok",
      error: null,
      transaction: "7",
      data: { done: "guard/refresh" },
    });
    expect(performed).toEqual([
      ["line/block", { line: "1" }],
      ["guard/refresh", {}],
    ]);
  }

  it("are performed once through mosquitto, and a retained one is not but deleted", async () => {
    const mosquitto = await broker();
    const before = await watch(mosquitto.port, `${root}/request/#`);
    await before.client.publishAsync(`${root}/request/asterisk/restart`, "{}", { qos: 1, retain: true });
    await asked(linkTo(mosquitto), () => watch(mosquitto.port, `${root}/response/#`));
    await before.next(({ topic, payload }) => topic === `${root}/request/asterisk/restart` && payload === "");
  });

  it("are performed once through the gateway's own broker", async () => {
    const own = ownBroker();
    await asked(own.link, async () => watch(await portOf(own), `${root}/response/#`, asOperator));
  });
});
