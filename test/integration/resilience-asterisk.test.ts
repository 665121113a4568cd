import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { GatewayRig } from "./support/gateway-rig.ts";
import {
  clearAll,
  eventCalls,
  eventOf,
  fastDials,
  hearEachOther,
  outputsHeldAfter,
  paxTalksTo,
  quick,
} from "./support/scenes.ts";

/** Asterisk dies under a gateway that goes on. That it is tampered with: see the long calls. */

let rig: GatewayRig;
beforeAll(async () => {
  rig = await GatewayRig.start({
    config: {
      numberPlan: {
        fromPax: [{ dial: "4XXX", trunk: "event" }],
        toPax: [{ number: "413X", extension: "3X" }],
      },
      pax: { overrides: quick },
    },
    topology: (standard) => ({
      ...standard,
      lines: standard.lines?.map((line) => ({ ...line, reversal: true })) ?? [],
    }),
  });
  await fastDials(rig, "21", "22");
}, 30_000);
afterAll(() => rig?.stop());
afterEach(async () => {
  await rig.until((view) => view.ready);
  await clearAll(rig);
  await expect.poll(() => rig.asterisk("core show channels count")).toContain("0 active channels");
});

async function answeredFromNetwork() {
  const watch = eventCalls(rig, "4777", "4134");
  await rig.pax.waitFor("34", "ringing", 15_000);
  await rig.pax.lift("34");
  await watch.event("answered");
  return watch;
}

/** Kills it and waits until another one takes calls. */
async function killAsterisk(): Promise<void> {
  process.kill(rig.asteriskPid, "SIGKILL");
}

async function isBack(): Promise<void> {
  await rig.until((view) => view.ready);
  for (const { username } of rig.config.trunks) {
    await expect.poll(() => eventOf(rig).registered(username)).toBe(true);
  }
  // The gateway knows it too.
  await rig.until((view) => view.trunks.length > 0 && view.trunks.every(({ registered }) => registered === true));
}

describe("an Asterisk that is killed", () => {
  it("while a PAX caller talks: he hears congestion within two seconds, and may call again when it is back", async () => {
    const call = await paxTalksTo(rig, "21", "4123");
    await hearEachOther(rig, "21", call);
    const killed = rig.asteriskPid;
    const from = rig.log.length;
    const began = performance.now();
    await killAsterisk();
    await rig.until((view) => view.lines.every(({ status }) => status === "idle" || status === "awaiting-clear"));
    const toldAfter = performance.now() - began;
    expect((await rig.pax.lines()).flatMap(({ outputs }) => outputs)).toEqual([]);
    expect(toldAfter).toBeLessThan(2_000);
    await rig.pax.waitFor("21", "congestion-tone", 15_000);
    await isBack();
    expect(rig.asteriskPid).not.toBe(killed);
    // No call is taken before what the new one does is known.
    const order = ["Asterisk runs with its profile in force", "connected to Asterisk"];
    const told = rig.log.slice(from).map((record) => record["msg"]);
    expect(told.filter((msg) => order.includes(String(msg)))).toEqual(order);
    // Nobody is left to say so to the far end: it ends its call by itself.
    await eventOf(rig).hangup(call);
    await clearAll(rig);
    await hearEachOther(rig, "21", await paxTalksTo(rig, "21", "4124"));
  });

  it("while a caller from the network talks: the loop opens within two seconds, and the next call comes through", async () => {
    const watch = await answeredFromNetwork();
    expect(await outputsHeldAfter(rig, killAsterisk)).toBeLessThan(2_000);
    await isBack();
    await eventOf(rig).hangup(watch.call);
    await clearAll(rig);
    await answeredFromNetwork();
  });

  it("while impulses are sent: the loop opens within two seconds and nobody's telephone rings", async () => {
    const watch = eventCalls(rig, "4777", "4134");
    await rig.until((view) => view.lines.some((line) => line.status === "sending"));
    expect(await outputsHeldAfter(rig, killAsterisk)).toBeLessThan(2_000);
    expect((await rig.pax.phones()).filter(({ state }) => state !== "idle")).toEqual([]);
    await isBack();
    await eventOf(rig).hangup(watch.call);
    await watch.event("ended");
  });
});
