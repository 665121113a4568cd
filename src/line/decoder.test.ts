import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DecoderOutput, type DecoderState, decoderStep, digitOf, newDecoder, nextDeadline } from "./decoder.ts";
import { pax50 } from "./profiles.ts";
import {
  generateTrain,
  generateTrains,
  randomTrainSpec,
  seededRandom,
  type TrainEdge,
  type TrainSpec,
  ukPulses,
} from "./train-generator.ts";

const nominal: TrainSpec = { pulses: 1, ips: 10, breakPercent: 67 };

/** A decoder of a line that is held, fed with every edge in time, and then with silence. */
function decode(edges: readonly TrainEdge[], quietMs = 1_000, state = newDecoder(pax50, true, 0)): DecoderOutput[] {
  const out: DecoderOutput[] = [];
  let last = 0;
  for (const { closed, atMs } of edges) {
    out.push(...decoderStep(state, { type: "edge", closed, atMs }));
    last = atMs;
  }
  out.push(...decoderStep(state, { type: "time", atMs: last + quietMs }));
  return out;
}

/** As a service would feed it: `time` at every deadline that passes before the next edge. */
function decodePromptly(
  edges: readonly TrainEdge[],
  state: DecoderState = newDecoder(pax50, true, 0),
): DecoderOutput[] {
  const out: DecoderOutput[] = [];
  const until = (atMs: number) => {
    for (let due = nextDeadline(state); due <= atMs; due = nextDeadline(state)) {
      out.push(...decoderStep(state, { type: "time", atMs: due }));
    }
  };
  for (const { closed, atMs } of edges) {
    until(atMs);
    out.push(...decoderStep(state, { type: "edge", closed, atMs }));
  }
  until((edges.at(-1)?.atMs ?? 0) + 5_000);
  return out;
}

const results = (out: readonly DecoderOutput[]): (number | string)[] =>
  out.flatMap((o): (number | string)[] => (o.type === "digit" ? [o.digit] : o.type === "error" ? [o.reason] : []));

/** A damaged train is understood rightly, gives nothing, or is reported: it never ends in digits that were not dialled. */
function expectNoWrongNumber(edges: readonly TrainEdge[], pulses: number): void {
  const got = results(decodePromptly(edges));
  if (got.every((result) => typeof result === "number") && got.length > 0) expect(got).toEqual([pulses % 10]);
}

const seed = fc.integer({ min: 0, max: 2 ** 31 });
const digitsArb = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 6 });

describe("impulse decoder over the whole envelope", () => {
  it("decodes every number, promptly fed or all at once, with false impulses or without", () => {
    fc.assert(
      fc.property(digitsArb, seed, fc.boolean(), fc.integer({ min: 245, max: 900 }), (digits, from, late, pause) => {
        const random = seededRandom(from);
        const specs = digits.map((digit) => randomTrainSpec(ukPulses(digit), random, random() < 0.5));
        const edges = generateTrains(specs, 100, pause, random);
        expect(results(late ? decode(edges) : decodePromptly(edges))).toEqual(digits);
      }),
      { numRuns: 4_000 },
    );
  });

  it("decides the same whether edges are delivered promptly or late", () => {
    fc.assert(
      fc.property(digitsArb, seed, (digits, from) => {
        const random = seededRandom(from);
        const specs = digits.map((digit) => randomTrainSpec(ukPulses(digit), random, true));
        const edges = generateTrains(specs, 100, 300, random);
        expect(decode(edges, 5_000)).toEqual(decodePromptly(edges));
      }),
      { numRuns: 500 },
    );
  });

  it("never makes a wrong digit of a false impulse that comes at any time after the train", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), seed, (pulses, from) => {
        const random = seededRandom(from);
        const falseImpulse = { afterMs: 8 + random() * 600, lengthMs: 6 + random() * 23 };
        const edges = generateTrain({ ...randomTrainSpec(pulses, random), falseImpulse }, 100, random);
        expectNoWrongNumber(edges, pulses);
      }),
      { numRuns: 3_000 },
    );
  });

  it("never makes a wrong digit of a train in which one pulse is lost, run together or cut short within", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 10 }), fc.integer({ min: 0, max: 2 }), seed, (pulses, how, from) => {
        const random = seededRandom(from);
        const spec = { ...randomTrainSpec(pulses, random), bounceMs: 0 };
        const edges = generateTrain(spec, 100, random);
        const victim = 1 + Math.floor(random() * (pulses - 2));
        if (how === 0) edges.splice(2 * victim, 2); // break filled in
        if (how === 1) edges.splice(2 * victim + 1, 2); // make lost
        const opened = edges[2 * victim]?.atMs ?? 0;
        const closed = edges[2 * victim + 1]?.atMs ?? 0;
        if (how === 2) edges[2 * victim] = { closed: false, atMs: opened + (0.5 + 0.5 * random()) * (closed - opened) };
        expectNoWrongNumber(edges, pulses);
      }),
      { numRuns: 3_000 },
    );
  });

  it("does not count less when the last or first pulse is cut short", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 10 }), fc.boolean(), fc.boolean(), seed, (pulses, last, front, from) => {
        const random = seededRandom(from);
        const edges = generateTrain({ ...randomTrainSpec(pulses, random), bounceMs: 0 }, 100, random);
        const i = last ? 2 * (pulses - 1) : 0;
        const opened = edges[i]?.atMs ?? 0;
        const closed = edges[i + 1]?.atMs ?? 0;
        const keep = Math.max(8, (closed - opened) * random());
        if (front) edges[i] = { closed: false, atMs: closed - keep };
        else edges[i + 1] = { closed: true, atMs: opened + keep };
        expectNoWrongNumber(edges, pulses);
      }),
      { numRuns: 3_000 },
    );
  });

  it("survives any edges at all", () => {
    const edge = fc.record({ closed: fc.boolean(), atMs: fc.double({ min: 0, max: 3_000, noNaN: true }) });
    fc.assert(
      fc.property(fc.array(edge, { maxLength: 60 }), (edges) => {
        const state = newDecoder(pax50, true, 0);
        for (const { closed, atMs } of edges) decoderStep(state, { type: "edge", closed, atMs });
        decoderStep(state, { type: "time", atMs: 10_000 });
        expect(nextDeadline(state)).toBe(state.level && !state.held ? expect.anything() : Number.POSITIVE_INFINITY);
      }),
      { numRuns: 500 },
    );
  });
});

describe("impulse decoder", () => {
  it("still gives 6 after a 400 ms process stall inside a digit 6", () => {
    const edges = generateTrain({ ...nominal, pulses: 6 }, 100, seededRandom(1));
    const state = newDecoder(pax50, true, 0);
    const out: DecoderOutput[] = [];
    // The stall begins after the third pulse; when it ends at 800 ms the queued edges are drained before the timer.
    const before = edges.filter((edge) => edge.atMs < 400);
    for (const { closed, atMs } of before) out.push(...decoderStep(state, { type: "edge", closed, atMs }));
    const overdue = nextDeadline(state);
    expect(overdue).toBeLessThan(800);
    for (const { closed, atMs } of edges.slice(before.length)) {
      out.push(...decoderStep(state, { type: "edge", closed, atMs }));
    }
    out.push(...decoderStep(state, { type: "time", atMs: overdue }));
    out.push(...decoderStep(state, { type: "time", atMs: 900 }));
    expect(results(out)).toEqual([6]);
  });

  it("reports late edges when a timer was honoured before them, and swallows the rest of the train", () => {
    const edges = generateTrain({ ...nominal, pulses: 6 }, 100, seededRandom(1));
    const state = newDecoder(pax50, true, 0);
    const out: DecoderOutput[] = [];
    for (const { closed, atMs } of edges.slice(0, 6)) out.push(...decoderStep(state, { type: "edge", closed, atMs }));
    out.push(...decoderStep(state, { type: "time", atMs: 900 }));
    for (const { closed, atMs } of edges.slice(6)) out.push(...decoderStep(state, { type: "edge", closed, atMs }));
    out.push(...decoderStep(state, { type: "time", atMs: 2_000 }));
    expect(results(out)).toEqual([3, "late-edges"]);
    const next = generateTrain({ ...nominal, pulses: 4 }, 3_000, seededRandom(2));
    expect(results(decode(next, 1_000, state))).toEqual([4]);
  });

  it("ends every train that it has announced, and announces one again that goes on after a hit", () => {
    const hit = [
      { closed: false, atMs: 1_000 },
      { closed: true, atMs: 1_020 },
    ];
    const five = generateTrain({ ...nominal, pulses: 5 }, 1_170, seededRandom(1));
    expect(decode([...hit, ...five]).map((o) => o.type)).toEqual([
      "first-break",
      "false-break",
      "first-break",
      "digit",
    ]);

    const state = newDecoder(pax50, true, 0);
    decode(generateTrain({ ...nominal, pulses: 2 }, 100, seededRandom(1)), 220, state);
    expect(decoderStep(state, { type: "edge", closed: true, atMs: 400 }).map((o) => o.type)).toEqual(["error"]);
    const more = decode(generateTrain({ ...nominal, pulses: 3 }, 600, seededRandom(1)), 1_000, state);
    expect(more.map((o) => o.type)).toEqual(["first-break", "swallowed"]);
  });

  it("ends what it has announced whatever comes in, in any order, late or not", () => {
    const edge = fc.record({
      closed: fc.boolean(),
      afterMs: fc.integer({ min: -300, max: 320 }),
      prompt: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(edge, { maxLength: 40 }), (edges) => {
        const state = newDecoder(pax50, true, 0);
        const out: DecoderOutput[] = [];
        let now = 1_000;
        for (const { closed, afterMs, prompt } of edges) {
          if (prompt) out.push(...decoderStep(state, { type: "time", atMs: now + Math.max(0, afterMs) }));
          out.push(...decoderStep(state, { type: "edge", closed, atMs: now + afterMs }));
          now += Math.max(0, afterMs);
        }
        out.push(...decoderStep(state, { type: "time", atMs: now + 5_000 }));
        expect(out.at(-1)?.type).not.toBe("first-break");
        for (const [index, { type }] of out.entries()) {
          if (type === "first-break") expect(out[index + 1]?.type).not.toBe("first-break");
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([8, 15, 22, 30, 35])(
    "understands the fastest dial with the shortest breaks at a breakMinMs of %d",
    (breakMinMs) => {
      const edges = generateTrain({ pulses: 5, ips: 14, breakPercent: 55, bounceMs: 0 }, 100, seededRandom(1));
      expect(results(decode(edges, 1_000, newDecoder({ ...pax50, breakMinMs }, true, 0)))).toEqual([5]);
    },
  );

  it("takes a closed loop of 20 ms for a seizure and less for a hit", () => {
    const hit = [
      { closed: true, atMs: 100 },
      { closed: false, atMs: 118 },
    ];
    expect(decode(hit, 1_000, newDecoder(pax50))).toEqual([]);
    expect(decode([{ closed: true, atMs: 200 }], 20, newDecoder(pax50))).toEqual([{ type: "seize", atMs: 200 }]);
  });

  it("takes an open loop of 300 ms for a clear, from any train, and starts afresh", () => {
    const opened = [...generateTrain({ ...nominal, pulses: 2 }, 100, seededRandom(1)), { closed: false, atMs: 400 }];
    const state = newDecoder(pax50, true, 0);
    expect(decode(opened, 300, state).map((o) => o.type)).toEqual(["first-break", "clear"]);
    expect(decode([{ closed: true, atMs: 900 }], 100, state)).toEqual([{ type: "seize", atMs: 900 }]);
    expect(results(decode(generateTrain({ ...nominal, pulses: 3 }, 1_100, seededRandom(1)), 999, state))).toEqual([3]);
  });

  it("reports a flash, which dials nothing", () => {
    const flash = [
      { closed: false, atMs: 100 },
      { closed: true, atMs: 300 },
    ];
    expect(decode(flash).map((o) => o.type)).toEqual(["first-break", "flash"]);
  });

  it("refuses a train with a flash in it", () => {
    const edges = generateTrain({ ...nominal, pulses: 3 }, 500, seededRandom(1));
    const flash = [
      { closed: false, atMs: 300 },
      { closed: true, atMs: 460 },
    ];
    expect(results(decode([...flash, ...edges]))).toEqual(["flash-in-train"]);
  });

  it("refuses eleven and more pulses, once", () => {
    for (const pulses of [11, 12, 20]) {
      expect(results(decode(generateTrain({ ...nominal, pulses }, 100, seededRandom(1))))).toEqual(["too-many-pulses"]);
    }
  });

  it("refuses a train in which the kernel lost an edge", () => {
    const edges = generateTrain({ ...nominal, pulses: 5 }, 100, seededRandom(1));
    edges.splice(4, 1);
    expect(results(decode(edges))).toEqual(["damaged-train"]);
  });

  it("measures speed and ratio of the dial despite bounce", () => {
    const edges = generateTrain({ pulses: 8, ips: 9.3, breakPercent: 62, bounceMs: 5 }, 100, seededRandom(7));
    const digit = decode(edges).find((o) => o.type === "digit");
    expect(digit?.health.ips).toBeCloseTo(9.3, 1);
    expect(digit?.health.breakPercent).toBeCloseTo(62, 0);
  });

  it("maps pulses to digits as the exchange's country does", () => {
    const pulses = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    expect(pulses.map((n) => digitOf(n, "uk"))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
    expect(pulses.map((n) => digitOf(n, "sweden"))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(pulses.map((n) => digitOf(n, "new-zealand"))).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  });

  it("needs no timer while a line is idle or in talk", () => {
    expect(nextDeadline(newDecoder(pax50))).toBe(Number.POSITIVE_INFINITY);
    expect(nextDeadline(newDecoder(pax50, true))).toBe(Number.POSITIVE_INFINITY);
  });
});
