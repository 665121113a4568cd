import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { GatewayRig } from "./support/gateway-rig.ts";
import {
  clearAll,
  eventCalls,
  eventOf,
  fastDials,
  hangUp,
  levelAt,
  paxCalls,
  paxTalksTo,
  quick,
} from "./support/scenes.ts";

const fromPax = [
  { dial: "13", trunk: "event", number: "4124" },
  { dial: "112", trunk: "event", number: "4124", emergency: true },
];
const toPax = [
  { number: "4100", extension: "34" },
  { number: "4190", extension: "34", emergency: true },
];
const limits = { callMinutes: 0.1, callsPerHourPerLine: 1, callsPerHourPerAccount: 2 };

let rig: GatewayRig;
beforeAll(async () => {
  const config = { numberPlan: { fromPax, toPax }, pax: { overrides: quick }, limits } as object;
  rig = await GatewayRig.start({ tieLines: 1, trunks: 1, config });
  await fastDials(rig, "21");
});
afterAll(() => rig?.stop());
afterEach(() => clearAll(rig));

describe("limits of a line", () => {
  it("end the longest call with busy tone, refuse one call too many in an hour, and pass an emergency", async () => {
    const call = await paxTalksTo(rig, "21", "13", "4124");
    const answeredAt = performance.now();
    eventOf(rig).play(call, { kind: "tone", frequencyHz: 1_400 });
    await rig.eventOf("ended", 10_000, (event) => event.call === call);
    expect(performance.now() - answeredAt).toBeGreaterThan(5_000);
    expect(performance.now() - answeredAt).toBeLessThan(7_000);
    await rig.pax.waitFor("21", "busy-tone", 15_000);
    expect(await levelAt(rig, "21", 1_400)).toBeLessThan(-45);
    await hangUp(rig, "21");
    await rig.quiet();

    const called: unknown[] = [];
    const stop = eventOf(rig).onEvent((event) => called.push(event));
    await paxCalls(rig, "21", "13");
    await rig.pax.waitFor("21", "congestion-tone", 15_000);
    stop();
    expect(called).toEqual([]);
    await hangUp(rig, "21");
    await rig.quiet();

    await paxTalksTo(rig, "21", "112", "4124");
  });
});

describe("limits of a caller through a trunk", () => {
  it("refuse one call too many in an hour before a line is touched, and pass an emergency", async () => {
    for (let at = 0; at < 2; at++) {
      const from = rig.log.length;
      const watch = eventCalls(rig, "4777", "4100");
      await rig.logged((record) => record["status"] === "seizing", from);
      await eventOf(rig).hangup(watch.call);
      await watch.event("ended");
      await rig.quiet();
    }
    const from = rig.log.length;
    expect((await eventCalls(rig, "4777", "4100").event("ended")).cause).toBe("congestion");
    expect(rig.log.slice(from).some((record) => record["msg"] === "line status")).toBe(false);
    const emergency = eventCalls(rig, "4777", "4190");
    await rig.pax.waitFor("34", "ringing", 15_000);
    await eventOf(rig).hangup(emergency.call);
    await emergency.event("ended");
  });
});
