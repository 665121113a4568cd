import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Edge } from "../line/port.ts";
import {
  type GpioInput,
  isGpiomonBanner,
  newGpioTrack,
  parseGpiodetect,
  parseGpioget,
  parseGpioinfo,
  parseGpiomonLine,
  parseGpioName,
  parseToolVersion,
  trackEvent,
  trackLevels,
} from "./gpio-events.ts";

const LOOP: GpioInput = { input: "loop", offset: 17, level: false };

describe("what the tools print", () => {
  it("reads an edge to the nanosecond's place", () => {
    expect(parseGpiomonLine("17 1 12345.067000001")).toEqual({ offset: 17, active: true, atMs: 12_345_067.000001 });
    expect(parseGpiomonLine("0 2 0.000000000")).toEqual({ offset: 0, active: false, atMs: 0 });
  });

  it.each([
    "",
    "17 1 12345.067",
    "17 3 1.000000000",
    "17 1 1.0000000000",
    " 17 1 1.000000000",
    "17 1 1.000000000 x",
    "-1 1 1.000000000",
    "event: RISING EDGE offset: 17 timestamp: [1.000000000]",
  ])("refuses %j", (text) => expect(parseGpiomonLine(text)).toBeNull());

  it("reads back every edge that could be printed, and nothing that was cut short", () => {
    fc.assert(
      fc.property(
        fc.nat(65_535 >> 1),
        fc.boolean(),
        fc.nat(4_000_000_00),
        fc.nat(999_999_999),
        fc.nat(40),
        (offset, active, seconds, nanoseconds, cut) => {
          const text = `${offset} ${active ? 1 : 2} ${seconds}.${String(nanoseconds).padStart(9, "0")}`;
          const event = parseGpiomonLine(text);
          expect(event).toMatchObject({ offset, active });
          expect(event?.atMs).toBeCloseTo(seconds * 1e3 + nanoseconds / 1e6, 3);
          if (cut > 0) expect(parseGpiomonLine(text.slice(0, -cut))).toBeNull();
        },
      ),
    );
  });

  it("knows the banner, the version and the levels", () => {
    expect(isGpiomonBanner("Monitoring line '17'...")).toBe(true);
    expect(isGpiomonBanner("Monitoring lines '17', and '4'...")).toBe(true);
    expect(isGpiomonBanner("17 1 1.000000000")).toBe(false);
    expect(parseToolVersion("gpiomon (libgpiod) v1.6.3\nCopyright")).toEqual({ major: 1, minor: 6 });
    expect(parseToolVersion("gpiomon (libgpiod) v2.2.1")).toEqual({ major: 2, minor: 2 });
    expect(parseToolVersion("usage")).toBeNull();
    expect(parseGpioget("0 1\n", 2)).toEqual([false, true]);
    expect(parseGpioget("0 1\n", 3)).toBeNull();
    expect(parseGpioget('"17"=active', 1)).toBeNull();
  });

  it("finds chips by label and lines by name", () => {
    expect(parseGpioName("pinctrl-bcm2711:17")).toEqual({ kind: "offset", label: "pinctrl-bcm2711", offset: 17 });
    expect(parseGpioName("pax1:loop")).toEqual({ kind: "name", name: "pax1:loop" });
    expect(parseGpioName("GPIO17")).toEqual({ kind: "name", name: "GPIO17" });
    expect(parseGpiodetect("gpiochip0 [pinctrl-rp1] (54 lines)\ngpiochip11 [x y] (1 line)\n")).toEqual([
      { chip: "gpiochip0", label: "pinctrl-rp1", lines: 54 },
      { chip: "gpiochip11", label: "x y", lines: 1 },
    ]);
    expect(parseGpioinfo('gpiochip0 17\t"GPIO17"        \tinput\ngpiochip1 2\t"n"\toutput consumer="led"\n')).toEqual([
      { name: "GPIO17", place: { chip: "gpiochip0", offset: 17 } },
      { name: "n", place: { chip: "gpiochip1", offset: 2 } },
    ]);
  });
});

/** A line that changes level at these times, watched by a monitor that is held up; the kernel keeps the newest edges. */
function watched(gaps: readonly number[], stallFrom: number, stallMs: number): { edges: Edge[]; lost: boolean } {
  const track = newGpioTrack([LOOP]);
  let atMs = 0;
  const all = gaps.map((gap, index) => {
    atMs += gap;
    return { offset: 17, active: index % 2 === 0, atMs };
  });
  const stalled = all.filter((event) => event.atMs >= stallFrom && event.atMs < stallFrom + stallMs);
  const kept = stalled.slice(-track.capacity);
  const edges: Edge[] = [];
  for (const event of all) {
    if (stalled.includes(event) && !kept.includes(event)) continue;
    const tracked = trackEvent(track, event, stalled.includes(event) ? stallFrom + stallMs : event.atMs);
    edges.push(...(tracked?.edges ?? expect.fail("a possible event was refused")));
  }
  return { edges, lost: kept.length < stalled.length };
}

/** A doubt is an edge dated before the one delivered last. */
const doubts = (edges: readonly Edge[]) => edges.filter((edge, at) => edge.atMs < (edges[at - 1]?.atMs ?? 0)).length;

describe("following the edges", () => {
  it("passes them on as they are when none is lost", () => {
    const { edges } = watched(Array(40).fill(50), 100, 400);
    expect(edges).toHaveLength(40);
    expect(doubts(edges)).toBe(0);
  });

  it("leaves an edge that repeats the level to the decoder", () => {
    const track = newGpioTrack([LOOP]);
    trackEvent(track, { offset: 17, active: true, atMs: 100 }, 100);
    const tracked = trackEvent(track, { offset: 17, active: true, atMs: 200 }, 200);
    expect(tracked).toEqual({ edges: [{ input: "loop", active: true, atMs: 200 }], doubt: null });
  });

  it("drops an edge that repeats the level of an input that carries no trains", () => {
    const track = newGpioTrack([{ ...LOOP, input: "current" }]);
    trackEvent(track, { offset: 17, active: true, atMs: 100 }, 100);
    expect(trackEvent(track, { offset: 17, active: true, atMs: 200 }, 200)?.edges).toEqual([]);
  });

  it("refuses inputs it did not ask for and times that run backwards", () => {
    const track = newGpioTrack([LOOP]);
    expect(trackEvent(track, { offset: 18, active: true, atMs: 100 }, 100)).toBeNull();
    trackEvent(track, { offset: 17, active: true, atMs: 100 }, 100);
    expect(trackEvent(track, { offset: 17, active: false, atMs: 99 }, 101)).toBeNull();
  });

  it("counts the edges of all inputs of the chip: they share the kernel's store", () => {
    const track = newGpioTrack([LOOP, { input: "current", offset: 4, level: false }]);
    trackEvent(track, { offset: 17, active: true, atMs: 1 }, 1);
    const seen = Array.from({ length: 32 }, (_, at) =>
      trackEvent(track, { offset: 4, active: at % 2 === 0, atMs: 10 + at }, 1_000),
    );
    expect(seen.map((tracked) => tracked?.doubt)).toEqual([...Array(31).fill(null), "overflow"]);
    expect(seen.at(-1)?.edges[0]).toEqual({ input: "loop", active: true, atMs: 0 });
  });

  it("after a gap tells the doubt, then what has changed", () => {
    const track = newGpioTrack([LOOP, { input: "current", offset: 4, level: false }]);
    trackEvent(track, { offset: 17, active: true, atMs: 100 }, 100);
    expect(
      trackLevels(
        track,
        new Map([
          [17, false],
          [4, true],
        ]),
        500,
      ).edges,
    ).toEqual([
      { input: "loop", active: true, atMs: 99 },
      { input: "loop", active: false, atMs: 500 },
      { input: "current", active: true, atMs: 500 },
    ]);
    expect(trackLevels(newGpioTrack([LOOP]), new Map([[17, false]]), 500).edges).toEqual([]);
  });

  it("never loses an edge without declaring a doubt, and ends at the right level", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 20, maxLength: 120 }),
        fc.integer({ min: 130, max: 2_000 }),
        fc.integer({ min: 0, max: 3_000 }),
        (gaps, stallFrom, stallMs) => {
          const { edges, lost } = watched(gaps, stallFrom, stallMs);
          if (lost) expect(doubts(edges)).toBeGreaterThan(0);
          expect(edges.at(-1)?.active).toBe(gaps.length % 2 === 1);
        },
      ),
      { numRuns: 500 },
    );
  });
});
