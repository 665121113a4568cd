import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ContactInput, type ContactState, retryAfterMs, stepContact, unknownContact } from "./inputs.ts";

/** Takes inputs at their times; answers the final state and how often each effect came. */
function run(steps: readonly (readonly [atMs: number, input: ContactInput])[], debounceMs = 20) {
  let state: ContactState = unknownContact;
  const effects: string[] = [];
  for (const [atMs, input] of steps) {
    const after = stepContact(state, input, atMs, debounceMs);
    state = after.state;
    effects.push(...after.effects.map(({ type }) => type));
  }
  return { state, effects };
}
const opened = { type: "opened", active: false } as const;
const on = { type: "level", active: true } as const;
const off = { type: "level", active: false } as const;
const due = { type: "due" } as const;
const lost = { type: "lost", fault: "unplugged" } as const;

describe("a monitored contact", () => {
  it("is unknown until it was opened, and its first level is no operation", () => {
    expect(unknownContact.active).toBeNull();
    expect(run([[0, { type: "opened", active: true }]])).toEqual({
      state: { active: true, candidate: null, fault: null },
      effects: ["changed"],
    });
  });

  it("counts a level that stands for the debounce time, and not before", () => {
    expect(
      run([
        [0, opened],
        [100, on],
        [119, due],
      ]).state.active,
    ).toBe(false);
    const { state, effects } = run([
      [0, opened],
      [100, on],
      [120, due],
    ]);
    expect(state.active).toBe(true);
    expect(effects).toEqual(["changed", "changed", "operated"]);
  });

  it("does not count what bounces back, and begins anew with the next bounce", () => {
    const steps = [
      [0, opened],
      [100, on],
      [110, off],
      [115, on],
      [120, due],
      [134, due],
    ] as const;
    expect(run(steps).state.active).toBe(false);
    expect(run([...steps, [135, due]]).state.active).toBe(true);
  });

  it("takes a level again that it waits for already as nothing new", () => {
    const { state } = run([
      [0, opened],
      [100, on],
      [110, on],
    ]);
    expect(state.candidate).toEqual({ active: true, dueMs: 120 });
  });

  it("counts operations, not releases", () => {
    const { effects } = run([
      [0, opened],
      [10, on],
      [30, due],
      [50, off],
      [70, due],
      [90, on],
      [110, due],
    ]);
    expect(effects.filter((effect) => effect === "operated")).toHaveLength(2);
  });

  it("counts at once without a debounce time", () => {
    expect(
      run(
        [
          [0, opened],
          [5, on],
        ],
        0,
      ).effects,
    ).toEqual(["changed", "changed", "operated"]);
  });

  it("knows nothing of a contact that was lost, and counts nothing when it comes back active", () => {
    const gone = run([
      [0, opened],
      [5, on],
      [10, lost],
      [30, due],
      [31, on],
    ]);
    expect(gone.state).toEqual({ active: null, candidate: null, fault: "unplugged" });
    const back = run([
      [0, opened],
      [10, lost],
      [50, { type: "opened", active: true }],
    ]);
    expect(back.state).toEqual({ active: true, candidate: null, fault: null });
    expect(back.effects).toEqual(["changed", "changed", "changed"]);
  });

  it("says a fault once", () => {
    expect(
      run([
        [0, lost],
        [10, lost],
        [20, { type: "lost", fault: "another" }],
      ]).effects,
    ).toHaveLength(2);
  });

  it("counts exactly the times that it stood active long enough, however it bounces", () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 40 });
    fc.assert(
      fc.property(gaps, (durations) => {
        let state = stepContact(unknownContact, opened, 0, 20).state;
        let [atMs, active, counted, stable, expected] = [0, false, 0, false, 0];
        const take = (input: ContactInput, at: number) => {
          const after = stepContact(state, input, at, 20);
          state = after.state;
          counted += after.effects.filter(({ type }) => type === "operated").length;
        };
        for (const duration of durations) {
          active = !active;
          take({ type: "level", active }, atMs);
          if (state.candidate !== null && state.candidate.dueMs <= atMs + duration) take(due, state.candidate.dueMs);
          // The rule in other words: a stretch of at least 20 ms at the other level changes what counts.
          if (duration >= 20 && active !== stable) {
            stable = active;
            if (active) expected++;
          }
          atMs += duration;
        }
        expect({ counted, active: state.active }).toEqual({ counted: expected, active: stable });
      }),
    );
  });
});

describe("looking for a lost contact again", () => {
  it("waits twice as long each time, a minute at most", () => {
    expect([1, 2, 3, 7, 100].map(retryAfterMs)).toEqual([1_000, 2_000, 4_000, 60_000, 60_000]);
  });
});
