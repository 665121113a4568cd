import { expect, it } from "vitest";
import type { Clock } from "../base/clock.ts";
import { TrailingClock } from "./trailing-clock.ts";

/** A machine whose timers fire only when told to, however late that is. */
function sluggishMachine() {
  let nowMs = 1_000;
  const timers = new Set<() => void>();
  const clock: Clock = {
    now: () => nowMs,
    at: (_, fire) => {
      timers.add(fire);
      return () => timers.delete(fire);
    },
  };
  const wakeAt = (atMs: number) => {
    nowMs = atMs;
    const due = [...timers];
    timers.clear();
    for (const fire of due) fire();
  };
  return { clock, wakeAt, timers };
}

it("gives everything its ideal time and order, though the machine's timer came late", () => {
  const machine = sluggishMachine();
  const clock = new TrailingClock(machine.clock);
  const seen: [string, number][] = [];
  clock.at(1_050, () => {
    seen.push(["first", clock.now()]);
    clock.at(1_080, () => seen.push(["second", clock.now()]));
  });
  clock.at(1_070, () => seen.push(["between", clock.now()]));
  clock.at(1_900, () => seen.push(["later", clock.now()]));
  machine.wakeAt(1_500);
  expect(seen).toEqual([
    ["first", 1_050],
    ["between", 1_070],
    ["second", 1_080],
  ]);
  expect(clock.now()).toBe(1_500);
  machine.wakeAt(1_900);
  expect(seen.at(-1)).toEqual(["later", 1_900]);
});

it("does what is due before it lets in something from outside", () => {
  const machine = sluggishMachine();
  const clock = new TrailingClock(machine.clock);
  const seen: number[] = [];
  clock.at(1_010, () => seen.push(clock.now()));
  machine.clock.now = () => 1_200;
  clock.catchUp();
  expect(seen).toEqual([1_010]);
  expect(clock.now()).toBe(1_200);
});

it("holds no timer of the machine when nothing is to come", () => {
  const machine = sluggishMachine();
  const clock = new TrailingClock(machine.clock);
  const cancel = clock.at(1_100, () => undefined);
  cancel();
  machine.wakeAt(1_100);
  expect(machine.timers.size).toBe(0);
});

it("goes on after something has thrown", () => {
  const machine = sluggishMachine();
  const clock = new TrailingClock(machine.clock);
  const seen: number[] = [];
  clock.at(1_010, () => {
    throw new Error("broken");
  });
  clock.at(1_020, () => seen.push(clock.now()));
  expect(() => machine.wakeAt(1_015)).toThrow("broken");
  machine.wakeAt(1_020);
  expect(seen).toEqual([1_020]);
});
