import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  absent,
  type ButtonEffect,
  type ButtonInput,
  type ButtonState,
  dueMs,
  meaningOf,
  SETTLE_MS,
  stepButton,
} from "./button.ts";
import type { ButtonMeaning, LedPattern } from "./types.ts";

/** A button and its clock: everything that falls due happens in between, as the service makes it. */
class Pressed {
  state: ButtonState = absent;
  nowMs = 1_000;
  readonly meanings: ButtonMeaning[] = [];
  led: LedPattern | null = null;

  constructor(active = false) {
    this.#take({ type: "opened", active, atMs: this.nowMs });
  }

  wait(ms: number): this {
    const until = this.nowMs + ms;
    for (let due = dueMs(this.state); due !== null && due <= until; due = dueMs(this.state)) {
      this.nowMs = due;
      this.#take({ type: "due", atMs: due });
    }
    this.nowMs = until;
    return this;
  }

  change(active: boolean): this {
    this.#take({ type: "changed", active, atMs: this.nowMs });
    return this;
  }

  lose(): this {
    this.#take({ type: "lost", atMs: this.nowMs });
    return this;
  }

  open(active: boolean): this {
    this.#take({ type: "opened", active, atMs: this.nowMs });
    return this;
  }

  press(ms: number): this {
    return this.change(true).wait(ms).change(false).wait(100);
  }

  #take(input: ButtonInput): void {
    const { state, effects } = stepButton(this.state, input);
    this.state = state;
    for (const effect of effects) {
      if (effect.type === "means") this.meanings.push(effect.meaning);
      else this.led = effect.pattern;
    }
  }
}

describe("a press", () => {
  it.each<[number, ButtonMeaning[]]>([
    [49, []],
    [50, ["identify"]],
    [1_499, ["identify"]],
    [1_500, ["cancelled"]],
    [4_999, ["cancelled"]],
    [5_000, ["reset"]],
    [12_999, ["reset"]],
    [13_000, ["cancelled"]],
    [14_999, ["cancelled"]],
    [15_000, ["factory-reset"]],
    [29_999, ["factory-reset"]],
    [30_000, ["stuck"]],
    [3_600_000, ["stuck"]],
  ])("of %d ms means %j, once, and gives the LED back", (ms, meanings) => {
    const button = new Pressed().press(ms);
    expect(button.meanings).toEqual(meanings);
    expect(button.led).toBeNull();
    expect(button.state).toEqual({ kind: "released" });
  });

  it("shows before it is let go what that would do", () => {
    const button = new Pressed().change(true);
    const shown = [20, 30, 4_949, 1, 7_999, 1, 1_999, 1, 14_999, 1].map((ms) => button.wait(ms).led);
    expect(shown).toEqual([
      null,
      "pressed",
      "pressed",
      "armed-reset",
      "armed-reset",
      "pressed",
      "pressed",
      "armed-factory",
      "armed-factory",
      "fault",
    ]);
    expect(button.meanings).toEqual(["stuck"]);
  });

  it("whose contact chatters for 20 ms at both ends is one press", () => {
    const button = new Pressed();
    const chatter = (end: boolean) => {
      for (let at = 0; at < 10; at++) button.change(at % 2 === 0 ? end : !end).wait(2);
      button.change(end);
    };
    chatter(true);
    button.wait(6_000);
    chatter(false);
    button.wait(1_000);
    expect(button.meanings).toEqual(["reset"]);
  });

  it("that a contact breaks off for less than the settling time goes on", () => {
    const button = new Pressed()
      .change(true)
      .wait(4_000)
      .change(false)
      .wait(SETTLE_MS - 1)
      .change(true)
      .wait(2_000);
    expect(button.change(false).wait(100).meanings).toEqual(["reset"]);
  });

  it("is as long as it was when everything is heard late", () => {
    const button = new Pressed().change(true);
    button.nowMs += 16_000;
    button.change(false).wait(100);
    expect(button.meanings).toEqual(["factory-reset"]);
    expect(new Pressed().change(true).change(false).wait(10_000).meanings).toEqual([]);
  });
});

describe("a button that is not to be trusted", () => {
  it("pressed when it is first seen does nothing, however long and whenever it is let go", () => {
    for (const ms of [10, 200, 6_000, 16_000]) {
      const button = new Pressed(true).wait(ms).change(false).wait(100);
      expect(button.meanings).toEqual([]);
      expect(button.press(200).meanings).toEqual(["identify"]);
    }
  });

  it("pressed for ever is told once, at the start or later, and works again once it was let go", () => {
    for (const button of [new Pressed(true), new Pressed().change(true)]) {
      button.wait(86_400_000);
      expect(button.meanings).toEqual(["stuck"]);
      expect(button.led).toBe("fault");
      // Chatter is no release.
      button.change(false).wait(10).change(true).wait(60_000);
      button.change(false).wait(100);
      expect(button.led).toBeNull();
      expect(button.press(6_000).meanings).toEqual(["stuck", "reset"]);
    }
  });

  it("lost while it is held has done nothing, and held when it is back does nothing either", () => {
    for (const ms of [10, 200, 6_000, 16_000]) {
      const button = new Pressed().change(true).wait(ms).lose();
      expect([button.led, button.meanings]).toEqual([null, []]);
      button.wait(1_000).open(true).wait(6_000).change(false).wait(100);
      expect(button.meanings).toEqual([]);
    }
  });

  it("that was let go while the power was cut, or the contact lost, has done nothing", () => {
    expect(new Pressed().change(true).wait(6_000).lose().open(false).wait(60_000).meanings).toEqual([]);
  });
});

const states: ButtonState[] = [
  absent,
  { kind: "released" },
  { kind: "closing", sinceMs: 0 },
  ...([0, 1, 2, 3] as const).flatMap((stage): ButtonState[] => [
    { kind: "pressed", sinceMs: 0, stage },
    { kind: "opening", sinceMs: 0, endMs: 29_000, stage },
  ]),
  ...[false, true].flatMap((told): ButtonState[] => [
    { kind: "blocked", sinceMs: 0, told },
    { kind: "unblocking", sinceMs: 0, endMs: 29_000, told },
  ]),
];
const inputs = (atMs: number): ButtonInput[] => [
  { type: "opened", active: false, atMs },
  { type: "opened", active: true, atMs },
  { type: "changed", active: false, atMs },
  { type: "changed", active: true, atMs },
  { type: "due", atMs },
  { type: "lost", atMs },
];

describe("in every state", () => {
  const cases = states.flatMap((state) =>
    [5, 29_010, 29_500, 100_000].flatMap((atMs) => inputs(atMs).map((input) => [state, input] as const)),
  );

  it.each(cases)("%j takes %j and never lags behind the clock", (state, input) => {
    const { state: next, effects } = stepButton(state, input);
    const destructive = effects.some(
      (effect) => effect.type === "means" && (effect.meaning === "reset" || effect.meaning === "factory-reset"),
    );
    // Only letting go, seen to last, does something that cannot be undone.
    if (destructive) expect(state.kind).toBe("opening");
    if (input.type === "opened") expect(next.kind).toBe(input.active ? "blocked" : "released");
    if (input.type === "lost") expect(next).toEqual(absent);
    const due = dueMs(next);
    if (input.type === "due" && due !== null) expect(due).toBeGreaterThan(input.atMs);
    // Whoever gives the LED back had it.
    const show = effects.filter((effect): effect is Extract<ButtonEffect, { type: "show" }> => effect.type === "show");
    if (show[0]?.pattern === null) expect(["pressed", "opening", "blocked", "unblocking"]).toContain(state.kind);
  });

  it("any sequence of levels means what the longest undisturbed presses mean, and ends at rest", () => {
    const spans = fc.array(fc.integer({ min: 60, max: 40_000 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(spans, (held) => {
        const button = new Pressed();
        for (const ms of held) button.press(ms);
        expect(button.meanings).toEqual(held.map(meaningOf));
        expect(dueMs(button.state)).toBeNull();
      }),
    );
  });

  it("noise shorter than the settling time means nothing at all", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: SETTLE_MS - 1 }), { maxLength: 200 }), (gaps) => {
        const button = new Pressed();
        gaps.forEach((ms, at) => {
          button.change(at % 2 === 0).wait(ms);
        });
        expect(button.change(false).wait(100).meanings).toEqual([]);
      }),
    );
  });
});
