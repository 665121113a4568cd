import { describe, expect, it } from "vitest";
import { VirtualClock } from "../base/virtual-clock.ts";
import { Watch } from "./watch-service.ts";

function rig() {
  const clock = new VirtualClock();
  const wrong = { deaf: false, blind: false };
  let changes = 0;
  const watch = new Watch(
    [
      { fault: "deaf", afterMs: 15_000, wrong: () => wrong.deaf },
      { fault: "blind", afterMs: 60_000, wrong: () => wrong.blind },
    ],
    clock,
    () => {
      changes++;
    },
  );
  return { clock, wrong, watch, changes: () => changes };
}

describe("what is a fault once it has lasted", () => {
  it("is told after its time, each by itself, and no longer when it is well again", () => {
    const { clock, wrong, watch, changes } = rig();
    watch.start();
    [wrong.deaf, wrong.blind] = [true, true];
    clock.advance(15_000);
    expect(watch.faults).toEqual([]);
    clock.advance(5_000);
    expect(watch.faults).toEqual(["deaf"]);
    clock.advance(45_000);
    expect(watch.faults).toEqual(["deaf", "blind"]);
    wrong.deaf = false;
    clock.advance(5_000);
    expect(watch.faults).toEqual(["blind"]);
    expect(changes()).toBe(3);
    watch.stop();
    expect([watch.faults, clock.pending]).toEqual([[], 0]);
  });

  it("is none when it is well again in time", () => {
    const { clock, wrong, watch, changes } = rig();
    watch.start();
    for (let each = 0; each < 20; each++) {
      wrong.deaf = each % 2 === 0;
      clock.advance(10_000);
      expect(watch.faults).toEqual([]);
    }
    expect(changes()).toBe(0);
    watch.stop();
  });
});
