import { describe, expect, it } from "vitest";
import { seededRandom } from "../../line/train-generator.ts";
import { benchDecoder } from "./decoder-bench.ts";
import { dialTrains, wakeAfter } from "./dialled-trains.ts";

describe("the decoder's bench", () => {
  const findings = new Map(benchDecoder(4_000, 7).map((finding) => [finding.name, finding.values[0] ?? Number.NaN]));

  it("finds no wrong digit in the gateway's decoder, and none that an orderly dial sent refused", () => {
    expect(findings.get("decoder: wrong or lost of 4,000")).toBe(0);
    expect(findings.get("decoder: refused as damaged")).toBe(0);
  });

  it("tells right digits from wrong ones: the naive decoder errs where it must, and only there", () => {
    expect(findings.get("decoder: errors of the naive one")).toBe(0);
    expect(findings.get("decoder: errors of the naive one, false impulses")).toBeGreaterThan(100);
    expect(findings.get("decoder: errors of the naive one, stalls")).toBeGreaterThan(20);
  });
});

describe("a process that stands still", () => {
  it("does at the end of a stall what came due in it", () => {
    const wake = wakeAfter(Float64Array.from([10, 20, 30, 45]));
    expect([5, 10, 19, 20, 29, 31, 44, 50].map(wake)).toEqual([5, 20, 20, 20, 29, 45, 45, 50]);
  });

  it("reads every edge in order, and none before it came", () => {
    const { edgesMs, readableMs } = dialTrains(200, { falseImpulses: true, stalls: true }, seededRandom(3));
    expect(edgesMs.length).toBeGreaterThan(1_000);
    expect(edgesMs.every((at, i) => at <= (readableMs[i] as number))).toBe(true);
    expect(readableMs.every((at, i) => i === 0 || (readableMs[i - 1] as number) <= at)).toBe(true);
  });
});
