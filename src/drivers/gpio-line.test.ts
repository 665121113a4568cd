import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VirtualClock } from "../base/virtual-clock.ts";
import { DEAD_MAN_MS, type Edge, FRAME_SAMPLES, REFRESH_MS } from "../line/port.ts";
import { encodeFrame } from "./alsa-audio-frames.ts";
import { FakeTools, isAlive } from "./gpio-fake-tools.ts";
import { GpioLine } from "./gpio-line.ts";
import type { GpioWiring } from "./gpio-places.ts";
import { FakeLeds } from "./led-pattern-fake.ts";
import type { PatternTrigger } from "./led-pattern-kernel.ts";

const TIE: GpioWiring = {
  inputs: { loop: "tie-1-loop", current: "pinctrl-bcm2711:4" },
  outputs: { loop: "tie-1", busy: "tie-1-busy" },
  audio: "hw:1,0",
};

let directory: string;
let clock: VirtualClock;
let fake: FakeTools;
let leds: FakeLeds;
let loop: PatternTrigger;
let busy: PatternTrigger;
let line: GpioLine;
let edges: Edge[];
let lost: Error[];

function make(gpio: GpioWiring = TIE): GpioLine {
  const cardsFile = join(directory, "cards");
  const options = { clock, tools: fake.tools, ledRoot: leds.root, writeAttribute: leds.write, cardsFile };
  const made = new GpioLine("tie-1", gpio, undefined, options);
  made.onEdge((edge) => edges.push(edge));
  made.onLost((error) => lost.push(error));
  return made;
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gpio-"));
  clock = new VirtualClock(100_000);
  fake = new FakeTools(directory);
  leds = new FakeLeds(join(directory, "leds"), clock);
  loop = leds.add("tie-1");
  busy = leds.add("tie-1-busy");
  edges = [];
  lost = [];
  line = make();
});
afterEach(async () => {
  await line.close();
  for (const { pid } of fake.calls("gpiomon")) expect(isAlive(pid)).toBe(false);
  fake.close();
});

const monitorPid = () => fake.calls("gpiomon").at(-1)?.pid ?? 0;
const monitorRuns = () => fake.calls("gpiomon").filter(({ args }) => args.includes("--chip"));

/** The next edges or loss, up to this many in all. */
async function until(count: number, list: () => readonly unknown[] = () => edges): Promise<void> {
  while (list().length < count) {
    await new Promise<void>((resolve) => {
      const disposers = [line.onEdge(done), line.onLost(done)];
      function done(): void {
        for (const dispose of disposers) dispose();
        resolve();
      }
    });
  }
}

describe("opening a line", () => {
  it("finds its inputs by name and by chip label, and starts one gpiomon for the chip, options first", async () => {
    fake.level(17, true);
    await line.open();
    expect(await line.levels()).toEqual(
      new Map([
        ["loop", true],
        ["current", false],
      ]),
    );
    expect(monitorRuns().map(({ args }) => args)).toEqual([
      "--banner --event-clock monotonic --edges both --format %o %e %S --chip gpiochip0 17 4",
    ]);
    expect([...line.inputs]).toEqual(["loop", "current"]);
    expect([...line.outputs]).toEqual(["loop", "busy"]);
  });

  it("starts a gpiomon for each chip", async () => {
    line = make({ ...TIE, inputs: { loop: "tie-1-loop", reversal: "mcp23017:3" } });
    await line.open();
    expect(
      monitorRuns()
        .map(({ args }) => args.replace(/.*--chip /, ""))
        .sort(),
    ).toEqual(["gpiochip0 17", "gpiochip1 3"]);
  });

  it.each([
    ["no-such-line", /input loop: no-such-line: no GPIO line is called that/],
    ["twice", /twice: it is not unique \(gpiochip0 5, gpiochip1 5\)/],
    ["no-such-chip:3", /no GPIO line is called that/],
    ["mcp23017:16", /no GPIO line is called that/],
    ["pinctrl-bcm2711:4", /is the line of another input/],
  ])("refuses the input %s with the reason", async (name, message) => {
    line = make({ ...TIE, inputs: { loop: name, current: "a-rather-long-line-name" } });
    await expect(line.open()).rejects.toMatchObject({ code: "line-unavailable", message });
  });

  it("says how to get libgpiod 2 when it is too old or missing", async () => {
    fake.close();
    fake = new FakeTools(mkdtempSync(join(tmpdir(), "gpio-")), "gpiomon (libgpiod) v1.6.3");
    leds = new FakeLeds(mkdtempSync(join(tmpdir(), "leds-")), clock);
    leds.add("tie-1");
    leds.add("tie-1-busy");
    line = make();
    await expect(line.open()).rejects.toMatchObject({ message: /version 1\.6.*libgpiod 2.*trixie/ });
    const options = { clock, tools: { gpiomon: "/nowhere/gpiomon" }, ledRoot: leds.root, writeAttribute: leds.write };
    await expect(new GpioLine("tie-1", TIE, undefined, options).open()).rejects.toMatchObject({
      message: /there is no \/nowhere\/gpiomon.*libgpiod 2/,
    });
  });

  it("gives gpiomon's own reason when the inputs are taken, and leaves nothing running", async () => {
    fake.flag("busy", true);
    await expect(line.open()).rejects.toMatchObject({ code: "line-unavailable", message: /Device or resource busy/ });
    fake.flag("busy", false);
    await line.open();
    expect(isAlive(monitorPid())).toBe(true);
  });

  it("gives ALSA's own reason when there is no such codec, with the outputs de-energised", async () => {
    fake.flag("no-device", true);
    await expect(line.open()).rejects.toMatchObject({ message: /tie-1: audio hw:1,0: .*audio open error.*plughw/ });
    expect(monitorRuns()).toEqual([]);
  });

  it("is lost when its sound card is pulled out while nobody talks, and comes back with it", async () => {
    const cards = join(directory, "cards");
    writeFileSync(cards, " 1 [Device         ]: USB-Audio\n");
    await line.open();
    await line.levels();
    expect(fake.calls("arecord")).toHaveLength(1);
    writeFileSync(cards, "--- no soundcards ---\n");
    fake.flag("no-device", true);
    await expect(line.levels()).rejects.toMatchObject({ code: "line-unavailable" });
    expect(lost).toMatchObject([{ code: "line-unavailable", message: /audio open error/ }]);
    await expect(line.open()).rejects.toMatchObject({ code: "line-unavailable" });
    fake.flag("no-device", false);
    await line.open();
    expect((await line.levels()).get("loop")).toBe(false);
    expect(lost).toHaveLength(1);
  });

  it("does not mind another sound card's coming, and looks only once", async () => {
    await line.open();
    writeFileSync(join(directory, "cards"), " 2 [Other          ]: USB-Audio\n");
    await line.levels();
    await line.levels();
    expect(fake.calls("arecord")).toHaveLength(2);
    expect(lost).toEqual([]);
  });

  it("can be closed while it is being opened, and opened again at once", async () => {
    const opening = line.open();
    await line.close();
    const again = line.open();
    await expect(opening).rejects.toMatchObject({ code: "line-unavailable" });
    await again;
    expect(monitorRuns()).toHaveLength(1);
    await line.close();
    expect([loop.brightness, busy.brightness]).toEqual([0, 0]);
  });

  it("can be closed and opened again, and closed twice", async () => {
    await line.open();
    const first = monitorPid();
    await line.close();
    await line.close();
    expect(isAlive(first)).toBe(false);
    await line.open();
    fake.edge(17, true, 100_001);
    await until(1);
    expect(edges).toEqual([{ input: "loop", active: true, atMs: 100_001 }]);
  });
});

describe("edges", () => {
  it("carry the kernel's time, however late and in whatever pieces they come", async () => {
    await line.open();
    process.kill(monitorPid(), "SIGSTOP");
    fake.edge(17, true, 100_000.123456);
    fake.edge(4, true, 100_020);
    fake.say("17 2 100.1");
    process.kill(monitorPid(), "SIGCONT");
    await until(2);
    fake.say("00000000\n");
    await until(3);
    expect(edges).toEqual([
      { input: "loop", active: true, atMs: expect.closeTo(100_000.123456, 6) },
      { input: "current", active: true, atMs: 100_020 },
      { input: "loop", active: false, atMs: 100_100 },
    ]);
    expect((await line.levels()).get("current")).toBe(true);
  });

  it("and levels of an input that is low when active are turned round, those of others not", async () => {
    line = make({ ...TIE, activeLow: ["loop"] });
    fake.level(17, true);
    await line.open();
    expect([...(await line.levels())]).toEqual([
      ["loop", false],
      ["current", false],
    ]);
    fake.edge(17, false, 100_000);
    fake.edge(4, true, 100_020);
    await until(2);
    expect(edges).toEqual([
      { input: "loop", active: true, atMs: 100_000 },
      { input: "current", active: true, atMs: 100_020 },
    ]);
  });

  it("that were lost in a gap are declared, and the levels are right again", async () => {
    await line.open();
    fake.edge(17, true, 100_000);
    await until(1);
    clock.advance(500);
    fake.level(17, false);
    process.kill(monitorPid(), "SIGKILL");
    await until(3);
    expect(edges.slice(1)).toEqual([
      { input: "loop", active: true, atMs: 99_999 },
      { input: "loop", active: false, atMs: 100_500 },
    ]);
    expect((await line.levels()).get("loop")).toBe(false);
    fake.edge(17, true, 100_600);
    await until(4);
    expect(monitorRuns()).toHaveLength(2);
    expect(lost).toEqual([]);
  });

  it.each(["garbage\n", "99 1 100.000000000\n", "17 1 99.000000000\n", `${"x".repeat(2_000)}`])(
    "that cannot be are not believed: gpiomon is started again (%j)",
    async (text) => {
      await line.open();
      fake.edge(17, true, 100_000);
      await until(1);
      fake.say(text);
      await until(2);
      expect(edges[1]).toEqual({ input: "loop", active: true, atMs: 99_999 });
      await line.levels();
      expect(monitorRuns()).toHaveLength(2);
    },
  );
});

describe("losing the hardware", () => {
  it("is told once when gpiomon dies again and again, with every output de-energised and nothing left running", async () => {
    await line.open();
    line.set("loop", true);
    line.set("busy", true);
    for (let deaths = 1; lost.length === 0; deaths++) {
      process.kill(monitorPid(), "SIGKILL");
      while (monitorRuns().length === deaths && lost.length === 0) await new Promise(setImmediate);
      await line.levels().catch(() => undefined);
    }
    expect(lost).toHaveLength(1);
    expect(monitorRuns()).toHaveLength(4);
    expect([loop.brightness, busy.brightness]).toEqual([0, 0]);
    await line.open();
    expect(await line.levels()).toBeInstanceOf(Map);
  });

  it("is told when gpiomon cannot be started again", async () => {
    await line.open();
    fake.flag("busy", true);
    process.kill(monitorPid(), "SIGKILL");
    await until(1, () => lost);
    expect(String(lost[0])).toMatch(/cannot be started again.*busy/);
  });

  it("is not told when the dead-man has struck back-busy or reversal alone: they are set again, as often as it takes", async () => {
    const reversal = leds.add("tie-1-reversal");
    line = make({ ...TIE, outputs: { ...TIE.outputs, reversal: "tie-1-reversal" } });
    await line.open();
    line.set("busy", true);
    line.set("reversal", true);
    for (const output of [busy, reversal]) expect(output.brightness).toBe(1);
    for (let stalls = 0; stalls < 3; stalls++) {
      leds.advance(DEAD_MAN_MS + 1);
      expect([busy.brightness, reversal.brightness]).toEqual([0, 0]);
      line.refresh();
      expect([busy.brightness, reversal.brightness]).toEqual([1, 1]);
      leds.advance(REFRESH_MS);
      line.refresh();
      leds.advance(REFRESH_MS + 150);
      expect([busy.brightness, reversal.brightness]).toEqual([1, 1]);
    }
    line.set("busy", false);
    leds.advance(DEAD_MAN_MS + 1);
    line.refresh();
    expect([busy.brightness, loop.brightness]).toEqual([0, 0]);
    expect(lost).toEqual([]);
  });

  it("is told when the loop has dropped together with back-busy, and closes neither again", async () => {
    await line.open();
    line.set("loop", true);
    line.set("busy", true);
    leds.advance(DEAD_MAN_MS + 1);
    line.refresh();
    leds.advance(5_000);
    expect(lost).toMatchObject([{ code: "line-dropped", message: /tie-1:/ }]);
    expect([loop.brightness, busy.brightness]).toEqual([0, 0]);
    expect(loop.edges.map(({ on }) => on)).toEqual([true, false]);
  });

  it("is told when an LED goes, and when the dead-man has struck the loop", async () => {
    await line.open();
    line.set("loop", true);
    leds.advance(DEAD_MAN_MS + 1);
    line.refresh();
    expect(lost).toMatchObject([{ code: "line-dropped" }]);
    await line.open();
    line.set("busy", true);
    leds.remove("tie-1-busy");
    line.refresh();
    expect(lost).toMatchObject([{ code: "line-dropped" }, { code: "line-unavailable" }]);
    await expect(line.levels()).rejects.toMatchObject({ code: "line-unavailable" });
    line.set("loop", true);
    expect(loop.brightness).toBe(0);
  });
});

describe("audio", () => {
  it("flows while it is open, in both directions", async () => {
    const levels: number[] = [];
    line.onAudio((frame) => levels.push(frame[0] ?? 0));
    await line.open();
    line.openAudio();
    fake.say(encodeFrame(new Int16Array(FRAME_SAMPLES).fill(5)), "capture");
    while (levels.length === 0) await new Promise(setImmediate);
    line.writeAudio(new Int16Array(FRAME_SAMPLES).fill(6));
    while (fake.played.length < 2 * FRAME_SAMPLES) await new Promise(setImmediate);
    line.closeAudio();
    await line.close();
    expect(levels).toEqual([5]);
    for (const { pid } of [...fake.calls("arecord"), ...fake.calls("aplay")]) expect(isAlive(pid)).toBe(false);
  });
});

describe("outputs", () => {
  it("play impulses on the loop only, and all fall with a supervisor that falls silent", async () => {
    await line.open();
    line.set("busy", true);
    line.playPattern([
      { closed: false, ms: 67 },
      { closed: true, ms: 33 },
    ]);
    leds.advance(50);
    line.refresh();
    expect([loop.brightness, busy.brightness]).toEqual([0, 1]);
    leds.advance(2_000);
    expect(loop.edges.map(({ on, atMs }) => [on, atMs - 100_000])).toEqual([
      [true, 67],
      [false, 100 + DEAD_MAN_MS],
    ]);
    expect(busy.edges.map(({ on, atMs }) => [on, atMs - 100_000])).toEqual([
      [true, 0],
      [false, 50 + DEAD_MAN_MS],
    ]);
  });

  it("are de-energised by closing", async () => {
    await line.open();
    line.set("loop", true);
    line.set("busy", true);
    await line.close();
    expect([loop.brightness, busy.brightness]).toEqual([0, 0]);
  });
});
