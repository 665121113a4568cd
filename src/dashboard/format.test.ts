import { describe, expect, it } from "vitest";
import { clock, count, fixed, megabytes, span, stopwatch, when } from "./format.ts";

const at = (hours: number, minutes: number, seconds = 0, day = 14) =>
  new Date(2026, 5, day, hours, minutes, seconds).getTime();

describe("times", () => {
  it("have 24 hours, and a date on other days", () => {
    expect(clock(at(18, 2, 7))).toBe("18:02:07");
    expect(when(at(9, 5), at(23, 59))).toBe("09:05");
    expect(when(at(9, 5), at(0, 1, 0, 15))).toBe("2026-06-14 09:05");
  });

  it.each([
    [0, "0:00"],
    [-5_000, "0:00"],
    [42_900, "0:42"],
    [727_000, "12:07"],
    [3_753_000, "1:02:33"],
  ])("of a call of %i ms: %s", (ms, words) => expect(stopwatch(ms)).toBe(words));

  it.each([
    [-1, "0 s"],
    [42_000, "42 s"],
    [12 * 60_000, "12 min"],
    [185 * 60_000, "3 h 05 min"],
    [98 * 3_600_000, "4 d 2 h"],
  ])("span of %i ms: %s", (ms, words) => expect(span(ms)).toBe(words));
});

describe("figures", () => {
  it("are grouped by thousands", () => {
    expect(count(999)).toBe("999");
    expect(count(1_234_567.4)).toBe("1\u202f234\u202f567");
  });

  it("have a dash for what is not known", () => {
    expect(fixed(null, 1)).toBe("–");
    expect(fixed(10.16, 1)).toBe("10.2");
  });

  it("of memory are short", () => {
    expect(megabytes(0)).toBe("0 MB");
    expect(megabytes(511.6)).toBe("512 MB");
    expect(megabytes(14_950)).toBe("14.6 GB");
    expect(megabytes(270_336)).toBe("264 GB");
  });
});
