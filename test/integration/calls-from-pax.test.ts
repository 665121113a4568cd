import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { GatewayRig } from "./support/gateway-rig.ts";
import {
  clearAll,
  eventOf,
  fastDials,
  hangUp,
  hearEachOther,
  levelAt,
  paxCalls,
  paxTalksTo,
  quick,
} from "./support/scenes.ts";

const fromPax = [
  { dial: "4XXX", trunk: "event" },
  { dial: "11", trunk: "event", number: "4124" },
  { dial: "12", trunk: "event", number: "4123" },
  { dial: "13", trunk: "event", number: "4126" },
  { dial: "999", trunk: "event", emergency: true },
];

let rig: GatewayRig;
beforeAll(async () => {
  const config = { numberPlan: { fromPax, toPax: [] }, pax: { overrides: quick } } as object;
  rig = await GatewayRig.start({ tieLines: 4, trunks: 4, config });
  await fastDials(rig, "21", "22", "23", "24");
});
afterAll(() => rig?.stop());
afterEach(() => clearAll(rig));

describe("a call from the PAX that is answered", () => {
  it("carries sound both ways until the PAX caller clears", async () => {
    const call = await paxTalksTo(rig, "21", "4124");
    await hearEachOther(rig, "21", call);
    const ended = rig.eventOf("ended", 5_000, (event) => event.call === call);
    await hangUp(rig, "21");
    expect((await ended).cause).toBe("normal");
    expect(eventOf(rig).calls).toEqual([]);
    await rig.quiet();
    // The next caller on the line hears the exchange's dial tone, and nothing of the call before.
    await rig.pax.lift("21");
    await rig.pax.waitFor("21", "dial-tone", 15_000);
    expect(await levelAt(rig, "21", 1_400)).toBeLessThan(-45);
  });

  it("gives the PAX caller busy tone when the event phone clears, and no more of its sound", async () => {
    const call = await paxTalksTo(rig, "21", "11", "4124");
    await hearEachOther(rig, "21", call);
    await rig.pax.waitFor("21", "answered", 15_000);
    await eventOf(rig).hangup(call);
    await rig.pax.waitFor("21", "busy-tone", 15_000);
    expect(await levelAt(rig, "21", 1_400)).toBeLessThan(-45);
    await rig.until((view) => view.lines.some((line) => line.status === "awaiting-clear"));
    await hangUp(rig, "21");
    await rig.quiet();
  });

  it("leads two callers on two lines to two phones, each to his own", async () => {
    const [one, two] = await Promise.all([paxTalksTo(rig, "21", "11", "4124"), paxTalksTo(rig, "22", "12", "4123")]);
    await Promise.all([hearEachOther(rig, "21", one, 700, 1_400), hearEachOther(rig, "22", two, 900, 1_700)]);
    expect(await levelAt(rig, "21", 1_700)).toBeLessThan(-45);
    expect(await levelAt(rig, "22", 1_400)).toBeLessThan(-45);
    const { calls, lines } = await rig.status();
    expect(calls.map(({ phase }) => phase)).toEqual(["talking", "talking"]);
    expect(lines.filter(({ status }) => status === "talking")).toHaveLength(2);
    await hangUp(rig, "21");
    await rig.until((view) => view.calls.length === 1);
    await hearEachOther(rig, "22", two, 900, 1_700);
  });

  it("answers for the event phone only when that answers: ringing tone before", async () => {
    eventOf(rig).setBehaviour("4124", { kind: "answer", afterMs: 6_000 });
    try {
      const talking = paxTalksTo(rig, "21", "11", "4124");
      await rig.eventOf("ringing");
      await rig.pax.waitFor("21", "ringing-tone", 15_000);
      expect((await rig.pax.phones()).find(({ ext }) => ext === "21")?.answered).toBe(false);
      await talking;
      await rig.pax.waitFor("21", "answered", 15_000);
    } finally {
      eventOf(rig).setBehaviour("4124", { kind: "answer", afterMs: 1_000 });
    }
  });
});

describe("a call from the PAX that does not come about", () => {
  it("ends in the tone that says why: busy, refused, congested, no such number", async () => {
    const refusals: unknown[] = [];
    const stop = eventOf(rig).onEvent((event) => {
      if (event.type === "refused") refusals.push(`${event.number} ${event.cause}`);
    });
    const hears = async (ext: string, number: string, tone: Parameters<typeof rig.pax.waitFor>[1]) => {
      await paxCalls(rig, ext, number);
      await rig.pax.waitFor(ext, tone, 15_000);
    };
    await Promise.all([
      hears("21", "4125", "busy-tone"),
      hears("22", "4127", "busy-tone"),
      hears("23", "4128", "congestion-tone"),
      hears("24", "4888", "unobtainable-tone"),
    ]);
    stop();
    // Congestion may be the trunk's: the others were tried first.
    const once = ["4125 busy", "4127 rejected", "4888 unobtainable"];
    expect(refusals).toEqual(expect.arrayContaining([...once, "4128 congestion"]));
    expect(refusals.filter((one) => one !== "4128 congestion").sort()).toEqual(once);
  });

  it("hears number unobtainable for a number that is not listed, and nobody is called", async () => {
    const called: unknown[] = [];
    const stop = eventOf(rig).onEvent((event) => called.push(event));
    await Promise.all([
      paxCalls(rig, "21", "7").then(() => rig.pax.waitFor("21", "unobtainable-tone", 15_000)),
      paxCalls(rig, "22", "998").then(() => rig.pax.waitFor("22", "unobtainable-tone", 15_000)),
    ]);
    stop();
    expect(called).toEqual([]);
  });

  it("stops ringing the event phone when the caller gives up", async () => {
    const ringing = rig.eventOf("ringing");
    await paxCalls(rig, "21", "13");
    const { call } = await ringing;
    await rig.pax.waitFor("21", "ringing-tone", 15_000);
    const ended = rig.eventOf("ended", 3_000, (event) => event.call === call);
    await hangUp(rig, "21");
    await ended;
    await rig.quiet();
  });

  it("hears busy tone when the event phone is given up by the network", async () => {
    eventOf(rig).setBehaviour("4126", { kind: "no-answer", ringMs: 1_000 });
    try {
      await paxCalls(rig, "21", "13");
      await rig.pax.waitFor("21", "busy-tone", 15_000);
    } finally {
      eventOf(rig).setBehaviour("4126", { kind: "no-answer" });
    }
  });

  it("is over for the gateway when the caller clears in the middle of the number", async () => {
    await paxCalls(rig, "21", "41");
    await hangUp(rig, "21");
    await rig.quiet(3_000);
  });
});
