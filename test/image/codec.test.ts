import { afterAll, beforeAll, expect, it } from "vitest";
import { Appliance } from "./support/appliance.ts";
import { EVENT_HZ, eventAnswers, heardAt, messageSeen, PAX_HZ, paxDials } from "./support/calls.ts";
import { configurationText, lineInputs } from "./support/configuration.ts";
import { levelsOnTheWire } from "./support/sip-peer.ts";
import { StereoSound } from "./support/stereo-sound.ts";

/** The reference board's way: one stereo card for both lines, as the image's own paxgate.yaml and asound.conf have it. */

const AUDIO = ["paxgate_left:CARD=Loopback", "paxgate_right:CARD=Loopback"];

let appliance: Appliance;

beforeAll(async () => {
  const lines = lineInputs().map((line, at) => ({
    ...line,
    interface: { ...line.interface, audio: AUDIO[at] ?? "" },
  }));
  appliance = await Appliance.create({ configuration: configurationText({ lines }) });
  await appliance.powerOn();
  await appliance.readyAndLoggedIn();
});

afterAll(() => appliance?.remove());

it("carries two calls at once, each on its own channel", async () => {
  const { pax, ssh, outside } = appliance;
  const sound = new StereoSound(ssh);
  const stops = [
    pax.joinSound("tie-1", (onFrame) => sound.channel(0, onFrame)),
    pax.joinSound("tie-2", (onFrame) => sound.channel(1, onFrame)),
  ];
  const peer = await eventAnswers(appliance, 2);
  try {
    await paxDials(appliance, "21", "23");
    await messageSeen(peer, /ACK sip:/, 90_000);
    await expect.poll(() => heardAt(appliance, "21", EVENT_HZ), { timeout: 60_000 }).toBeGreaterThan(-30);
    // The second one has its own dial tone while the first one sings: nothing of it may be heard there.
    const { client } = pax;
    await client.setPhone("22", { dial: { bounceMs: 0 } });
    await client.lift("22");
    await client.waitFor("22", "dial-tone", 5_000);
    await client.dial("22", "9");
    await client.waitFor("22", "connected", 10_000);
    await client.waitFor("22", "dial-tone", 20_000);
    expect(await heardAt(appliance, "22", EVENT_HZ)).toBeLessThan(-45);
    await client.dial("22", "23");
    await messageSeen(peer, /ACK sip:[\s\S]*ACK sip:/, 90_000);
    await expect.poll(() => heardAt(appliance, "22", EVENT_HZ), { timeout: 60_000 }).toBeGreaterThan(-30);
    await client.play("21", { frequencyHz: PAX_HZ });
    // In the one call's audio and not in the other's, and not at the other's telephone.
    let levels: readonly number[] = [];
    const heard = async () => {
      levels = await levelsOnTheWire(outside, PAX_HZ, 100);
      return levels[0];
    };
    await expect.poll(heard, { timeout: 60_000 }).toBeGreaterThan(-30);
    expect(levels).toHaveLength(2);
    expect(levels[1]).toBeLessThan(-45);
    expect(await heardAt(appliance, "22", PAX_HZ)).toBeLessThan(-40);
    for (const ext of ["21", "22"]) await client.hangup(ext);
    await peer.done();
  } finally {
    for (const stop of stops) await stop();
    await sound.stop();
    await peer.stop();
  }
});
