import { mkdtempSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { GatewayError } from "../base/errors.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import { DEAD_MAN_MS, type PatternStep, REFRESH_MS } from "../line/port.ts";
import { LedOutput } from "./led-pattern.ts";
import { FakeLeds } from "./led-pattern-fake.ts";
import type { PatternTrigger } from "./led-pattern-kernel.ts";

const pulses = (count: number, pauseMs = 33): PatternStep[] =>
  Array.from({ length: 2 * count }, (_, at) =>
    at % 2 === 0 ? { closed: false, ms: 67 } : { closed: true, ms: at === 2 * count - 1 ? pauseMs : 33 },
  );

let root: string;
let clock: VirtualClock;
let leds: FakeLeds;
let led: PatternTrigger;
let lateMs: () => number;
let dropped: GatewayError[];
let output: LedOutput;

async function opened(trigger?: string): Promise<void> {
  led = leds.add("loop", () => lateMs(), trigger);
  output = new LedOutput("loop", { clock, root, write: leds.write, dropped: (error) => dropped.push(error) });
  await output.open();
}

/** Refreshes as the line's service does, for so long. */
function run(ms: number): void {
  for (let at = 0; at < ms; at += REFRESH_MS) {
    leds.advance(Math.min(REFRESH_MS, ms - at));
    output.refresh();
  }
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "leds-"));
  clock = new VirtualClock(5_000);
  leds = new FakeLeds(root, clock);
  lateMs = () => 0;
  dropped = [];
});
afterEach(() => rmSync(root, { recursive: true }));

/** Edges as times since the first one given. */
function edgesSince(fromMs: number): [on: boolean, ms: number][] {
  return led.edges.filter(({ atMs }) => atMs >= fromMs).map(({ on, atMs }) => [on, atMs - fromMs]);
}

describe("opening an output", () => {
  it("chooses the trigger, and leaves the line open and not repeating", async () => {
    await opened();
    expect(leds.writes).toEqual(["loop/trigger pattern", "loop/hr_pattern 0 1 0 0", "loop/repeat 1"]);
    output.set(true);
    leds.advance(10 * DEAD_MAN_MS);
    expect(led.edges.map(({ on }) => on)).toEqual([true, false]);
  });

  it("does not choose the trigger again, and never plays what a process before it left behind", async () => {
    led = leds.add("loop", undefined, "none [pattern]");
    led.write("hr_pattern", "1 50 1 0 0 1 0 0");
    led.write("repeat", "1");
    leds.advance(1_000);
    const before = led.edges.length;
    output = new LedOutput("loop", { clock, root, write: leds.write, dropped: (error) => dropped.push(error) });
    await output.open();
    leds.advance(1_000);
    expect(leds.writes).toEqual(["loop/hr_pattern 0 1 0 0", "loop/repeat 1"]);
    expect(led.edges).toHaveLength(before);
  });

  it.each([
    ["no such LED", () => leds.remove("loop"), /overlay/],
    ["an old kernel", () => unlinkSync(join(root, "loop", "hr_pattern")), /6\.12/],
    ["the module is missing", () => leds.add("loop", undefined, "[none] timer"), /ledtrig-pattern/],
  ])("says what is missing and the remedy: %s", async (_, spoil, remedy) => {
    leds.add("loop");
    spoil();
    output = new LedOutput("loop", { clock, root, write: leds.write, dropped: (error) => dropped.push(error) });
    await expect(output.open()).rejects.toMatchObject({ code: "line-unavailable", message: remedy });
  });
});

describe("holding", () => {
  it("stays closed while it is refreshed, with one write each time and without a glitch", async () => {
    await opened();
    output.set(true);
    const before = leds.writes.length;
    run(10 * REFRESH_MS);
    expect(leds.writes).toHaveLength(before + 10);
    expect(led.edges).toEqual([{ on: true, atMs: 5_000 }]);
  });

  it("opens exactly the dead-man's time after the last refresh", async () => {
    await opened();
    output.set(true);
    run(400);
    leds.advance(5_000);
    expect(edgesSince(5_000)).toEqual([
      [true, 0],
      [false, 400 + DEAD_MAN_MS],
    ]);
  });

  it("does not close again when it is refreshed too late, and says that it has dropped", async () => {
    await opened();
    output.set(true);
    leds.advance(DEAD_MAN_MS + 500);
    output.refresh();
    output.refresh();
    leds.advance(5_000);
    expect(led.brightness).toBe(0);
    expect(led.edges).toHaveLength(2);
    expect(dropped.map(({ code }) => code)).toEqual(["line-dropped"]);
  });

  it("is safe when the dead-man strikes between looking and writing", async () => {
    await opened();
    output.set(true);
    leds.advance(DEAD_MAN_MS);
    // The kernel's side of a refresh that had looked a moment earlier.
    led.write("hr_pattern", "1 1000 1 0 0 1 0 0");
    leds.advance(5_000);
    expect(led.brightness).toBe(0);
    expect(led.edges).toHaveLength(2);
  });

  it("reports an LED that has gone, once, and can be closed all the same", async () => {
    await opened();
    output.set(true);
    leds.remove("loop");
    output.refresh();
    output.refresh();
    output.close();
    expect(dropped.map(({ code }) => code)).toEqual(["line-unavailable"]);
  });
});

describe("playing impulses", () => {
  it("sends a six with steps, not fades, and holds the loop afterwards", async () => {
    await opened();
    output.set(true);
    run(1_200);
    const from = clock.now();
    output.play(pulses(6));
    run(4_000);
    expect(edgesSince(from)).toEqual(
      Array.from({ length: 12 }, (_, at) => [at % 2 === 1, Math.floor(at / 2) * 100 + (at % 2) * 67]),
    );
    expect(led.brightness).toBe(1);
  });

  it("finishes the digit and opens the loop when the supervisor dies in the middle", async () => {
    await opened();
    output.set(true);
    const from = clock.now();
    output.play(pulses(6));
    leds.advance(10_000);
    expect(edgesSince(from).at(-1)).toEqual([false, 600 + DEAD_MAN_MS]);
    expect(led.edges).toHaveLength(1 + 12 + 1);
  });

  it("never begins once the dead-man has struck: it says that the line has dropped", async () => {
    await opened();
    output.set(true);
    leds.advance(DEAD_MAN_MS + 1);
    output.play(pulses(6));
    run(5_000);
    expect(edgesSince(5_000)).toEqual([
      [true, 0],
      [false, DEAD_MAN_MS],
    ]);
    expect(dropped.map(({ code }) => code)).toEqual(["line-dropped"]);
    output.set(true);
    expect(led.brightness).toBe(1);
  });

  it("is not begun when the dead-man strikes between looking and writing", async () => {
    await opened();
    output.set(true);
    leds.beforeWrite = () => leds.advance(DEAD_MAN_MS);
    output.play(pulses(6));
    leds.beforeWrite = () => undefined;
    run(5_000);
    expect(led.edges.map(({ on }) => on)).toEqual([true, false]);
    expect(dropped.map(({ code }) => code)).toEqual(["line-dropped"]);
  });

  it("sends no impulse too many when the process is held up before any of its writes", async () => {
    await opened();
    output.set(true);
    run(1_200);
    leds.beforeWrite = () => leds.advance(230);
    output.play(pulses(6));
    leds.beforeWrite = () => undefined;
    const from = clock.now();
    run(2_000);
    expect(edgesSince(from - 230).filter(([on]) => !on)).toHaveLength(6);
  });

  it("does not close again what has dropped when it is set a second time", async () => {
    await opened();
    output.set(true);
    leds.advance(DEAD_MAN_MS + 1);
    output.set(true);
    leds.advance(10);
    expect(led.brightness).toBe(0);
    expect(dropped.map(({ code }) => code)).toEqual(["line-dropped"]);
  });

  it.each([true, false])("is aborted by setting the loop: %s", async (active) => {
    await opened();
    output.set(true);
    output.play(pulses(6));
    leds.advance(active ? 50 : 80);
    const from = clock.now();
    output.set(active);
    expect(led.brightness).toBe(active ? 1 : 0);
    run(3_000);
    expect(led.brightness).toBe(active ? 1 : 0);
    expect(edgesSince(from)).toHaveLength(1);
  });

  it("divides a number that is longer than a write in the pauses, and keeps every impulse", async () => {
    await opened();
    output.set(true);
    const from = clock.now();
    output.play(Array.from({ length: 24 }, () => pulses(10, 800)).flat());
    run(24 * 1_900);
    const breaks = edgesSince(from).filter(([on]) => !on);
    expect(breaks).toHaveLength(240);
    expect(breaks.map(([, ms]) => ms)).toEqual(
      Array.from({ length: 240 }, (_, at) => Math.floor(at / 10) * 1_767 + (at % 10) * 100),
    );
    expect(Math.max(...leds.writes.map((text) => text.length))).toBeLessThan(1_810 + "loop/hr_pattern ".length);
  });

  it("drops the rest of a divided number when it is aborted", async () => {
    await opened();
    output.play(Array.from({ length: 24 }, () => pulses(10, 800)).flat());
    leds.advance(70);
    output.set(false);
    const edges = led.edges.length;
    leds.advance(60_000);
    expect(led.brightness).toBe(0);
    expect(led.edges).toHaveLength(edges);
    expect(clock.pending).toBe(0);
  });

  it("is right whatever the refreshes' moments and the interrupts' lateness", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 60, maxLength: 60 }),
        fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { minLength: 50, maxLength: 50 }),
        async (digits, waits, lateness) => {
          lateMs = () => 0;
          await opened();
          output.set(true);
          leds.advance(300);
          let asked = 0;
          lateMs = () => lateness[asked++ % lateness.length] ?? 0;
          const from = clock.now();
          output.play(digits.flatMap((count) => pulses(count, 800)));
          for (const wait of waits) {
            leds.advance(wait);
            output.refresh();
          }
          while (clock.now() < from + 8_000) {
            leds.advance(400);
            output.refresh();
          }
          const expected: number[] = [];
          let at = 0;
          for (const count of digits) {
            for (let pulse = 0; pulse < count; pulse++, at += 100) expected.push(at, at + 67);
            at += 767;
          }
          const edges = edgesSince(from);
          expect(edges).toHaveLength(expected.length);
          for (const [index, [on, ms]] of edges.entries()) {
            expect(on).toBe(index % 2 === 1);
            expect(Math.abs(ms - (expected[index] ?? 0))).toBeLessThanOrEqual(3);
          }
          expect(dropped).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
    // Some 40 dialled numbers of eight seconds each: a busy machine takes longer than a test's usual five.
  }, 30_000);
});
