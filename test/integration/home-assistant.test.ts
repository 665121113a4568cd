import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { MqttLink } from "../../src/drivers/mqtt-link.ts";
import { HomeAssistantService } from "../../src/status/home-assistant-service.ts";
import { testParts } from "../../src/status/home-assistant-test-parts.ts";
import { willOf } from "../../src/status/publisher-service.ts";
import { Mosquitto } from "./support/mosquitto.ts";
import { MqttWatch, until } from "./support/mqtt-watch.ts";

/** Discovery over a real broker. What is in the announcements is the affair of the unit tests. */

const run = promisify(execFile);
const CONFIG = "homeassistant/device/paxgate-north-field/config";
const tidy: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const remove of tidy.splice(0).reverse()) await remove();
});

async function broker(): Promise<Mosquitto> {
  const mosquitto = await Mosquitto.open();
  tidy.push(() => mosquitto.remove());
  return mosquitto;
}

async function watch(port: number): Promise<MqttWatch> {
  const one = await MqttWatch.open(port, "homeassistant/device/#");
  tidy.push(() => one.close());
  return one;
}

async function gateway(port: number, enabled: boolean, parts = testParts) {
  const link = new MqttLink({
    url: `mqtt://127.0.0.1:${port}`,
    protocol: 4,
    clientId: "paxgate-north-field",
    will: willOf("paxgate/north-field"),
    keepaliveSeconds: 15,
    clock: systemClock,
    wall: Date.now,
    log: silentLog,
  });
  const options = { prefix: "homeassistant", base: "paxgate", site: "north-field", requests: true, url: null };
  const service = new HomeAssistantService(
    { ...options, enabled, clock: systemClock, random: () => 0 },
    link,
    () => parts,
    silentLog,
  );
  const stop = async () => {
    await service.stop();
    await link.stop();
  };
  tidy.push(stop);
  await service.start(new AbortController().signal);
  await link.start(new AbortController().signal);
  await until(
    () => link.state.connected,
    (changed) => link.onState(changed),
  );
  return { service, stop };
}

const birth = (port: number) =>
  run("mosquitto_pub", ["-p", String(port), "-t", "homeassistant/status", "-m", "online"]);
const full = ({ payload }: { readonly payload: string }) => payload !== "";
const entities = ({ payload }: { readonly payload: string }) =>
  JSON.parse(payload).cmps as Record<string, { readonly uniq_id?: string }>;

describe("Home Assistant on a real broker", () => {
  it("finds the gateway whenever it comes, hears it again on its birth, and after a restart of the broker", async () => {
    const mosquitto = await broker();
    const before = await watch(mosquitto.port);
    await gateway(mosquitto.port, true);
    const first = await before.next(full);
    expect(first.topic).toBe(CONFIG);
    expect(entities(first)["line-tie-1-state"]?.uniq_id).toBe("paxgate-north-field-line-tie-1-state");
    const later = await watch(mosquitto.port);
    const kept = await later.next(full);
    expect(kept).toMatchObject({ topic: CONFIG, payload: first.payload, retained: true });
    await birth(mosquitto.port);
    expect((await later.next(full)).retained).toBe(false);
    // This broker remembers nothing.
    await mosquitto.stop();
    await mosquitto.start();
    expect((await before.next(({ topic }) => topic === CONFIG)).payload).toBe(first.payload);
  });

  it("hears of entities that a restart of the gateway has left out", async () => {
    const { port } = await broker();
    const home = await watch(port);
    const { stop } = await gateway(port, true);
    await home.next(full);
    await stop();
    await gateway(port, true, { ...testParts, inputs: [] });
    expect(entities(await home.next(full))["input-fuse"]).toEqual({ p: "binary_sensor" });
  });

  it("loses the gateway on request, and where it is no longer wanted", async () => {
    const { port } = await broker();
    const home = await watch(port);
    const { service, stop } = await gateway(port, true);
    await home.next(full);
    expect(service.remove()).toBe(true);
    await home.next(({ payload }) => payload === "");
    service.announce();
    await home.next(full);
    await stop();
    await gateway(port, false);
    await home.next(({ payload }) => payload === "");
    const later = await watch(port);
    // What the broker keeps comes before what is new.
    await run("mosquitto_pub", ["-p", String(port), "-t", "homeassistant/device/other/config", "-m", "{}"]);
    expect((await later.next(() => true)).topic).toBe("homeassistant/device/other/config");
  });
});
