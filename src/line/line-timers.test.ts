import { expect, it } from "vitest";
import { VirtualClock } from "../base/virtual-clock.ts";
import { LineTimers } from "./line-timers.ts";

it("goes on after a timer whose work throws", () => {
  const clock = new VirtualClock();
  const fired: string[] = [];
  const target = {
    decoderDue: () => Number.POSITIVE_INFINITY,
    decoderTime: () => undefined,
    timer: (timer: string) => {
      fired.push(timer);
      if (timer === "digit") throw new Error("broken");
    },
  };
  const timers = new LineTimers(clock, target, (then) => then());
  timers.start();
  timers.set("digit", 10);
  timers.set("guard", 20);
  timers.arm();
  expect(() => clock.advanceTo(15)).toThrow("broken");
  clock.advanceTo(30);
  expect(fired).toEqual(["digit", "guard"]);
  expect(clock.pending).toBe(0);
});
