import { describe, expect, it } from "vitest";
import { DIGITS, History, POINTS } from "./history.ts";

const MINUTE = 60_000;
const WALL = Date.UTC(2026, 6, 16, 12);

describe("the history", () => {
  it("has one point at the start, of which nothing is known", () => {
    const view = new History().view(10 * MINUTE, WALL);
    expect(view).toEqual({
      fromMs: WALL,
      stepMs: MINUTE,
      dropped: [null],
      calls: [null],
      cpuPercent: [null],
      temperatureC: [null],
      memoryAvailableMb: [null],
      digits: {},
    });
  });

  it("has the last figure of each minute, but the most calls of it; minutes without one are not known", () => {
    const history = new History();
    history.sample(0, { cpuPercent: 10, calls: 1, temperatureC: null });
    history.sample(10_000, { calls: 3 });
    history.sample(20_000, { cpuPercent: 12.345, calls: 2 });
    history.sample(2 * MINUTE, { dropped: 7 });
    const view = history.view(3 * MINUTE + 1, WALL + 1);
    expect(view.fromMs).toBe(WALL - 3 * MINUTE);
    expect(view.cpuPercent).toEqual([12.3, null, null, null]);
    expect(view.calls).toEqual([3, null, null, null]);
    expect(view.temperatureC).toEqual([null, null, null, null]);
    expect(view.dropped).toEqual([null, null, 7, null]);
  });

  it("holds 24 hours: after three days it has the last of them", () => {
    const history = new History();
    for (let minute = 0; minute < 3 * POINTS; minute++) history.sample(minute * MINUTE, { dropped: minute });
    const view = history.view((3 * POINTS - 1) * MINUTE, WALL);
    expect(view.dropped).toHaveLength(POINTS);
    expect(view.dropped[0]).toBe(2 * POINTS);
    expect(view.dropped.at(-1)).toBe(3 * POINTS - 1);
    expect(view.fromMs).toBe(WALL - (POINTS - 1) * MINUTE);
  });

  it("has no old figures after a pause longer than 24 hours", () => {
    const history = new History();
    for (let minute = 0; minute < POINTS; minute++) history.sample(minute * MINUTE, { dropped: 1 });
    const view = history.view(5 * POINTS * MINUTE, WALL);
    expect(view.dropped).toHaveLength(POINTS);
    expect(view.dropped.every((point) => point === null)).toBe(true);
  });

  it("has the last 100 digits of each line, of 64 lines at most", () => {
    const history = new History();
    for (let at = 0; at < 250; at++) history.digit("tie-1", { atMs: WALL + at, ips: 10.04, breakPercent: null });
    history.digit("tie-2", { atMs: WALL, ips: null, breakPercent: 66.6 });
    for (let line = 0; line < 200; line++) history.digit(`more-${line}`, { atMs: WALL, ips: 10, breakPercent: 60 });
    const { digits } = history.view(0, WALL);
    expect(digits["tie-1"]).toHaveLength(DIGITS);
    expect(digits["tie-1"]?.[0]).toEqual({ atMs: WALL + 150, ips: 10, breakPercent: null });
    expect(digits["tie-1"]?.at(-1)?.atMs).toBe(WALL + 249);
    expect(digits["tie-2"]).toEqual([{ atMs: WALL, ips: null, breakPercent: 66.6 }]);
    expect(Object.keys(digits)).toHaveLength(64);
  });
});
