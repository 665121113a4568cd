import { expect, it } from "vitest";
import { VirtualClock } from "../base/virtual-clock.ts";
import { Progress } from "./progress.ts";

it("misses a beat that is late, and is content when it comes after all", () => {
  const clock = new VirtualClock();
  const progress = new Progress(clock);
  const line = progress.watch("line tie-1", 30_000);
  clock.advance(30_000);
  expect(progress.late()).toEqual([]);
  clock.advance(1);
  expect(progress.late()).toEqual(["line tie-1"]);
  line.beat();
  expect(progress.late()).toEqual([]);
});

it("is not content because something else beats", () => {
  const clock = new VirtualClock();
  const progress = new Progress(clock);
  progress.watch("line tie-1", 10_000);
  const other = progress.watch("line tie-2", 10_000);
  for (let beats = 0; beats < 11; beats++) {
    clock.advance(1_000);
    other.beat();
  }
  expect(progress.late()).toEqual(["line tie-1"]);
});

it("expects nothing of what has ended, even if it beats once more", () => {
  const clock = new VirtualClock();
  const progress = new Progress(clock);
  const stop = progress.watch("stopping", 1_000);
  stop.end();
  stop.end();
  stop.beat();
  clock.advance(60_000);
  expect(progress.late()).toEqual([]);
});
