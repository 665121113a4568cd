import { describe, expect, it } from "vitest";
import { median, outside } from "./dials.tsx";
import { qrPath } from "./qr.tsx";
import { COLUMNS, shownDigits, wiperPath } from "./train.tsx";

describe("the trunking diagram", () => {
  it("has a column for each of the last digits, and for nothing else", () => {
    expect(shownDigits("4170")).toEqual(["4", "1", "7", "0"]);
    expect(shownDigits("<b>1</b>2")).toEqual(["1", "2"]);
    expect(shownDigits("0123456789")).toHaveLength(COLUMNS);
    expect(shownDigits("")).toEqual([]);
  });

  it("draws its wiper from the caller's end, and to the far end once through", () => {
    expect(wiperPath(["1"], true, false)).toBe("");
    const far = /H288$/;
    expect(wiperPath(["4", "1"], false, true)).not.toMatch(far);
    expect(wiperPath(["4", "1"], true, true)).toMatch(far);
    expect(wiperPath([], true, true)).toMatch(far);
  });

  it("has level 1 at the foot and 0 at the head", () => {
    const level = (digit: string) => Number(/L[\d.]+ ([\d.]+)H[\d.]+$/.exec(wiperPath([digit], false, true))?.[1]);
    expect(level("1")).toBe(120);
    expect(level("0")).toBe(12);
    expect(level("5")).toBeLessThan(level("4"));
  });
});

describe("dial health", () => {
  it("knows the limits; one impulse has no speed", () => {
    expect(outside({ atMs: 0, ips: 10, breakPercent: 66 })).toBe(false);
    expect(outside({ atMs: 0, ips: 6.9, breakPercent: 66 })).toBe(true);
    expect(outside({ atMs: 0, ips: 10, breakPercent: 81 })).toBe(true);
    expect(outside({ atMs: 0, ips: null, breakPercent: null })).toBe(false);
  });

  it("takes the middle of what is known", () => {
    expect(median([null, null])).toBeNull();
    expect(median([3, null, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});

describe("the code", () => {
  it("is of whole modules with a quiet zone of four, and none for too much text", () => {
    const code = qrPath("sip:desk@192.0.2.7");
    // Version 2 has 25 modules, version 3 has 29 (ISO/IEC 18004, table 1).
    expect([33, 37]).toContain(code?.width);
    expect(code?.path.startsWith("M4 4h7")).toBe(true);
    expect(qrPath("x".repeat(513))).toBeNull();
  });
});
