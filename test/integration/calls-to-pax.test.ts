import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { TopologyInput } from "../../src/sim/topology.ts";
import { GatewayRig } from "./support/gateway-rig.ts";
import {
  clearAll,
  eventCalls,
  eventOf,
  fastDials,
  hangUp,
  hearEachOther,
  levelAt,
  lineEnd,
  outputsAre,
  paxTalksTo,
  quick,
  statusesOf,
} from "./support/scenes.ts";

/** The exchange tells the answer by reversal, so that nobody has to wait for its inference. */
const withReversal = (standard: TopologyInput): TopologyInput => ({
  ...standard,
  lines: (standard.lines ?? []).map((line) => ({ ...line, reversal: true })),
});

/**
 * Three numbers that are trunks' own, each for one call at a time, and further ones, which come by
 * any of the trunks. The network routes every 41XX to us, also those that the gateway does not list.
 */
const toPax = [
  { number: "4100", extension: "34" },
  { number: "4101", extension: "45" },
  { number: "4102", extension: "36" },
  { number: "41[36]X", extension: "XX" },
  { number: "4199", secondStage: true },
];
const fromPax = [{ dial: "11", trunk: "event", number: "4124" }];

let rig: GatewayRig;
beforeAll(async () => {
  rig = await GatewayRig.start({
    tieLines: 2,
    trunks: 3,
    topology: withReversal,
    config: { numberPlan: { fromPax, toPax }, pax: { overrides: quick } } as object,
  });
  await fastDials(rig, "21", "34");
});
afterAll(() => rig?.stop());
afterEach(async () => {
  await rig.pax.setPhone("34", { busy: false });
  await clearAll(rig);
});

/** A call from the event to extension 34 that has been answered there. */
async function talking(number = "4100", ext = "34") {
  const watch = eventCalls(rig, "4777", number);
  await rig.pax.waitFor(ext, "ringing", 15_000);
  await rig.pax.lift(ext);
  await watch.event("answered");
  return watch;
}

describe("a call to the PAX that is answered", () => {
  it("lets the caller hear ringing tone before the answer, then both speak until the caller clears", async () => {
    const watch = eventCalls(rig, "4777", "4134");
    await rig.pax.waitFor("34", "ringing", 15_000);
    await watch.event("early-media");
    await eventOf(rig).hearTone(watch.call, 400, -30);
    expect(watch.has("answered")).toBe(false);
    await rig.pax.lift("34");
    await watch.event("answered");
    await hearEachOther(rig, "34", watch.call);
    await eventOf(rig).hangup(watch.call);
    await watch.event("ended");
    await rig.pax.waitFor("34", "busy-tone", 15_000);
    expect(await levelAt(rig, "34", 1_400)).toBeLessThan(-45);
    await outputsAre(rig, "tie2", []);
  });

  it("ends for the caller when the PAX's phone clears", async () => {
    const watch = await talking();
    await hearEachOther(rig, "34", watch.call);
    await hangUp(rig, "34");
    // This exchange goes on feeding the loop, and gives busy tone to the party that holds: the gateway has to hear it.
    await eventOf(rig).hearTone(watch.call, 400, -30);
    expect(eventOf(rig).hear(watch.call, 200, [700]).tones[0]?.levelDb).toBeLessThan(-48);
    expect((await watch.event("ended")).cause).toBe("normal");
    await rig.quiet();
  });

  it("joins two callers with two phones, each with his own", async () => {
    const [one, two] = await Promise.all([talking("4100", "34"), talking("4101", "45")]);
    await Promise.all([hearEachOther(rig, "34", one.call, 700, 1_400), hearEachOther(rig, "45", two.call, 900, 1_700)]);
    expect(await levelAt(rig, "34", 1_700)).toBeLessThan(-45);
    expect(eventOf(rig).hear(one.call, 500, [900]).tones[0]?.levelDb).toBeLessThan(-48);
    // The group is full now: a third caller hears busy, whoever he calls.
    expect((await eventCalls(rig, "4778", "4102").event("ended")).cause).toBe("busy");
    const { calls } = await rig.status();
    expect(calls.map(({ phase }) => phase)).toEqual(["talking", "talking"]);
  });

  it("goes beside a call from the PAX on another line", async () => {
    const inward = await talking();
    const outward = await paxTalksTo(rig, "21", "11", "4124");
    await Promise.all([
      hearEachOther(rig, "34", inward.call, 700, 1_400),
      hearEachOther(rig, "21", outward, 900, 1_700),
    ]);
    const { calls } = await rig.status();
    expect(calls.map(({ direction, phase }) => `${direction} ${phase}`).sort()).toEqual([
      "from-pax talking",
      "to-pax talking",
    ]);
  });
});

describe("a call to the PAX that does not come about", () => {
  it("is busy for a busy extension, and the caller hears the exchange's own busy tone first", async () => {
    await rig.pax.setPhone("34", { busy: true });
    const watch = eventCalls(rig, "4777", "4134");
    await watch.event("early-media");
    await eventOf(rig).hearTone(watch.call, 400, -30, 6_000);
    expect((await watch.event("ended")).cause).toBe("busy");
    expect(watch.has("answered")).toBe(false);
  });

  it("stops ringing the PAX's phone when the caller gives up", async () => {
    const watch = eventCalls(rig, "4777", "4134");
    await rig.pax.waitFor("34", "ringing", 15_000);
    await eventOf(rig).hangup(watch.call);
    await rig.pax.waitFor("34", "idle", 15_000);
    await watch.event("ended");
  });

  it("can be given up before the first digit was sent, and rings nobody", async () => {
    const from = rig.log.length;
    const watch = eventCalls(rig, "4777", "4134");
    await rig.logged((record) => record["msg"] === "line status" && record["status"] === "seizing", from);
    await eventOf(rig).hangup(watch.call);
    await watch.event("ended");
    await rig.quiet();
    expect(statusesOf(rig, "tie2", from)).toEqual(["seizing", "guard", "idle"]);
  });

  it("is refused before any line is touched when the number is not listed", async () => {
    const from = rig.log.length;
    // One after the other: both may come by the same trunk, which takes one call at a time.
    for (const number of ["4171", "4145"]) {
      expect((await eventCalls(rig, "4777", number).event("ended")).cause).toBe("unobtainable");
      await rig.quiet();
    }
    expect([...statusesOf(rig, "tie1", from), ...statusesOf(rig, "tie2", from)]).toEqual([]);
  });

  it("is unobtainable for a number that the PAX does not know", async () => {
    const watch = eventCalls(rig, "4777", "4161");
    await eventOf(rig).hearTone(watch.call, 400, -30, 6_000);
    expect((await watch.event("ended")).cause).toBe("unobtainable");
  });
});

describe("the second stage", () => {
  it("gives the PAX's dial tone, sends keys as impulses that the caller does not hear, and rings the phone", async () => {
    const from = rig.log.length;
    const watch = eventCalls(rig, "4777", "4199");
    await watch.event("answered");
    await rig.logged((record) => record["status"] === "second-stage", from);
    await dialToneHeard(watch.call);
    expect((await lineEnd(rig, "tie2")).state).toBe("register");
    const began = rig.logged((one) => one["status"] === "sending", from).then(() => performance.now());
    await eventOf(rig).dtmf(watch.call, "34");
    await rig.logged((one) => one["status"] === "awaiting-answer", from);
    // 300 ms of impulses, a pause of 400 ms, 400 ms of impulses; what was on its way when they began is left out.
    const windowMs = performance.now() - (await began) - 200;
    expect(windowMs).toBeGreaterThan(700);
    expect(eventOf(rig).hear(watch.call, windowMs).levelDb).toBeLessThan(-60);
    await eventOf(rig).hearTone(watch.call, 400, -30);
    await rig.pax.waitFor("34", "ringing", 15_000);
    await rig.pax.lift("34");
    await hearEachOther(rig, "34", watch.call);
  });
});

/** A purr is not a single tone: all of its energy counts. */
async function dialToneHeard(call: string): Promise<void> {
  for (let at = 0; at < 100; at++) {
    if (eventOf(rig).hear(call, 200).kind === "sound") return;
    await rig.pax.hear("21", { ms: 40 });
  }
  throw new Error("the caller heard no dial tone");
}
