import { describe, expect, it } from "vitest";
import { DayCounts } from "./day-counts.ts";

function rig(first: string | null = "2026-07-16") {
  const at = { day: first };
  let changes = 0;
  const counts = new DayCounts(
    () => at.day,
    () => {
      changes += 1;
    },
  );
  return { at, counts, changes: () => changes };
}

describe("counts of the day", () => {
  it("count from zero, for today and for ever", () => {
    const { counts, changes } = rig();
    counts.count("a");
    counts.count("a");
    expect([counts.today("a"), counts.ever("a"), counts.today("b"), counts.ever("b")]).toEqual([2, 2, 0, 0]);
    expect(changes()).toBe(2);
  });

  it("begin anew at midnight; those for ever go on", () => {
    const { at, counts } = rig();
    counts.count("a");
    at.day = "2026-07-17";
    expect([counts.today("a"), counts.ever("a")]).toEqual([0, 1]);
    counts.count("a");
    expect([counts.today("a"), counts.ever("a")]).toEqual([1, 2]);
  });

  it("are there again after the clock jumped to another day and back", () => {
    const { at, counts } = rig();
    counts.count("a");
    at.day = "2038-01-19";
    counts.count("a");
    at.day = "2026-07-15";
    counts.count("a");
    at.day = "2026-07-16";
    expect(counts.today("a")).toBe(1);
    counts.count("a");
    expect([counts.today("a"), counts.ever("a")]).toEqual([2, 4]);
  });

  it("remember three days at most", () => {
    const { at, counts } = rig();
    for (let day = 10; day < 30; day++) {
      at.day = `2026-07-${day}`;
      counts.count("a");
    }
    expect(counts.kept().days.map(({ day }) => day)).toEqual(["2026-07-27", "2026-07-28", "2026-07-29"]);
  });

  it("go on with the last day while the clock is not set, and belong to the day on which it is", () => {
    const { at, counts } = rig("2026-07-15");
    counts.count("a");
    at.day = null;
    counts.count("a");
    expect(counts.today("a")).toBe(2);
    at.day = "2026-07-16";
    expect(counts.today("a")).toBe(1);
    at.day = "2026-07-15";
    expect(counts.today("a")).toBe(1);
  });

  it("come back after a restart, with what was counted meanwhile", () => {
    const before = rig();
    before.counts.count("a");
    before.counts.count("b");
    const after = rig();
    after.counts.count("a");
    expect(after.counts.restore(JSON.parse(JSON.stringify(before.counts.kept())))).toBe(true);
    expect([after.counts.today("a"), after.counts.ever("a"), after.counts.today("b")]).toEqual([2, 2, 1]);
  });

  it.each([
    null,
    1,
    "x",
    [],
    {},
    { version: 2, days: [], ever: {} },
    { version: 1, days: {}, ever: {} },
    { version: 1, days: [], ever: { a: -1 } },
    { version: 1, days: [], ever: { a: 0.5 } },
    { version: 1, days: [], ever: { a: "1" } },
    { version: 1, days: [null], ever: {} },
    { version: 1, days: [{ day: 1, counts: {} }], ever: {} },
    { version: 1, days: [{ day: "2026-07-16", counts: { a: Number.MAX_VALUE } }], ever: {} },
    { version: 1, days: [], ever: Object.fromEntries(Array.from({ length: 513 }, (_, at) => [at, 1])) },
  ])("take nothing from what is damaged: %j", (data) => {
    const { counts } = rig();
    counts.count("a");
    expect(counts.restore(data)).toBe(false);
    expect([counts.today("a"), counts.ever("a")]).toEqual([1, 1]);
  });

  it("have a bounded number of names, and no name is special", () => {
    const { counts } = rig();
    for (const name of ["__proto__", "constructor", "toString"]) counts.count(name);
    for (let at = 0; at < 2_000; at++) counts.count(`name ${at}`);
    expect(counts.today("__proto__")).toBe(1);
    expect(Object.keys(counts.kept().ever)).toHaveLength(512);
    expect(rig().counts.restore(JSON.parse(JSON.stringify(counts.kept())))).toBe(true);
  });
});
