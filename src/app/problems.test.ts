import { describe, expect, it } from "vitest";
import { LONGEST_GAP_MS, ProblemRecord, problemText, SETTLE_MS, SHORTEST_GAP_MS } from "./problems.ts";

const well = { configFault: null, runsOn: "file", fault: null, lines: [] } as const;

describe("what is written on the card", () => {
  it("is nothing when all is well", () => {
    expect(problemText(well)).toBeNull();
  });

  it("has the fault with its place and remedy, what the gateway runs on, and each line once", () => {
    const configFault = 'paxgate.yaml:7:3: lines[0].nmae: unknown key; did you mean "name"?\n\n1 fault in paxgate.yaml';
    const text = problemText({
      configFault,
      runsOn: "last-good",
      fault: configFault,
      lines: [{ name: "tie-1", why: "there is no GPIO line\nnamed line-1-loop" }],
    });
    expect(text).toContain('  paxgate.yaml:7:3: lines[0].nmae: unknown key; did you mean "name"?');
    expect(text).toContain("last configuration that could be used");
    expect(text).toContain("  tie-1: there is no GPIO line named line-1-loop\n");
    expect(text).not.toContain("Calls cannot be made");
  });
});

/** Times of the writes while the state changes as `at` says, looked at every second. */
function writes(record: ProblemRecord, at: (second: number) => string | null, seconds: number): number[] {
  return Array.from({ length: seconds }, (_, second) => second).filter((s) => record.look(at(s), s * 1_000));
}

describe("the card", () => {
  it("is written once for a problem that stays, and once when it goes", () => {
    const record = new ProblemRecord(null);
    const until = 7_200;
    const times = writes(record, (second) => (second < until ? "broken" : null), 2 * until);
    expect(times).toEqual([SETTLE_MS / 1_000, until + SETTLE_MS / 1_000]);
  });

  it("is left alone when it says the same already, and by what comes and goes at once", () => {
    expect(writes(new ProblemRecord("broken"), () => "broken", 600)).toEqual([]);
    const flicker = (second: number) => (second % 10 < 5 ? "broken" : null);
    expect(writes(new ProblemRecord(null), flicker, 600)).toEqual([]);
  });

  it("is written ever more rarely while a problem comes and goes slowly", () => {
    const day = 86_400;
    const slow = (second: number) => (second % 100 < 50 ? "broken" : null);
    const times = writes(new ProblemRecord(null), slow, day);
    expect(times.length).toBeLessThan(6 + day / (LONGEST_GAP_MS / 1_000));
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(SHORTEST_GAP_MS / 1_000);
  });

  it("has at once what is known for certain", () => {
    const record = new ProblemRecord(null);
    expect(record.look("bad file", 0, true)).toBe(true);
    expect(record.look("bad file", 1_000, true)).toBe(false);
  });

  it("is tried again when it could not be written, and not at once", () => {
    const record = new ProblemRecord(null);
    expect(record.look("broken", 0, true)).toBe(true);
    record.failed();
    const times = writes(record, () => "broken", 600);
    expect(times).toHaveLength(1);
    expect(times[0]).toBeGreaterThanOrEqual(SHORTEST_GAP_MS / 1_000);
  });

  it("loses a text that could not be taken away, too, once that is possible", () => {
    const record = new ProblemRecord("broken");
    expect(writes(record, () => null, SETTLE_MS / 1_000 + 1)).toHaveLength(1);
    record.failed();
    expect(record.look(null, 7_200_000)).toBe(true);
  });
});
