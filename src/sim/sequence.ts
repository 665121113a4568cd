import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import type { PatternStep } from "../line/port.ts";

/** Plays steps on the clock, each from the ideal end of the one before, and then calls `ended`. */
export function playSteps(
  clock: Clock,
  steps: readonly PatternStep[],
  put: (closed: boolean) => void,
  ended: () => void,
): Dispose {
  let cancel: Dispose = () => undefined;
  const play = (index: number, atMs: number) => {
    const step = steps[index];
    if (step === undefined) return ended();
    put(step.closed);
    cancel = clock.at(atMs + step.ms, () => play(index + 1, atMs + step.ms));
  };
  play(0, clock.now());
  return () => cancel();
}
