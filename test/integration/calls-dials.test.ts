import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Dial, TopologyInput } from "../../src/sim/topology.ts";
import { GatewayRig } from "./support/gateway-rig.ts";
import { clearAll, eventOf, fastDials, paxCalls, quick, takeLine } from "./support/scenes.ts";

/** Every train of the tie lines is followed by a false extra impulse. */
const falseImpulses = (standard: TopologyInput): TopologyInput => ({
  ...standard,
  lines: (standard.lines ?? []).map((line) =>
    line.type === "tie-line" ? { ...line, falseImpulse: { probability: 1 } } : line,
  ),
});

const EXTS = ["21", "22", "23", "24"] as const;
const fromPax = [
  { dial: "4XXX", trunk: "event" },
  { dial: "02", service: "echo" },
  { dial: "03", service: "milliwatt" },
  { dial: "05", service: "clock" },
];

let rig: GatewayRig;
beforeAll(async () => {
  const config = {
    numberPlan: { fromPax, toPax: [] },
    pax: { overrides: { ...quick, firstDigitTimeoutMs: 4_000, nextDigitTimeoutMs: 2_500 } },
  } as object;
  rig = await GatewayRig.start({ tieLines: 4, trunks: 4, topology: falseImpulses, config });
});
afterAll(() => rig?.stop());
afterEach(() => clearAll(rig));

/**
 * Four telephones dial four numbers at once, each with its own dial. Nobody on the event has these numbers, so that the
 * network says which were called; every caller hears number unobtainable in the end.
 */
async function dialAll(dials: readonly (readonly [dial: Partial<Dial>, number: string])[]): Promise<string[]> {
  const called: string[] = [];
  const stop = eventOf(rig).onEvent((event) => {
    if (event.type === "refused") called.push(event.number);
    if (event.type === "incoming") called.push(event.phone);
  });
  // The exchange's own register is not what is tried here: the tie-line digit comes from a dial in good order.
  await fastDials(rig, ...EXTS);
  await Promise.all(
    dials.map(async ([dial, number], at) => {
      const ext = EXTS[at] ?? "";
      await takeLine(rig, ext);
      await rig.pax.setPhone(ext, { dial: { interDigitalPauseMs: 300, ...dial } });
      await rig.pax.dial(ext, number);
      await rig.pax.waitFor(ext, "unobtainable-tone", 15_000);
    }),
  );
  stop();
  return called.sort();
}

describe("a worn dial", () => {
  it("gives the right number from one end of the envelope to the other, false impulses and all", async () => {
    const before = (await rig.status()).lines;
    const called = await dialAll([
      [{ ips: 7, breakPercent: 55, bounceMs: 5, driftPercent: 5 }, "4719"],
      [{ ips: 7, breakPercent: 80, bounceMs: 5, driftPercent: -5 }, "4082"],
      [{ ips: 14, breakPercent: 55, bounceMs: 3, driftPercent: 5 }, "4063"],
      [{ ips: 14, breakPercent: 80, bounceMs: 3, driftPercent: -5 }, "4915"],
    ]);
    expect(called).toEqual(["4063", "4082", "4719", "4915"]);
    const { lines } = await rig.status();
    const since = lines.map(({ digits, digitErrors, falseBreaks }, at) => ({
      digits: digits - (before[at]?.digits ?? 0),
      digitErrors: digitErrors - (before[at]?.digitErrors ?? 0),
      falseBreaks: falseBreaks - (before[at]?.falseBreaks ?? 0),
    }));
    expect(since.map(({ digits, digitErrors }) => [digits, digitErrors])).toEqual(EXTS.map(() => [4, 0]));
    // They were there, and were seen for what they are.
    for (const { falseBreaks } of since) expect(falseBreaks).toBeGreaterThanOrEqual(3);
    expect(lines.every(({ warn }) => warn)).toBe(true);
  });

  it("gives number unobtainable and never a wrong number beyond the envelope", async () => {
    const before = (await rig.status()).lines;
    const called = await dialAll([
      [{ ips: 5, breakPercent: 66 }, "4719"],
      [{ ips: 18, breakPercent: 66, bounceMs: 0.5 }, "4719"],
      [{ ips: 10, breakPercent: 90, bounceMs: 5 }, "4719"],
      [{ ips: 10, breakPercent: 40, bounceMs: 5 }, "4719"],
    ]);
    expect(called.filter((number) => number !== "4719")).toEqual([]);
    const { lines } = await rig.status();
    // The lines hunt in any order; each has had one call, and either a number or an error in it.
    const misunderstood = lines.filter((line, at) => line.digitErrors > (before[at]?.digitErrors ?? 0));
    expect(misunderstood).toHaveLength(4 - called.length);
    expect(misunderstood.length).toBeGreaterThanOrEqual(3);
  });
});

describe("a caller who does not dial", () => {
  it("hears busy tone without a first digit, number unobtainable when the number stays incomplete", async () => {
    await fastDials(rig, ...EXTS);
    const from = rig.log.length;
    await Promise.all([
      takeLine(rig, "21").then(() => rig.pax.waitFor("21", "busy-tone", 15_000)),
      paxCalls(rig, "22", "41").then(() => rig.pax.waitFor("22", "unobtainable-tone", 15_000)),
    ]);
    const ended = rig.log.slice(from).filter((record) => record["msg"] === "call ended");
    expect(ended.map((record) => record["reason"]).sort()).toEqual(["no digit was dialled", "number incomplete: 41"]);
  });
});

describe("a service", () => {
  it("is reached from the PAX: echo, milliwatt, clock", async () => {
    await fastDials(rig, ...EXTS);
    const { pax } = rig;
    const reach = async (ext: string, number: string) => {
      await paxCalls(rig, ext, number);
      await pax.waitFor(ext, "answered", 15_000);
    };
    const heard = async (ext: string, ms: number, frequenciesHz: number[]) =>
      (await pax.hear(ext, { ms, frequenciesHz })).tones.map(({ levelDbm0 }) => levelDbm0);
    await Promise.all([
      (async () => {
        await reach("21", "02");
        await pax.play("21", { frequencyHz: 700 });
        await pax.hear("21", { ms: 500 });
        expect((await heard("21", 500, [700]))[0]).toBeGreaterThan(-16);
        await pax.play("21", null);
        await pax.hear("21", { ms: 500 });
        expect((await heard("21", 500, [700]))[0]).toBeLessThan(-45);
      })(),
      (async () => {
        await reach("22", "03");
        await pax.hear("22", { ms: 500 });
        const [level = -100] = await heard("22", 1_000, [1_004]);
        expect(Math.abs(level)).toBeLessThan(1.5);
      })(),
      (async () => {
        await reach("23", "05");
        // Three strokes of a tenth of a second in two seconds.
        const [stroke = -100] = await heard("23", 2_000, [1_000]);
        expect(stroke).toBeGreaterThan(-35);
      })(),
    ]);
    await rig.until(({ calls }) => calls.length === 3 && calls.every(({ phase }) => phase === "talking"));
  });
});
