import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Clock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { VirtualClock } from "../../src/base/virtual-clock.ts";
import { LedOutput } from "../../src/drivers/led-pattern.ts";
import { FakeLeds } from "../../src/drivers/led-pattern-fake.ts";
import { decoderStep, newDecoder } from "../../src/line/decoder.ts";
import { FakePort } from "../../src/line/fake-port.ts";
import type { LineOutput, PatternStep } from "../../src/line/port.ts";
import { pax50 } from "../../src/line/profiles.ts";
import { LineService } from "../../src/line/service.ts";

/** A process that is held up while it dials: the line, the kernel's impulses, and the exchange's register that hears them. */

/** A clock whose timers do not fire while the process is held up; then all that are due fire, one after another. */
class HeldUpClock implements Clock {
  heldUp = false;
  readonly #clock: VirtualClock;
  readonly #overdue: (() => void)[] = [];

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  at(atMs: number, fire: () => void) {
    let disposed = false;
    const run = () => {
      if (!disposed) fire();
    };
    const dispose = this.#clock.at(atMs, () => (this.heldUp ? this.#overdue.push(run) : run()));
    return () => {
      disposed = true;
      dispose();
    };
  }

  /** Which of the overdue timers goes first is chance. */
  goOn(reverse: boolean): void {
    this.heldUp = false;
    const overdue = this.#overdue.splice(0);
    for (const run of reverse ? overdue.reverse() : overdue) run();
  }
}

/** An interface whose loop is an LED of the modelled kernel. */
class LedPort extends FakePort {
  readonly #led: LedOutput;
  constructor(leds: FakeLeds, clock: Clock) {
    super(["loop"], ["loop"]);
    this.#led = new LedOutput("loop", { clock, root: leds.root, write: leds.write, dropped: () => this.lose() });
  }
  override async open(): Promise<void> {
    await this.#led.open();
  }
  override set(_output: LineOutput, active: boolean): void {
    this.#led.set(active);
  }
  override playPattern(steps: readonly PatternStep[]): void {
    this.#led.play(steps);
  }
  override refresh(): void {
    this.#led.refresh();
  }
}

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "stall-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Dials 2 3 and is held up for so long from so long before or after the first digit's start. */
async function dialThroughStall(stallMs: number, fromMs: number, reverse: boolean) {
  const kernel = new VirtualClock(1_000);
  const clock = new HeldUpClock(kernel);
  const leds = new FakeLeds(root, kernel);
  const trigger = leds.add("loop");
  const port = new LedPort(leds, clock);
  const drain = (then: () => void) => then();
  const line = new LineService({ type: "tie-line", port, profile: pax50, clock, log: silentLog, drain });
  const said: string[] = [];
  line.onEvent((event) => said.push(event.type));
  await line.start(new AbortController().signal);
  leds.advance(pax50.seizeGuardMs);
  const from = trigger.edges.length;
  line.command({ type: "seize", digits: [2, 3] });
  leds.advance(pax50.beforeFirstDigitMs + fromMs);
  clock.heldUp = true;
  leds.advance(stallMs);
  clock.goOn(reverse);
  leds.advance(4_000);
  const register = newDecoder(pax50, false, 0);
  const heard = [
    ...trigger.edges.slice(from).flatMap(({ on, atMs }) => decoderStep(register, { type: "edge", closed: on, atMs })),
    ...decoderStep(register, { type: "time", atMs: kernel.now() }),
  ].flatMap((output): (number | string)[] => {
    if (output.type === "digit") return [output.digit];
    return output.type === "seize" || output.type === "clear" || output.type === "error" ? [output.type] : [];
  });
  return { heard, dialled: said.includes("dialled"), failed: said.includes("failed") };
}

const stalls = [10, 90, 300, 500, 560, 600, 700, 780, 800, 880, 950, 1_000, 1_100, 1_500, 2_500];
const moments = [-1_400, -900, -380, -200, -100, -1, 0, 1, 50, 150, 200, 500, 900, 966, 970, 1_100, 1_300];

describe.each([false, true])(
  "a call to the PAX from a process that is held up (overdue timers reversed: %s)",
  (reverse) => {
    it.each(moments)("sends the number, or part of it and says so, never another: from %d ms", async (fromMs) => {
      for (const stallMs of stalls) {
        const { heard, dialled, failed } = await dialThroughStall(stallMs, fromMs, reverse);
        const digits = heard.filter((one) => typeof one === "number");
        const where = { stallMs, fromMs, heard };
        expect({ ...where, digits }).toEqual({ ...where, digits: [2, 3].slice(0, digits.length) });
        expect({ ...where, error: heard.includes("error") }).toEqual({ ...where, error: false });
        // One seizure, one release at most: nothing is closed again of itself.
        expect({ ...where, seizures: heard.filter((one) => one === "seize").length }).toEqual({
          ...where,
          seizures: 1,
        });
        if (dialled) expect({ ...where, digits }).toEqual({ ...where, digits: [2, 3] });
        else expect({ ...where, failed }).toEqual({ ...where, failed: true });
      }
    });
  },
);

it("dials as ever when it is held up for less than the dead-man's time", async () => {
  expect(await dialThroughStall(700, -200, false)).toEqual({ heard: ["seize", 2, 3], dialled: true, failed: false });
});
