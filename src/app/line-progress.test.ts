import { expect, it } from "vitest";
import { VirtualClock } from "../base/virtual-clock.ts";
import type { LinePort } from "../line/port.ts";
import { ASK_MS, LINE_LIMIT_MS, LineWatch } from "./line-progress.ts";
import { Progress } from "./progress.ts";

const nothing = () => undefined;
const never = () => new Promise<never>(nothing);

/** A line whose hardware answers as it is told to. */
function rig() {
  const clock = new VirtualClock();
  const progress = new Progress(clock);
  const watch = new LineWatch(progress, clock);
  const hardware = {
    open: async (): Promise<void> => undefined,
    levels: async () => new Map(),
    lose: nothing as (error: Error) => void,
    asked: 0,
  };
  const port: LinePort = {
    name: "tie-1",
    inputs: new Set(),
    outputs: new Set(),
    open: () => hardware.open(),
    close: async () => undefined,
    onEdge: () => nothing,
    onLost: (listener) => {
      hardware.lose = listener;
      return nothing;
    },
    levels: () => {
      hardware.asked++;
      return hardware.levels();
    },
    set: nothing,
    playPattern: nothing,
    refresh: nothing,
    openAudio: nothing,
    closeAudio: nothing,
    onAudio: () => nothing,
    writeAudio: nothing,
  };
  const line = watch.over(port);
  line.onLost(nothing);
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += ASK_MS) {
      clock.advance(ASK_MS);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { clock, progress, watch, hardware, line, pass };
}

it("is content with an open line that answers, for ever", async () => {
  const { progress, line, pass, hardware } = rig();
  await line.open();
  await pass(10 * LINE_LIMIT_MS);
  expect(progress.late()).toEqual([]);
  expect(hardware.asked).toBe((10 * LINE_LIMIT_MS) / ASK_MS);
});

it("misses the answer of a line that does not give it any more", async () => {
  const { progress, line, pass, hardware } = rig();
  await line.open();
  hardware.levels = never;
  await pass(LINE_LIMIT_MS + ASK_MS);
  expect(progress.late()).toEqual(["line tie-1"]);
});

it("misses the end of an opening that hangs", async () => {
  const { progress, line, pass, hardware } = rig();
  hardware.open = never;
  void line.open();
  await pass(LINE_LIMIT_MS + ASK_MS);
  expect(progress.late()).toEqual(["line tie-1"]);
});

it("is content with a line that is out of service as long as it is tried again, and says why it is", async () => {
  const { progress, watch, line, pass, hardware } = rig();
  hardware.open = () => Promise.reject(new Error("there is no GPIO line tie-1-loop"));
  for (let tries = 0; tries < 20; tries++) {
    await line.open().catch(nothing);
    await pass(LINE_LIMIT_MS / 2);
  }
  expect(progress.late()).toEqual([]);
  expect(watch.faults).toEqual([{ name: "tie-1", why: "there is no GPIO line tie-1-loop" }]);
  await pass(LINE_LIMIT_MS);
  expect(progress.late()).toEqual(["line tie-1"]);
});

it("expects a lost line to be opened again, and has forgotten its fault then", async () => {
  const { progress, watch, line, pass, hardware } = rig();
  await line.open();
  hardware.lose(new Error("unplugged"));
  await line.close();
  expect(watch.faults).toEqual([{ name: "tie-1", why: "unplugged" }]);
  await pass(LINE_LIMIT_MS + ASK_MS);
  expect(progress.late()).toEqual(["line tie-1"]);
  await line.open();
  expect(progress.late()).toEqual([]);
  expect(watch.faults).toEqual([]);
});

it("asks nothing and expects nothing once the lines are not served any more", async () => {
  const { clock, progress, watch, line, pass } = rig();
  await line.open();
  watch.end();
  await pass(2 * LINE_LIMIT_MS);
  expect(progress.late()).toEqual([]);
  expect(clock.pending).toBe(0);
});

it("leaves lines as they are when nobody wants to know", () => {
  const clock = new VirtualClock();
  const port = { name: "tie-1" } as LinePort;
  expect(new LineWatch(null, clock).over(port)).toBe(port);
});
