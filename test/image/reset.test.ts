import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Appliance } from "./support/appliance.ts";
import { holdButton, issued, resetTold } from "./support/button.ts";
import { SITE } from "./support/configuration.ts";
import { STATUS_LED_PIN } from "./support/wiring.ts";

/** The button at its pin, seen from outside: the LED, the broker, the boot partition, what was issued. */

let appliance: Appliance;

beforeAll(async () => {
  appliance = await Appliance.create();
  await appliance.powerOn();
  await appliance.readyAndLoggedIn();
});

afterAll(() => appliance?.remove());

const ledEdges = () => appliance.machine.pins.edges.filter(({ pin }) => pin === STATUS_LED_PIN).length;

describe("the button", () => {
  it("identifies the gateway when it is pressed shortly, and changes nothing", async () => {
    const before = await issued(appliance);
    const edges = ledEdges();
    await holdButton(appliance, 300);
    await appliance.until("identify told to the broker", 60_000, () =>
      appliance.watch.seen.some(({ topic, payload }) => topic === `paxgate/${SITE}/button` && /identify/.test(payload))
        ? true
        : null,
    );
    await expect.poll(ledEdges, { timeout: 20_000 }).toBeGreaterThan(edges + 6);
    expect(await issued(appliance)).toBe(before);
  });

  it("makes new credentials that can be read on the card, and leaves the configuration alone", async () => {
    const before = await issued(appliance);
    const configuration = await (await appliance.bootPartition()).read("paxgate.yaml");
    await holdButton(appliance, 7_000);
    await resetTold(appliance);
    expect(await issued(appliance)).not.toBe(before);
    const onCard = async () => (await appliance.bootPartition()).has("CREDENTIALS.txt");
    await expect.poll(onCard, { timeout: 90_000, interval: 3_000 }).toBe(true);
    expect(await (await appliance.bootPartition()).read("paxgate.yaml")).toBe(configuration);
  });

  it("has done so for good: the new ones outlive a power cut that loses all that was not flushed", async () => {
    await holdButton(appliance, 7_000);
    await resetTold(appliance);
    const acknowledged = await issued(appliance);
    await appliance.powerCut(0);
    await appliance.powerOn();
    await appliance.readyAndLoggedIn();
    expect(await issued(appliance)).toBe(acknowledged);
  });

  it("makes the gateway forget everything but its configuration when it is held for fifteen seconds", async () => {
    const before = await issued(appliance);
    await holdButton(appliance, 17_000);
    await appliance.until("the factory reset told to the broker", 60_000, () =>
      appliance.watch.seen.some(({ topic, payload }) => topic === `paxgate/${SITE}/button` && /factory/.test(payload))
        ? true
        : null,
    );
    await appliance.ready();
    await appliance.ssh.connect(120_000);
    expect(await issued(appliance)).not.toBe(before);
    expect(await (await appliance.bootPartition()).read("paxgate.yaml")).toContain(SITE);
  });
});
