import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { TopologyInput } from "../../src/sim/topology.ts";
import { GatewayRig } from "./support/gateway-rig.ts";
import {
  type CallWatch,
  clearAll,
  eventCalls,
  fastDials,
  hangUp,
  hearEachOther,
  quick,
  statusesOf,
} from "./support/scenes.ts";

/** A slow relay set: for this long the exchange has taken the line, and nothing shows it at our end, ms. */
const SEIZE_MS = 400;

const slowToSeize = (standard: TopologyInput): TopologyInput => ({
  ...standard,
  lines: (standard.lines ?? []).map((line) =>
    line.type === "tie-line" ? { ...line, reversal: true, seizeMs: SEIZE_MS } : line,
  ),
});
const toPax = [{ number: "413X", extension: "3X" }];
const fromPax = [{ dial: "4XXX", trunk: "event" }];
const config = { numberPlan: { fromPax, toPax }, pax: { overrides: quick } } as object;

/** An exchange that hunts from the last line, as the gateway does, so that the two meet although another is free. */
const fromTheSameEnd = (standard: TopologyInput): TopologyInput => {
  const slow = slowToSeize(standard);
  return { ...slow, lines: [...(slow.lines ?? [])].reverse() };
};

let rig: GatewayRig;

/** The PAX takes the line, and before its loop shows the network calls: both ends have it. */
async function glare(line: string): Promise<{ call: CallWatch; from: number }> {
  const { pax } = rig;
  await pax.lift("21");
  await pax.waitFor("21", "dial-tone", 15_000);
  const from = rig.log.length;
  const taken = new Promise<CallWatch>((resolve) => {
    const stop = pax.onEvent((event) => {
      if (event.type !== "line" || event.line.line !== line || event.line.state !== "out") return;
      stop();
      resolve(eventCalls(rig, "4777", "4134"));
    });
  });
  await pax.dial("21", "9");
  const call = await taken;
  await rig.logged((record) => record["line"] === line && record["status"] === "seized", from);
  // Without this there was no glare, and the test would show nothing.
  expect(statusesOf(rig, line, from)).toEqual(["seizing", "seized"]);
  return { call, from };
}

describe("glare with another line free", () => {
  beforeAll(async () => {
    rig = await GatewayRig.start({ tieLines: 2, topology: fromTheSameEnd, config });
    await fastDials(rig, "21");
  });
  afterEach(() => clearAll(rig));
  afterAll(() => rig?.stop());

  it("leaves the line to the PAX's call, and ours goes by the other", async () => {
    const { call, from } = await glare("tie2");
    await rig.pax.waitFor("21", "dial-tone", 15_000);
    const answered = rig.eventOf("answered", 15_000, (event) => event.call !== call.call);
    await rig.pax.dial("21", "4124");
    const outward = (await answered).call;
    await rig.pax.waitFor("34", "ringing", 15_000);
    await rig.pax.lift("34");
    await call.event("answered");
    expect(statusesOf(rig, "tie1", from)[0]).toBe("seizing");
    await Promise.all([hearEachOther(rig, "21", outward, 700, 1_400), hearEachOther(rig, "34", call.call, 900, 1_700)]);
  });
});

describe("glare with no other line", () => {
  beforeAll(async () => {
    rig = await GatewayRig.start({ tieLines: 1, topology: slowToSeize, config });
    await fastDials(rig, "21");
  });
  afterEach(() => clearAll(rig));
  afterAll(() => rig?.stop());

  it("is tried again as soon as the PAX's caller has cleared and the line has rested", async () => {
    const { call, from } = await glare("tie1");
    await hangUp(rig, "21");
    await rig.logged((record) => record["status"] === "idle" && record["line"] === "tie1", from);
    const idleAt = performance.now();
    // After the seizure that met the PAX's.
    const again = rig.log.findIndex((record, at) => at >= from && record["status"] === "idle");
    await rig.logged((record) => record["status"] === "seizing" && record["line"] === "tie1", again);
    expect(performance.now() - idleAt).toBeLessThan(1_200);
    await rig.pax.waitFor("34", "ringing", 15_000);
    await rig.pax.lift("34");
    await call.event("answered");
    await hearEachOther(rig, "34", call.call);
  });

  it("is busy when the PAX's call still has the line then", async () => {
    const { call, from } = await glare("tie1");
    const seizedAt = performance.now();
    expect((await call.event("ended")).cause).toBe("busy");
    expect(performance.now() - seizedAt).toBeGreaterThan(1_900);
    // One retry, and none that touched the line.
    expect(statusesOf(rig, "tie1", from)).toEqual(["seizing", "seized"]);
  });
});
