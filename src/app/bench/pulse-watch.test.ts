import { describe, expect, it } from "vitest";
import { generateTrain, seededRandom } from "../../line/train-generator.ts";
import { PulseWatch } from "./pulse-watch.ts";

const random = seededRandom(1);

function dial(
  watch: PulseWatch,
  pulses: number,
  atMs: number,
  falseImpulse: { afterMs: number; lengthMs: number } | null,
) {
  const edges = generateTrain({ pulses, ips: 10, breakPercent: 67, bounceMs: 1.5, falseImpulse }, atMs, random);
  for (const { closed, atMs: at } of edges) watch.edge(closed, at);
}

describe("following a loop from outside", () => {
  it("reads what was dialled and the first edge of the last make, whatever bounces or comes after", () => {
    for (let round = 0; round < 50; round++) {
      const watch = new PulseWatch();
      watch.edge(true, 0);
      dial(watch, 4, 1_000, null);
      expect(watch.dialled).toBe("4");
      dial(watch, 10, 2_000, { afterMs: 170, lengthMs: 20 });
      expect(watch.dialled).toBe("40");
      expect(watch.lastMakeMs).toBeCloseTo(2_967, 3);
    }
  });

  it("begins anew with the next seizure", () => {
    const watch = new PulseWatch();
    watch.edge(true, 0);
    dial(watch, 3, 1_000, null);
    watch.edge(false, 5_000);
    watch.edge(true, 6_000);
    expect(watch.dialled).toBe("");
    expect(watch.lastMakeMs).toBeNaN();
  });
});
