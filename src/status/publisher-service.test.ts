import { describe, expect, it } from "vitest";
import { TypedEmitter } from "../base/events.ts";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import { FakeLink } from "./publisher-fake-link.ts";
import { Publisher, willOf } from "./publisher-service.ts";
import type { Message } from "./types.ts";

const root = "paxgate/test";

/** A status of which a test decides everything. */
class FakeStatus {
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

async function scene(heartbeatSeconds = 30) {
  const clock = new VirtualClock(1_000);
  const [link, status] = [new FakeLink(), new FakeStatus()];
  status.set("gateway", { state: "ready" });
  status.set("lines/1", { state: "idle" });
  const wall = () => 1_700_000_000_000 + clock.now();
  const publisher = new Publisher(status, link, { root, heartbeatSeconds, clock, wall, log: silentLog });
  await publisher.start(new AbortController().signal);
  const topics = () => link.take().map(({ topic }) => topic.slice(root.length + 1));
  return { clock, link, status, publisher, topics };
}

describe("on every connect", () => {
  it("says online first, then everything that is retained, then a heartbeat", async () => {
    const { link } = await scene();
    link.connect();
    const first = link.take();
    expect(first.map(({ topic, payload }) => [topic.slice(root.length + 1), payload])).toEqual([
      ["availability", "online"],
      ["gateway", '{"state":"ready"}'],
      ["lines/1", '{"state":"idle"}'],
      ["heartbeat", '{"atMs":1700000001000}'],
    ]);
    expect(first.every(({ retain, qos }) => retain && qos === 1)).toBe(true);
  });

  it("does so again after a restart of the broker that has forgotten everything", async () => {
    const { link } = await scene();
    link.connect();
    link.disconnect();
    link.retained.clear();
    link.connect();
    expect([...link.retained.keys()]).toEqual(
      ["availability", "gateway", "lines/1", "heartbeat"].map((topic) => `${root}/${topic}`),
    );
  });

  it("does so when the link was connected before it started", async () => {
    const { link, status } = await scene();
    link.connect();
    link.take();
    const clock = new VirtualClock();
    const options = { root, heartbeatSeconds: 30, clock, wall: () => 5, log: silentLog };
    await new Publisher(status, link, options).start(new AbortController().signal);
    expect(link.take()[0]).toMatchObject({ topic: `${root}/availability`, payload: "online" });
  });

  it("deletes what an earlier run retained and nobody wants, and nothing else", async () => {
    const { link } = await scene();
    link.retained.set(`${root}/alerts/old`, '{"text":"long gone"}');
    link.retained.set(`${root}/lines/9`, "not even JSON");
    link.retained.set(`${root}/request/line/block`, "{}");
    link.retained.set("paxgate/other/lines/9", "{}");
    link.connect();
    expect([...link.retained.keys()].sort()).toEqual(
      [
        "paxgate/other/lines/9",
        ...["availability", "gateway", "heartbeat", "lines/1", "request/line/block"].map((topic) => `${root}/${topic}`),
      ].sort(),
    );
  });
});

describe("what happens", () => {
  it("is published at once: state retained, events not, what is resolved deleted", async () => {
    const { link, status } = await scene();
    link.connect();
    link.take();
    status.set("alerts/x", { text: "fault" });
    status.event("lines/1/digit", { digit: 5 });
    status.set("alerts/x", null);
    expect(link.take()).toEqual([
      { topic: `${root}/alerts/x`, payload: '{"text":"fault"}', retain: true, qos: 1 },
      { topic: `${root}/lines/1/digit`, payload: '{"digit":5}', retain: false, qos: 0 },
      { topic: `${root}/alerts/x`, payload: "", retain: true, qos: 1 },
    ]);
    expect(link.retained.has(`${root}/alerts/x`)).toBe(false);
  });

  it("reaches a link that was full later, as the latest value, and events do not", async () => {
    const { link, status, clock } = await scene();
    link.connect();
    link.take();
    link.room = 0;
    for (let at = 0; at < 1_000; at += 1) status.set("lines/1", { at });
    status.set("lines/2", { at: 1 });
    status.set("lines/2", null);
    status.event("lines/1/digit", { digit: 5 });
    expect(clock.pending).toBe(2);
    clock.advance(5_000);
    link.room = 1_000;
    clock.advance(1_000);
    expect(link.take().map(({ topic, payload }) => [topic, payload])).toEqual([
      [`${root}/lines/1`, '{"at":999}'],
      [`${root}/lines/2`, ""],
    ]);
    expect(clock.pending).toBe(1);
  });

  it("beats as often as it should", async () => {
    const { link, clock, topics } = await scene(10);
    link.connect();
    topics();
    clock.advance(60_000);
    expect(topics()).toEqual(Array(6).fill("heartbeat"));
  });

  it("ends with stop", async () => {
    const { link, clock, status, publisher } = await scene();
    link.connect();
    await publisher.stop();
    await publisher.stop();
    link.take();
    status.set("gateway", { state: "stopping" });
    clock.advance(100_000);
    expect(link.take()).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});

describe("others on our topics", () => {
  it("somebody says that we are offline: we say that we are not, once a second at most", async () => {
    const { link, clock } = await scene();
    link.connect();
    clock.advance(10);
    link.take();
    for (let at = 0; at < 100; at += 1) {
      link.comes(`${root}/availability`, "offline", true);
      clock.advance(50);
    }
    const said = link.take();
    expect(said.length).toBeGreaterThanOrEqual(5);
    expect(said.length).toBeLessThanOrEqual(6);
    clock.advance(1_000);
    expect(link.retained.get(`${root}/availability`)).toBe("online");
  });

  it("another gateway with our identifier is noticed by its heartbeat, and forgotten when it is gone", async () => {
    const { link, clock, publisher } = await scene(10);
    const changes: boolean[] = [];
    publisher.onForeign((present) => changes.push(present));
    link.connect();
    clock.advance(100_000);
    expect(publisher.foreign).toBe(false);
    link.comes(`${root}/heartbeat`, '{"atMs":1600000000000}', true);
    link.comes(`${root}/heartbeat`, "nonsense", true);
    expect(publisher.foreign).toBe(true);
    clock.advance(20_000);
    expect(publisher.foreign).toBe(true);
    clock.advance(20_000);
    expect(changes).toEqual([true, false]);
  });

  it("the heartbeat that an earlier run left is nobody's", async () => {
    const { link, publisher } = await scene();
    link.retained.set(`${root}/heartbeat`, '{"atMs":1}');
    link.subscribe("paxgate/test/#");
    link.connect();
    expect(publisher.foreign).toBe(false);
  });
});

describe("a long time", () => {
  it("24 h without a broker: nothing is asked of the link and nothing is kept", async () => {
    const { link, status, clock } = await scene();
    link.connect();
    link.room = 2;
    status.set("lines/1", { at: "before" });
    status.set("lines/1", { at: "in time" });
    status.set("lines/1", { at: "not taken" });
    link.disconnect();
    link.room = Number.POSITIVE_INFINITY;
    link.take();
    for (let second = 0; second < 86_400; second += 1) {
      status.set("lines/1", { second });
      status.set("alerts/x", second % 2 === 0 ? { second } : null);
      status.event("calls/event", { second });
      clock.advance(1_000);
    }
    expect(link.askedWhileAway).toBe(0);
    expect(clock.pending).toBe(1);
    link.connect();
    expect(link.take().map(({ topic, payload }) => [topic.slice(root.length + 1), payload])).toEqual([
      ["availability", "online"],
      ["gateway", '{"state":"ready"}'],
      ["lines/1", '{"second":86399}'],
      ["heartbeat", `{"atMs":${1_700_000_000_000 + clock.now()}}`],
    ]);
  });

  it("12 h with a broker that restarts every 17 minutes: it holds the status whenever it is there", async () => {
    const { link, status, clock } = await scene();
    link.connect();
    for (let second = 1; second <= 43_200; second += 1) {
      status.set(`lines/${second % 4}`, { second });
      if (second % 11 === 0) status.set("alerts/x", second % 2 === 0 ? { second } : null);
      if (second % 1_020 === 0) {
        link.disconnect();
        link.retained.clear();
      }
      if (second % 1_020 === 45) link.connect();
      clock.advance(1_000);
      if (second % 60 !== 0 || !link.state.connected) continue;
      const held = [...link.retained].filter(([topic]) => !/availability|heartbeat/.test(topic));
      const wanted = [...status.values].map(([topic, value]) => [`${root}/${topic}`, JSON.stringify(value)]);
      expect(new Map(held)).toEqual(new Map(wanted as [string, string][]));
      link.take();
    }
    expect(clock.pending).toBe(1);
  });
});

it("the will is what stands for us when we are lost", () => {
  expect(willOf(root)).toEqual({ topic: `${root}/availability`, payload: "offline", retain: true, qos: 1 });
});
