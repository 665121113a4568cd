import { once } from "node:events";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { connect } from "mqtt";
import { afterEach, describe, expect, it } from "vitest";
import { createWebSocketStream, WebSocketServer } from "ws";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { EmbeddedBroker, type EmbeddedBrokerOptions } from "../../src/drivers/embedded-broker.ts";
import type { BrokerUser } from "../../src/drivers/embedded-broker-access.ts";
import type { IncomingMessage } from "../../src/status/port.ts";
import { freePort } from "./support/mosquitto.ts";
import { MqttWatch, until } from "./support/mqtt-watch.ts";

const root = "paxgate/test";
const viewer: BrokerUser = { username: "viewer", secret: "see-only-0123456789", role: "viewer" };
const operator: BrokerUser = { username: "operator", secret: "work-it-0123456789", role: "operator" };
const asViewer = { username: viewer.username, password: viewer.secret };
const asOperator = { username: operator.username, password: operator.secret };
const retained = { retain: true, qos: 1 } as const;
const tidy: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const remove of tidy.splice(0).reverse()) await remove();
});

async function started(options: Partial<EmbeddedBrokerOptions> = {}): Promise<EmbeddedBroker> {
  const broker = new EmbeddedBroker({
    root,
    alsoPublish: ["homeassistant/status"],
    host: "127.0.0.1",
    port: 0,
    users: () => [viewer, operator],
    admits: () => true,
    will: { topic: `${root}/availability`, payload: "offline" },
    clock: systemClock,
    wall: Date.now,
    log: silentLog,
    ...options,
  });
  tidy.push(() => broker.stop());
  await broker.start(new AbortController().signal);
  return broker;
}

/** The port on which it listens, once it does. */
async function portOf(broker: EmbeddedBroker): Promise<number> {
  const deadline = Date.now() + 5_000;
  while (broker.port === null) {
    if (Date.now() > deadline) throw new Error("it does not listen");
    await new Promise((resolve) => setImmediate(resolve));
  }
  return broker.port;
}

async function watch(broker: EmbeddedBroker, who: object, filter = "#"): Promise<MqttWatch> {
  const one = await MqttWatch.open(await portOf(broker), filter, who);
  tidy.push(() => one.close());
  return one;
}

/** A raw connection, and what ended it. */
async function raw(broker: EmbeddedBroker): Promise<{ socket: Socket; closed: Promise<void> }> {
  const socket = connectTcp(await portOf(broker), "127.0.0.1");
  socket.on("error", () => undefined);
  socket.resume();
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  tidy.push(async () => socket.destroy());
  await once(socket, "connect");
  return { socket, closed };
}

/** Why a login is refused; null when it is not. */
async function refusal(broker: EmbeddedBroker, who: object): Promise<string | null> {
  const client = connect(`mqtt://127.0.0.1:${await portOf(broker)}`, {
    reconnectPeriod: 0,
    protocolVersion: 4,
    ...who,
  });
  const outcome = await new Promise<string | null>((resolve) => {
    client.once("connect", () => resolve(null));
    client.once("error", (error) => resolve(error.message));
  });
  await client.endAsync(true);
  return outcome;
}

const length = (bytes: number) => {
  const all: number[] = [];
  for (let left = bytes; ; left >>= 7) {
    if (left < 128) return [...all, left];
    all.push((left & 0x7f) | 0x80);
  }
};
const text = (value: string) => [value.length >> 8, value.length & 0xff, ...Buffer.from(value)];

function connectPacket(who: BrokerUser, flags = 0xc2): Buffer {
  const body = [...text("MQTT"), 4, flags, 0, 60, ...text("raw"), ...text(who.username), ...text(who.secret)];
  return Buffer.from([0x10, ...length(body.length), ...body]);
}

describe("what the gateway publishes", () => {
  it("reaches viewers, also those who come later, and goes when it is deleted", async () => {
    const broker = await started();
    const { link } = broker;
    expect(link.state).toMatchObject({ connected: true, embedded: true });
    expect(link.publish(`${root}/gateway`, '{"x":1}', retained)).toBe(true);
    const first = await watch(broker, asViewer);
    expect(await first.next(() => true)).toMatchObject({ topic: `${root}/gateway`, retained: true });
    link.publish(`${root}/lines/1/digit`, "{}", { retain: false, qos: 0 });
    expect(await first.next(() => true)).toMatchObject({ topic: `${root}/lines/1/digit`, retained: false });
    link.publish(`${root}/gateway`, "", retained);
    await first.next(({ payload }) => payload === "");
    link.publish(`${root}/last`, "1", retained);
    const second = await watch(broker, asViewer);
    expect(await second.next(() => true)).toMatchObject({ topic: `${root}/last` });
  });

  it("comes back to the gateway's own subscription once, however many filters fit", async () => {
    const { link } = await started();
    const seen: IncomingMessage[] = [];
    link.onMessage((message) => seen.push(message));
    link.subscribe(`${root}/#`);
    link.subscribe("+/test/x");
    await new Promise((resolve) => setImmediate(resolve));
    link.publish(`${root}/x`, "1", retained);
    link.publish(`${root}/y`, "2", retained);
    await until(
      () => seen.some(({ topic }) => topic.endsWith("/y")),
      (changed) => link.onMessage(changed),
    );
    expect(seen.map(({ topic }) => topic)).toEqual([`${root}/x`, `${root}/y`]);
  });

  it("ends with offline when the broker stops", async () => {
    const broker = await started();
    const one = await watch(broker, asViewer);
    await broker.stop();
    expect(await one.next(() => true)).toMatchObject({ topic: `${root}/availability`, payload: "offline" });
    expect(broker.connections).toBe(0);
    expect(broker.link.publish(`${root}/x`, "1", retained)).toBe(false);
  });
});

describe("who may do what", () => {
  it("refuses whoever does not know the password", async () => {
    const broker = await started();
    expect(await refusal(broker, asViewer)).toBeNull();
    expect(await refusal(broker, {})).toMatch(/Not authorized/);
    expect(await refusal(broker, { username: "viewer", password: "" })).toMatch(/Not authorized/);
    expect(await refusal(broker, { username: "viewer", password: operator.secret })).toMatch(/Not authorized/);
  });

  it("lets the right password in, however many wrong ones came from the same address", async () => {
    const told: unknown[] = [];
    const warn = (message: string, fields?: unknown) => void told.push([message, fields]);
    const broker = await started({ log: { ...silentLog, warn, child: () => ({ ...silentLog, warn }) } });
    for (let guess = 0; guess < 8; guess += 1) {
      expect(await refusal(broker, { username: "viewer", password: `guess ${guess}` })).toMatch(/Not authorized/);
    }
    expect(await refusal(broker, asViewer)).toBeNull();
    expect(told).toEqual([["many wrong passwords", { address: "127.0.0.1" }]]);
  });

  it.each([
    ["a viewer's request", asViewer, `${root}/request/line/block`],
    ["a viewer's status", asViewer, `${root}/availability`],
    ["an operator's status", asOperator, `${root}/availability`],
    ["an operator's answer", asOperator, `${root}/response/line/block`],
    ["an operator's broker topic", asOperator, "$SYS/x/heartbeat"],
    ["an operator's request to another site", asOperator, "paxgate/other/request/x"],
  ])("does not take %s, and ends the connection", async (_, who, topic) => {
    const broker = await started();
    const heard = await watch(broker, asViewer);
    const client = connect(`mqtt://127.0.0.1:${await portOf(broker)}`, {
      reconnectPeriod: 0,
      protocolVersion: 4,
      ...who,
    });
    await new Promise<void>((resolve) => client.once("connect", () => resolve()));
    const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
    client.publish(topic, "x", { qos: 1, retain: true });
    await closed;
    await client.endAsync(true);
    broker.link.publish(`${root}/last`, "1", retained);
    expect((await heard.next(() => true)).topic).toBe(`${root}/last`);
  });

  it("takes an operator's requests and Home Assistant's birth, and retains neither", async () => {
    const broker = await started();
    const heard = await watch(broker, asViewer);
    const client = await watch(broker, asOperator, `${root}/response/#`);
    await client.client.publishAsync(`${root}/request/line/block`, "{}", { qos: 1, retain: true });
    await client.client.publishAsync("homeassistant/status", "online", { qos: 0, retain: true });
    expect((await heard.next(() => true)).topic).toBe(`${root}/request/line/block`);
    expect((await heard.next(() => true)).topic).toBe("homeassistant/status");
    broker.link.publish(`${root}/last`, "1", retained);
    const later = await watch(broker, asViewer);
    expect((await later.next(() => true)).topic).toBe(`${root}/last`);
  });

  it("publishes nobody's will", async () => {
    const broker = await started();
    const heard = await watch(broker, asViewer);
    const will = { topic: `${root}/availability`, payload: Buffer.from("offline"), qos: 1, retain: true } as const;
    const client = await MqttWatch.open(await portOf(broker), "none", { ...asOperator, will });
    client.client.stream.destroy();
    await client.close();
    broker.link.publish(`${root}/last`, "1", retained);
    expect((await heard.next(() => true)).topic).toBe(`${root}/last`);
  });

  it("does not tell of other clients ($SYS), and grants twenty filters", async () => {
    const broker = await started();
    const { client } = await watch(broker, asViewer, "none");
    const filters = Array.from({ length: 30 }, (_, at) => `f/${at}`);
    const granted = await client.subscribeAsync("$SYS/#").catch(() => "refused");
    expect(granted).toBe("refused");
    await client.subscribeAsync(filters).catch(() => undefined);
    const heard: string[] = [];
    client.on("message", (topic) => heard.push(topic));
    for (const filter of filters) broker.link.publish(filter, "1", { retain: false, qos: 0 });
    broker.link.publish("none", "1", { retain: false, qos: 0 });
    await until(
      () => heard.includes("none"),
      (changed) => {
        client.on("message", changed);
        return () => client.off("message", changed);
      },
    );
    expect(heard.length).toBeLessThanOrEqual(20);
    expect(heard.length).toBeGreaterThan(10);
  });

  it("keeps no session for anybody", async () => {
    const broker = await started();
    const options = { ...asViewer, clean: false, clientId: "comes-again" };
    const first = await MqttWatch.open(await portOf(broker), "#", options);
    await first.close();
    broker.link.publish(`${root}/event`, "missed", { retain: false, qos: 1 });
    const again = connect(`mqtt://127.0.0.1:${await portOf(broker)}`, { protocolVersion: 4, ...options });
    const connack = await new Promise<{ sessionPresent: boolean }>((resolve) => again.once("connect", resolve));
    expect(connack.sessionPresent).toBe(false);
    await again.endAsync(true);
  });

  it("lets two clients of the same name live beside each other", async () => {
    const broker = await started();
    const one = await watch(broker, { ...asViewer, clientId: "twin" });
    const two = await watch(broker, { ...asViewer, clientId: "twin" });
    broker.link.publish(`${root}/x`, "1", retained);
    await Promise.all([one.next(() => true), two.next(() => true)]);
    expect(broker.connections).toBe(2);
  });

  it("ends every connection when the credentials are made anew, and the old ones are worth nothing", async () => {
    let users: readonly BrokerUser[] = [viewer];
    const broker = await started({ users: () => users });
    const one = await MqttWatch.open(await portOf(broker), "#", { ...asViewer, reconnectPeriod: 0 });
    const closed = new Promise<void>((resolve) => one.client.once("close", () => resolve()));
    users = [{ ...viewer, secret: "another-0123456789" }];
    broker.kick();
    await closed;
    expect(await refusal(broker, asViewer)).toMatch(/Not authorized/);
    expect(await refusal(broker, { ...asViewer, password: "another-0123456789" })).toBeNull();
  });
});

describe("hostile clients", () => {
  it.each([
    ["a CONNECT of 200 MB", Buffer.from([0x10, 0x80, 0x90, 0xaf, 0x5f])],
    ["an endless length", Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff])],
    ["something before CONNECT", Buffer.from([0xc0, 0])],
    ["a broken CONNECT", Buffer.from([0x10, 4, 0, 9, 77, 81])],
    ["QoS 2", Buffer.concat([connectPacket(operator), Buffer.from([0x34, 5, 0, 1, 97, 0, 1])])],
    ["a second CONNECT", Buffer.concat([connectPacket(operator), connectPacket(operator)])],
  ])("loses its connection with %s", async (_, bytes) => {
    const broker = await started();
    const { socket, closed } = await raw(broker);
    socket.write(bytes);
    await closed;
    expect(await refusal(broker, asViewer)).toBeNull();
  });

  it("loses its connection with a packet over 64 KB, and one below is fine", async () => {
    const broker = await started();
    const { socket, closed } = await raw(broker);
    socket.write(connectPacket(operator));
    const publish = (bytes: number) => {
      const body = [...text(`${root}/request/x`), ...Array<number>(bytes).fill(97)];
      return Buffer.from([0x30, ...length(body.length), ...body]);
    };
    const heard = await watch(broker, asViewer);
    socket.write(publish(60_000));
    expect((await heard.next(() => true)).payload.length).toBe(60_000);
    socket.write(publish(70_000));
    await closed;
  });

  it("that says nothing is gone after five seconds, and keeps nobody at its own address out meanwhile", async () => {
    const broker = await started();
    const silent = await Promise.all(Array.from({ length: 30 }, () => raw(broker)));
    expect(await refusal(broker, asViewer)).toBeNull();
    await until(
      () => broker.connections <= 4,
      (changed) => {
        const timer = setInterval(changed, 20);
        return () => clearInterval(timer);
      },
    );
    await Promise.all(silent.map(({ closed }) => closed));
    expect(broker.connections).toBe(0);
  });

  it("that does not read costs little, and delays nobody", async () => {
    const broker = await started();
    const { socket, closed } = await raw(broker);
    socket.write(connectPacket(viewer));
    socket.write(Buffer.from([0x82, 6, 0, 1, 0, 1, 35, 0]));
    const heard = await watch(broker, asViewer);
    await until(
      () => broker.connections === 2,
      (changed) => {
        const timer = setInterval(changed, 20);
        return () => clearInterval(timer);
      },
    );
    socket.pause();
    const before = process.memoryUsage().rss;
    const big = "x".repeat(30_000);
    let slowest = 0;
    for (let at = 0; at < 400; at += 1) {
      const sentMs = performance.now();
      expect(broker.link.publish(`${root}/n/${at % 5}`, `${at} ${big}`, retained)).toBe(true);
      const { atMs } = await heard.next(({ payload }) => payload.startsWith(`${at} `));
      slowest = Math.max(slowest, atMs - sentMs);
    }
    expect(broker.connections).toBe(1);
    socket.resume();
    await closed;
    expect(slowest).toBeLessThan(1_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(60e6);
  });

  it("sends noise of all kinds: the broker lives", async () => {
    const broker = await started();
    let seed = 11;
    const random = () => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
      return (seed >> 16) & 0xff;
    };
    for (let round = 0; round < 96; round += 1) {
      const { socket, closed } = await raw(broker);
      const noise = Buffer.from([((round % 16) << 4) | (round >> 4), 20, ...Array.from({ length: 60 }, random)]);
      socket.end(Buffer.concat([connectPacket(operator), noise]));
      await closed;
    }
    expect(await refusal(broker, asViewer)).toBeNull();
  });
});

it("serves clients on WebSockets that the web server has accepted, by the same rules", async () => {
  const broker = await started();
  const sockets = new WebSocketServer({ host: "127.0.0.1", port: await freePort(), maxPayload: 65_536 });
  await once(sockets, "listening");
  tidy.push(async () => sockets.close());
  sockets.on("connection", (socket) => broker.handleStream(createWebSocketStream(socket), "192.0.2.9"));
  const address = sockets.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const url = `ws://127.0.0.1:${address.port}`;
  broker.link.publish(`${root}/gateway`, "{}", retained);
  const client = connect(url, { reconnectPeriod: 0, protocolVersion: 4, ...asViewer });
  tidy.push(() => client.endAsync(true));
  await new Promise<void>((resolve) => client.once("connect", () => resolve()));
  const message = new Promise<string>((resolve) => client.once("message", resolve));
  await client.subscribeAsync("#");
  expect(await message).toBe(`${root}/gateway`);
  const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
  client.publish(`${root}/request/line/block`, "{}");
  await closed;
});

describe("its port", () => {
  it("is taken: the gateway's own link works, and the broker listens once it is free", {
    timeout: 20_000,
  }, async () => {
    const port = await freePort();
    const other = createServer().listen(port, "127.0.0.1");
    await once(other, "listening");
    const broker = await started({ port });
    const { link } = broker;
    await until(
      () => link.state.fault !== null,
      (changed) => link.onState(changed),
    );
    expect(link.state).toMatchObject({ connected: true, fault: `TCP port ${port} is taken` });
    expect(link.publish(`${root}/x`, "1", retained)).toBe(true);
    other.close();
    await until(
      () => link.state.fault === null,
      (changed) => link.onState(changed),
    );
    expect(await refusal(broker, asViewer)).toBeNull();
  });

  it("is closed to addresses that are not admitted", async () => {
    const broker = await started({ admits: () => false });
    const { closed } = await raw(broker);
    await closed;
  });
});
