import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
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
  paxCalls,
  quick,
  statusesOf,
} from "./support/scenes.ts";

/** Two tie lines and two extension lines, one of them with a hotline, at an exchange that tells no answer. */
const config = {
  lines: [
    { name: "tie1" },
    { name: "tie2" },
    { name: "hot", type: "subscriber", group: "hot", hotline: { trunk: "event", number: "4124" } },
    { name: "plain", type: "subscriber", group: "plain" },
  ],
  numberPlan: {
    fromPax: [{ dial: "4XXX", trunk: "event" }],
    toPax: [
      { number: "4100", extension: "34" },
      { number: "4150", extension: "35", group: "hot" },
    ],
  },
  pax: { overrides: { ...quick, answerAfterMs: 4_000, toneAfterClearMs: 1_500 } },
} as object;

/** Extension numbers of the subscriber lines, as the simulated exchange deals them out. */
const HOT = "59";
const PLAIN = "58";

let rig: GatewayRig;
beforeAll(async () => {
  rig = await GatewayRig.start({ config });
  await fastDials(rig, "21", "22");
});
afterAll(() => rig?.stop());
afterEach(async () => {
  for (const line of ["tie1", "tie2"]) await rig.pax.setLine(line, { stuckLoop: false, noCurrent: false });
  await clearAll(rig);
});

const statusOf = (line: string, status: string) =>
  rig.until((view) => view.lines.some((one) => one.name === line && one.status === status));

/** A telephone on the PAX calls another extension. */
async function paxDials(ext: string, number: string): Promise<void> {
  await rig.pax.lift(ext);
  await rig.pax.waitFor(ext, "dial-tone", 15_000);
  await rig.pax.dial(ext, number);
}

describe("an answer that the exchange does not tell", () => {
  it("is the end of ringing tone", async () => {
    const from = rig.log.length;
    const watch = eventCalls(rig, "4777", "4100");
    await eventOf(rig).hearTone(watch.call, 400, -30, 10_000);
    await rig.pax.waitFor("34", "ringing", 15_000);
    // Longer than an answer is otherwise assumed after: while it rings, nobody has answered.
    await eventOf(rig).hearTone(watch.call, 400, -30, 10_000);
    await expect(watch.event("answered", 4_500)).rejects.toThrow("no answered");
    await rig.pax.lift("34");
    await watch.event("answered");
    await hearEachOther(rig, "34", watch.call);
    await rig.logged((record) => record["msg"] === "call answered", from);
    // The PAX's party clears; the exchange says so by busy tone and nothing else.
    await hangUp(rig, "34");
    expect((await watch.event("ended")).cause).toBe("normal");
    await rig.quiet();
  });
});

describe("a line at fault", () => {
  it("is passed over for the next when it has no loop current", async () => {
    // We hunt from the last line, the PAX from the first.
    await rig.pax.setLine("tie2", { noCurrent: true });
    const from = rig.log.length;
    const watch = eventCalls(rig, "4777", "4100");
    await rig.pax.waitFor("34", "ringing", 15_000);
    expect(statusesOf(rig, "tie2", from)).toEqual(["seizing", "fault"]);
    expect(statusesOf(rig, "tie1", from)[0]).toBe("seizing");
    await eventOf(rig).hangup(watch.call);
    await watch.event("ended");
    // The exchange can still use it, and that shows that it works again.
    await rig.pax.setLine("tie2", { noCurrent: false });
    for (const [ext, line] of [
      ["21", "tie1"],
      ["22", "tie2"],
    ] as const) {
      await rig.pax.lift(ext);
      await rig.pax.waitFor(ext, "dial-tone", 15_000);
      await rig.pax.dial(ext, "9");
      await statusOf(line, "seized");
    }
    await hangUp(rig, "21");
    await hangUp(rig, "22");
    await rig.quiet();
  });

  it("is parked and back-busied when its loop sticks, and serves again when it has gone", async () => {
    await paxCalls(rig, "21", "4124");
    await statusOf("tie1", "talking");
    await rig.pax.setLine("tie1", { stuckLoop: true });
    await hangUp(rig, "21");
    // The gateway cannot know; the far end clears in the end.
    for (const { call } of eventOf(rig).calls) await eventOf(rig).hangup(call);
    await statusOf("tie1", "parked");
    await outputsAre(rig, "tie1", ["busy"]);
    // The PAX's callers are led past it, and so are ours.
    await rig.pax.lift("22");
    await rig.pax.waitFor("22", "dial-tone", 15_000);
    await rig.pax.dial("22", "9");
    await statusOf("tie2", "seized");
    expect((await eventCalls(rig, "4777", "4100").event("ended")).cause).toBe("busy");
    await hangUp(rig, "22");
    await rig.pax.setLine("tie1", { stuckLoop: false });
    await rig.quiet();
    await outputsAre(rig, "tie1", []);
  });
});

describe("a subscriber line", () => {
  it("takes a call of the PAX to its hotline, and answers when the event phone does", async () => {
    eventOf(rig).setBehaviour("4124", { kind: "answer", afterMs: 5_000 });
    const incoming = rig.eventOf("incoming");
    await paxDials("21", HOT);
    const { call, phone } = await incoming;
    expect(phone).toBe("4124");
    const answered = rig.eventOf("answered", 10_000, (event) => event.call === call);
    await rig.pax.waitFor("21", "ringing-tone", 15_000);
    expect((await lineEnd(rig, "hot")).outputs).toEqual([]);
    await answered;
    eventOf(rig).setBehaviour("4124", { kind: "answer", afterMs: 500 });
    await rig.pax.waitFor("21", "answered", 15_000);
    await hearEachOther(rig, "21", call);
    const ended = rig.eventOf("ended", 10_000, (event) => event.call === call);
    await hangUp(rig, "21");
    expect((await ended).cause).toBe("normal");
    await rig.quiet();
  });

  it("opens its loop when the event phone clears", async () => {
    const answered = rig.eventOf("answered");
    await paxDials("21", HOT);
    const { call } = await answered;
    await hearEachOther(rig, "21", call);
    await eventOf(rig).hangup(call);
    await rig.pax.waitFor("21", "busy-tone", 15_000);
    expect(await levelAt(rig, "21", 1_400)).toBeLessThan(-45);
    await outputsAre(rig, "hot", []);
    await hangUp(rig, "21");
    await rig.quiet();
  });

  it("gives up calling the event when the PAX caller does", async () => {
    eventOf(rig).setBehaviour("4124", { kind: "no-answer" });
    try {
      const ringing = rig.eventOf("ringing");
      await paxDials("21", HOT);
      const { call } = await ringing;
      const ended = rig.eventOf("ended", 10_000, (event) => event.call === call);
      await hangUp(rig, "21");
      await ended;
      await rig.quiet();
    } finally {
      eventOf(rig).setBehaviour("4124", { kind: "answer", afterMs: 500 });
    }
  });

  it("dials out as an extension does", async () => {
    const watch = eventCalls(rig, "4777", "4150");
    await rig.pax.waitFor("35", "ringing", 15_000);
    await rig.pax.lift("35");
    await watch.event("answered");
    await hearEachOther(rig, "35", watch.call);
    await eventOf(rig).hangup(watch.call);
    await rig.quiet();
  });

  it("without a hotline is left to ring, and nobody is called", async () => {
    const from = rig.log.length;
    await paxDials("21", PLAIN);
    await statusOf("plain", "seized");
    await rig.pax.waitFor("21", "ringing-tone", 15_000);
    await hangUp(rig, "21");
    await rig.quiet();
    expect(rig.log.slice(from).filter((record) => String(record["msg"]).startsWith("call "))).toEqual([]);
  });
});
