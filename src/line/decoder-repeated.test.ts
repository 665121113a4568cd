import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DecoderOutput, decoderStep, newDecoder } from "./decoder.ts";
import { pax50 } from "./profiles.ts";
import {
  ENVELOPE,
  generateTrain,
  generateTrains,
  type Random,
  randomTrainSpec,
  seededRandom,
  type TrainEdge,
  ukPulses,
} from "./train-generator.ts";

/** Edges that repeat a level: bounce that is quicker than the interrupts, and edges that the kernel lost. */

function decode(edges: readonly TrainEdge[]): DecoderOutput[] {
  const state = newDecoder(pax50, true, 0);
  const out = edges.flatMap(({ closed, atMs }) => decoderStep(state, { type: "edge", closed, atMs }));
  return [...out, ...decoderStep(state, { type: "time", atMs: (edges.at(-1)?.atMs ?? 0) + 1_000 })];
}

const results = (out: readonly DecoderOutput[]): (number | string)[] =>
  out.flatMap((o): (number | string)[] => (o.type === "digit" ? [o.digit] : o.type === "error" ? [o.reason] : []));

/**
 * What gpiolib reports of a contact: an interrupt stamps the edge, its thread reads the level up to `latencyMs` later, and
 * edges that come before the thread has run become one event with the last one's stamp.
 */
function throughKernel(edges: readonly TrainEdge[], latencyMs: number, random: Random): TrainEdge[] {
  const events: TrainEdge[] = [];
  for (let at = 0; at < edges.length; ) {
    const first = edges[at]?.atMs ?? 0;
    const readAt = first + random() * latencyMs;
    let last = edges[at];
    for (at++; (edges[at]?.atMs ?? Number.POSITIVE_INFINITY) <= readAt; at++) last = edges[at];
    if (last !== undefined) events.push(last);
  }
  // A thread that is slow the other way: the level it reads is that after an edge which gets an event of its own.
  return events.map((event, index) => {
    const next = events[index + 1];
    const late = next !== undefined && next.atMs - event.atMs < latencyMs * random();
    return late ? { closed: next.closed, atMs: event.atMs } : event;
  });
}

/** Pairs of edges inside a transition's bounce become one event: the level after them, which is the level before them. */
function mergePairs(edges: readonly TrainEdge[], random: Random): TrainEdge[] {
  const out: TrainEdge[] = [];
  for (let at = 0; at < edges.length; at++) {
    const [edge, next] = [edges[at], edges[at + 1]];
    if (edge === undefined) break;
    const before = out.at(-1);
    const inside = before !== undefined && next !== undefined && next.atMs - before.atMs < ENVELOPE.maxBounceMs;
    if (inside && random() < 0.6) {
      out.push({ closed: next.closed, atMs: edge.atMs });
      at++;
    } else out.push(edge);
  }
  return out;
}

const repeats = (edges: readonly TrainEdge[]) =>
  edges.filter((edge, at) => edge.closed === (edges[at - 1]?.closed ?? true)).length;

const seed = fc.integer({ min: 0, max: 2 ** 31 });
const digitsArb = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 4 });

describe("edges that repeat the level", () => {
  it.each([
    ["merged in pairs", mergePairs],
    [
      "read by a kernel that is slower than the bounce",
      (edges: TrainEdge[], r: Random) => throughKernel(edges, 0.5, r),
    ],
  ])("within the bounce leave every digit as it is: %s", (_, merge) => {
    let seen = 0;
    fc.assert(
      fc.property(digitsArb, seed, (digits, from) => {
        const random = seededRandom(from);
        const specs = digits.map((digit) => randomTrainSpec(ukPulses(digit), random));
        const edges = merge(generateTrains(specs, 100, 300, random), random);
        seen += repeats(edges);
        expect(results(decode(edges))).toEqual(digits);
      }),
      { numRuns: 2_000 },
    );
    expect(seen).toBeGreaterThan(1_000);
  });

  it("are an error where a whole transition was lost, the first or any other, merged bounce or not", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.nat(), seed, (pulses, which, from) => {
        const random = seededRandom(from);
        const spec = { ...randomTrainSpec(pulses, random), bounceMs: ENVELOPE.maxBounceMs };
        const edges = generateTrain(spec, 100, random);
        // Transitions are more than the bounce apart. All but the last: without that the line is open, which is a clear.
        const starts = edges.filter((edge, at) => edge.atMs - (edges[at - 1]?.atMs ?? 0) > ENVELOPE.maxBounceMs);
        const victim = starts[which % (2 * pulses - 1)]?.atMs ?? expect.fail("no transition");
        const left = edges.filter(({ atMs }) => atMs < victim || atMs > victim + ENVELOPE.maxBounceMs);
        const got = results(decode(mergePairs(left, random)));
        expect(got.length).toBeGreaterThan(0);
        expect(got.filter((result) => typeof result === "number")).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  it("begin a break when the level was read after its first bounce", () => {
    const edges = [
      { closed: true, atMs: 100 },
      { closed: false, atMs: 100.4 },
      { closed: true, atMs: 167 },
    ];
    expect(results(decode(edges))).toEqual([1]);
  });

  it("are an error when they stand alone, once, even where no other impulse came of the train", () => {
    expect(results(decode([{ closed: true, atMs: 1_000 }]))).toEqual(["damaged-train"]);
  });

  it("mean nothing on a line that is not held, and before the decoder began", () => {
    const idle = newDecoder(pax50, false, 0);
    decoderStep(idle, { type: "edge", closed: false, atMs: 100 });
    expect(decoderStep(idle, { type: "time", atMs: 2_000 })).toEqual([]);
    const held = newDecoder(pax50, true, 500);
    decoderStep(held, { type: "edge", closed: true, atMs: 499 });
    expect(decoderStep(held, { type: "time", atMs: 2_000 })).toEqual([]);
  });
});
