import { describe, expect, it } from "vitest";
import { TypedEmitter } from "../base/events.ts";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import { HomeAssistantService } from "./home-assistant-service.ts";
import { testParts } from "./home-assistant-test-parts.ts";
import type { BrokerLink, IncomingMessage } from "./port.ts";
import type { BrokerState, StatusParts } from "./types.ts";

const CONFIG = "homeassistant/device/paxgate-north-field/config";
const BIRTH = "homeassistant/status";

/** A broker that keeps what is retained and brings it to whoever subscribes, as MQTT says. */
class FakeLink implements BrokerLink {
  readonly #emitter = new TypedEmitter<{ state: [state: BrokerState]; message: [message: IncomingMessage] }>();
  readonly kept = new Map<string, string>();
  readonly sent: string[] = [];
  readonly #filters = new Set<string>();
  state: BrokerState = { url: "mqtt://broker", embedded: false, connected: false, sinceMs: 0, fault: null };
  onState = (listener: (state: BrokerState) => void) => this.#emitter.on("state", listener);
  onMessage = (listener: (message: IncomingMessage) => void) => this.#emitter.on("message", listener);
  subscribe(filter: string): void {
    this.#filters.add(filter);
  }
  publish(topic: string, payload: string): boolean {
    if (!this.state.connected) return false;
    if (payload === "") this.kept.delete(topic);
    else this.kept.set(topic, payload);
    this.sent.push(payload);
    this.say(topic, payload);
    return true;
  }
  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  say(topic: string, payload: string, retained = false): void {
    if (this.#filters.has(topic)) this.#emitter.emit("message", { topic, payload: Buffer.from(payload), retained });
  }
  connect(connected: boolean): void {
    this.state = { ...this.state, connected };
    this.#emitter.emit("state", this.state);
    if (connected) for (const [topic, payload] of this.kept) this.say(topic, payload, true);
  }
}

async function rig({ enabled = true, parts = testParts as StatusParts | null, random = 0.5 } = {}) {
  const link = new FakeLink();
  const clock = new VirtualClock();
  const holder = { parts };
  const options = { prefix: "homeassistant", base: "paxgate", site: "north-field", requests: false, url: null };
  const service = new HomeAssistantService(
    { ...options, enabled, clock, random: () => random },
    link,
    () => holder.parts,
    silentLog,
  );
  await service.start(new AbortController().signal);
  return { link, clock, service, holder };
}

describe("Home Assistant", () => {
  it("is told after each connect", async () => {
    const { link, clock } = await rig();
    clock.advance(60_000);
    expect(link.sent).toEqual([]);
    link.connect(true);
    clock.advance(5_000);
    expect(link.sent).toHaveLength(1);
    expect(JSON.parse(link.kept.get(CONFIG) ?? "")).toMatchObject({ dev: { ids: ["paxgate-north-field"] } });
    link.connect(false);
    link.connect(true);
    clock.advance(5_000);
    expect(link.sent).toHaveLength(2);
  });

  it.each([false, true])("is told once more when it says that it is there (kept: %s)", async (retained) => {
    const { link, clock } = await rig();
    link.connect(true);
    clock.advance(5_000);
    link.say(BIRTH, "offline", retained);
    clock.advance(60_000);
    expect(link.sent).toHaveLength(1);
    link.say(BIRTH, "online", retained);
    link.say(BIRTH, "online", retained);
    expect(link.sent).toHaveLength(1);
    clock.advance(5_000);
    expect(link.sent).toHaveLength(2);
  });

  it.each([
    [0, 500],
    [0.999_999, 5_000],
    [7, 5_000],
  ])("is told after a while of its own, which has an end (%s)", async (random, atMost) => {
    const { link, clock } = await rig({ random });
    link.connect(true);
    clock.advance(499);
    expect(link.sent).toEqual([]);
    clock.advance(atMost - 499);
    expect(link.sent).toHaveLength(1);
  });

  it("is told when the status is known, not before", async () => {
    const { link, clock, holder } = await rig({ parts: null });
    link.connect(true);
    clock.advance(20_000);
    expect(link.sent).toEqual([]);
    holder.parts = testParts;
    clock.advance(5_000);
    expect(link.sent).toHaveLength(1);
  });

  it("is not told when it is not wanted", async () => {
    const { link, clock } = await rig({ enabled: false });
    link.connect(true);
    link.say(BIRTH, "online");
    clock.advance(60_000);
    expect(link.sent).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it("forgets what was announced once it is not wanted any more", async () => {
    const { link, clock } = await rig({ enabled: false });
    link.kept.set(CONFIG, '{"cmps":{}}');
    link.connect(true);
    expect(link.sent).toEqual([""]);
    expect(link.kept.size).toBe(0);
    link.say(CONFIG, '{"cmps":{}}');
    link.connect(false);
    link.connect(true);
    clock.advance(60_000);
    expect(link.sent).toEqual([""]);
  });

  it("forgets on request, also with an announcement under way, until it is asked for again", async () => {
    const { link, clock, service } = await rig();
    expect(service.remove()).toBe(false);
    service.announce();
    link.connect(true);
    clock.advance(5_000);
    link.say(BIRTH, "online");
    expect(service.remove()).toBe(true);
    link.say(BIRTH, "online");
    clock.advance(60_000);
    expect(link.kept.size).toBe(0);
    expect(link.sent.at(-1)).toBe("");
    service.announce();
    clock.advance(5_000);
    expect(link.kept.has(CONFIG)).toBe(true);
  });

  it("hears which entities are gone since the gateway was last there", async () => {
    const { link, clock, holder } = await rig();
    link.connect(true);
    clock.advance(5_000);
    holder.parts = { ...testParts, inputs: [] };
    link.connect(false);
    link.connect(true);
    clock.advance(5_000);
    const told = JSON.parse(link.kept.get(CONFIG) ?? "");
    expect(told.cmps["input-fuse"]).toEqual({ p: "binary_sensor" });
    link.say(BIRTH, "online");
    clock.advance(5_000);
    expect(JSON.parse(link.kept.get(CONFIG) ?? "").cmps["input-fuse"]).toBeUndefined();
  });

  it("is left alone after the end", async () => {
    const { link, clock, service } = await rig();
    link.connect(true);
    await service.stop();
    await service.stop();
    link.say(BIRTH, "online");
    clock.advance(60_000);
    expect(link.sent).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
