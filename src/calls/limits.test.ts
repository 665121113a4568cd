import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { configSchema } from "../config/schema.ts";
import { admitCall, type CallSource, LIMIT_WINDOW_MS, type LimitState, longestCallMs, noCalls } from "./limits.ts";

const limits = configSchema.shape.limits.parse({
  callsPerHourPerLine: 3,
  callsPerHourPerAccount: 2,
  callsPerHourPerTrunk: 5,
  callMinutes: 5,
});
const through = (caller: string): CallSource => ({ kind: "trunk", name: "tie-1", caller });
const line: CallSource = { kind: "line", name: "tie-1" };

function attempts(times: readonly number[], source = line, emergency = false) {
  let state: LimitState = noCalls;
  const admitted = times.map((atMs) => {
    const outcome = admitCall(state, { source, emergency, atMs }, limits);
    state = outcome.state;
    return outcome.verdict.admitted;
  });
  return { state, admitted };
}

describe("calls per hour", () => {
  it("are counted over the last hour, not by the clock's hour", () => {
    const H = LIMIT_WINDOW_MS;
    expect(attempts([0, 1, 2, 3, H - 1, H, H + 0.5, H + 1]).admitted).toEqual([
      true,
      true,
      true,
      false,
      false,
      true,
      false,
      true,
    ]);
  });

  it("say when the next call will be admitted, and it is", () => {
    const { state } = attempts([10, 20, 30]);
    const { verdict } = admitCall(state, { source: line, emergency: false, atMs: 40 }, limits);
    expect(verdict).toEqual({
      admitted: false,
      reason: "calls-per-hour",
      of: "line",
      limit: 3,
      retryAtMs: 10 + LIMIT_WINDOW_MS,
    });
    const again = admitCall(state, { source: line, emergency: false, atMs: 10 + LIMIT_WINDOW_MS }, limits);
    expect(again.verdict.admitted).toBe(true);
  });

  it("count a line, an account and a caller through a trunk of the same name apart, with the limit of each kind", () => {
    const { state } = attempts([0, 1, 2]);
    const trunk = through("4123");
    expect(admitCall(state, { source: trunk, emergency: false, atMs: 3 }, limits).verdict.admitted).toBe(true);
    expect(attempts([0, 1, 2], trunk).admitted).toEqual([true, true, false]);
  });

  it("count each caller of a trunk by himself, those without a number as one, and all of them together", () => {
    let state: LimitState = noCalls;
    const call = (caller: string, atMs: number) => {
      const outcome = admitCall(state, { source: through(caller), emergency: false, atMs }, limits);
      state = outcome.state;
      return outcome.verdict.admitted ? "admitted" : outcome.verdict.of;
    };
    expect(["4123", "4123", "4123"].map(call)).toEqual(["admitted", "admitted", "caller"]);
    expect(["", "", ""].map(call)).toEqual(["admitted", "admitted", "caller"]);
    expect(["4124", "4124", "4125"].map(call)).toEqual(["admitted", "trunk", "trunk"]);
  });

  it("remember no more calls than the trunk's limit, however many callers are made up", () => {
    let state: LimitState = noCalls;
    for (let at = 0; at < 2_000; at++) {
      state = admitCall(state, { source: through(`${at}`), emergency: false, atMs: at }, limits).state;
    }
    expect([...state.values()].flat()).toHaveLength(5);
  });

  it("obey a limit that was lowered in the meantime", () => {
    const { state } = attempts([10, 20, 30]);
    const { verdict } = admitCall(
      state,
      { source: line, emergency: false, atMs: 40 },
      { ...limits, callsPerHourPerLine: 1 },
    );
    expect(verdict).toMatchObject({ admitted: false, retryAtMs: 30 + LIMIT_WINDOW_MS });
  });

  it("never block an emergency's number, which uses up nothing", () => {
    const { state } = attempts([0, 1, 2]);
    const outcome = admitCall(state, { source: line, emergency: true, atMs: 3 }, limits);
    expect(outcome.verdict).toEqual({ admitted: true });
    expect(attempts([0, 1, 2, 3, 4], line, true).state.size).toBe(0);
  });

  it("never admit more than the limit in any hour, and never hold more than the limit", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4 * LIMIT_WINDOW_MS }), { maxLength: 60 }), (unsorted) => {
        const times = unsorted.sort((a, b) => a - b);
        const { state, admitted } = attempts(times);
        const begun = times.filter((_, at) => admitted[at]);
        for (const from of begun) {
          expect(begun.filter((time) => time >= from && time < from + LIMIT_WINDOW_MS).length).toBeLessThanOrEqual(3);
        }
        expect(state.get("line:tie-1")?.length ?? 0).toBeLessThanOrEqual(3);
      }),
    );
  });

  it("forget a source that has not called for an hour", () => {
    const { state } = attempts([0]);
    const other: CallSource = { kind: "account", name: "desk" };
    const later = admitCall(state, { source: other, emergency: false, atMs: LIMIT_WINDOW_MS }, limits);
    expect([...later.state.keys()]).toEqual(["account:desk"]);
  });
});

describe("the longest call", () => {
  it("is the configured time, and has no end for an emergency's number", () => {
    expect(longestCallMs(limits, false)).toBe(300_000);
    expect(longestCallMs(limits, true)).toBeNull();
  });
});
