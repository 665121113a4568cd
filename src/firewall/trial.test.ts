import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  changesBetween,
  emptyTrial,
  type Moment,
  policyInForce,
  stepTrial,
  type TrialEffect,
  type TrialInput,
  type TrialState,
  trialView,
} from "./trial.ts";
import { readTrialMemory, type TrialMemory } from "./trial-memory.ts";
import { testPolicy } from "./trial-test-policy.ts";

const first = testPolicy({});
const changed = testPolicy({ mode: "open" });
const other = testPolicy({ managementPorts: [2222] });
const now: Moment = { monotonicMs: 5_000, unixMs: 1_000_000 };
const seconds = 60;

const states = {
  empty: emptyTrial,
  confirmed: { name: "confirmed", confirmed: first },
  onTrial: { name: "on-trial", confirmed: first, policy: changed, endsMs: 9_000 },
  overdue: { name: "on-trial", confirmed: first, policy: changed, endsMs: 5_000 },
  reverted: { name: "reverted", confirmed: first, policy: changed, sinceUnixMs: 7 },
} satisfies Record<string, TrialState>;

const configured = (policy: typeof first, operatorConnected: boolean, confirmSeconds = seconds): TrialInput => ({
  type: "configured",
  policy,
  operatorConnected,
  confirmSeconds,
});
const memory: TrialMemory = { version: 1, confirmed: other, pending: null };

const inputs = {
  loaded: { type: "loaded", memory },
  "the confirmed policy": configured(first, true),
  "the changed policy, somebody there": configured(changed, true),
  "the changed policy, nobody there": configured(changed, false),
  "the changed policy, never tried": configured(changed, true, 0),
  "another policy, somebody there": configured(other, true),
  "another policy, nobody there": configured(other, false),
  confirm: { type: "confirm" },
  time: { type: "time" },
} satisfies Record<string, TrialInput>;

const confirmed = (policy: typeof first): TrialState => ({ name: "confirmed", confirmed: policy });
const trialOf = (policy: typeof first): TrialState => ({ name: "on-trial", confirmed: first, policy, endsMs: 65_000 });
const failed: TrialState = { name: "reverted", confirmed: first, policy: changed, sinceUnixMs: 1_000_000 };

/** What becomes of every state by every input; `null`: nothing happens. */
const table: Record<keyof typeof states, Record<keyof typeof inputs, TrialState | null>> = {
  empty: {
    loaded: confirmed(other),
    "the confirmed policy": confirmed(first),
    "the changed policy, somebody there": confirmed(changed),
    "the changed policy, nobody there": confirmed(changed),
    "the changed policy, never tried": confirmed(changed),
    "another policy, somebody there": confirmed(other),
    "another policy, nobody there": confirmed(other),
    confirm: null,
    time: null,
  },
  confirmed: {
    loaded: null,
    "the confirmed policy": states.confirmed,
    "the changed policy, somebody there": trialOf(changed),
    "the changed policy, nobody there": confirmed(changed),
    "the changed policy, never tried": confirmed(changed),
    "another policy, somebody there": trialOf(other),
    "another policy, nobody there": confirmed(other),
    confirm: null,
    time: null,
  },
  onTrial: {
    loaded: null,
    "the confirmed policy": states.confirmed,
    "the changed policy, somebody there": states.onTrial,
    "the changed policy, nobody there": states.onTrial,
    "the changed policy, never tried": confirmed(changed),
    "another policy, somebody there": trialOf(other),
    "another policy, nobody there": confirmed(other),
    confirm: confirmed(changed),
    time: null,
  },
  overdue: {
    loaded: null,
    "the confirmed policy": states.confirmed,
    "the changed policy, somebody there": failed,
    "the changed policy, nobody there": failed,
    "the changed policy, never tried": confirmed(changed),
    "another policy, somebody there": trialOf(other),
    "another policy, nobody there": confirmed(other),
    confirm: confirmed(changed),
    time: failed,
  },
  reverted: {
    loaded: null,
    "the confirmed policy": states.confirmed,
    "the changed policy, somebody there": states.reverted,
    "the changed policy, nobody there": states.reverted,
    "the changed policy, never tried": confirmed(changed),
    "another policy, somebody there": trialOf(other),
    "another policy, nobody there": confirmed(other),
    confirm: confirmed(changed),
    time: null,
  },
};

const names = <T extends object>(of: T) => Object.keys(of) as (keyof T)[];
const cases = names(states).flatMap((state) => names(inputs).map((input) => [state, input] as const));

describe("every state with every input", () => {
  it.each(cases)("%s, %s", (state, input) => {
    const step = stepTrial(states[state], inputs[input], now);
    const wanted = table[state][input];
    expect(step.state).toEqual(wanted ?? states[state]);
    // What is merely remembered says nothing yet: the configuration follows.
    if (wanted === null || inputs[input].type === "loaded") return expect(step.effects).toEqual([]);
    expect(step.effects.map(({ type }) => type)).toEqual(["store", "enforce", "wake", "alert"]);
    const [store, enforce, wake, alert] = step.effects as [
      Extract<TrialEffect, { type: "store" }>,
      Extract<TrialEffect, { type: "enforce" }>,
      Extract<TrialEffect, { type: "wake" }>,
      Extract<TrialEffect, { type: "alert" }>,
    ];
    expect(enforce.policy).toEqual(policyInForce(step.state));
    expect(wake.atMs).toBe(wanted.name === "on-trial" ? wanted.endsMs : null);
    expect(alert.text === null).toBe(wanted.name === "confirmed");
    // Started again at once, it is as it was.
    const again = stepTrial(emptyTrial, { type: "loaded", memory: store.memory }, now);
    expect(again.state).toEqual(wanted);
    expect(readTrialMemory(JSON.parse(JSON.stringify(store.memory)))).toEqual(store.memory);
  });
});

describe("a trial over a restart", () => {
  const stored: TrialMemory = {
    version: 1,
    confirmed: first,
    pending: { kind: "on-trial", policy: changed, leftMs: 40_000, atMs: 1_000_000 },
  };
  const endsAfter = (unixMs: number) => {
    const { state } = stepTrial(emptyTrial, { type: "loaded", memory: stored }, { monotonicMs: 300, unixMs });
    return state.name === "on-trial" ? state.endsMs - 300 : null;
  };

  it.each([
    ["goes on with what was left", 1_015_000, 25_000],
    ["has gained nothing when the clock jumped back", 0, 40_000],
    ["is over when the clock jumped ahead, or the machine was off for long", 4_000_000_000, 0],
  ])("%s", (_, unixMs, left) => {
    expect(endsAfter(unixMs)).toBe(left);
  });

  it("that is over is taken back by the same configuration, though nobody is connected", () => {
    const late = { monotonicMs: 300, unixMs: 1_040_000 };
    const { state } = stepTrial(emptyTrial, { type: "loaded", memory: stored }, late);
    const step = stepTrial(state, configured(changed, false), late);
    expect(step.state).toEqual({ ...failed, sinceUnixMs: 1_040_000 });
    expect(policyInForce(step.state)).toEqual(first);
  });
});

describe("any history", () => {
  const policies = [first, changed, other];
  const event = fc.oneof(
    fc.record({
      kind: fc.constant("configured" as const),
      policy: fc.constantFrom(...policies),
      connected: fc.boolean(),
    }),
    fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 40_000 }) }),
    fc.record({ kind: fc.constant("restart" as const), jumpMs: fc.integer({ min: -100_000, max: 100_000 }) }),
    fc.record({ kind: fc.constant("confirm" as const) }),
  );

  it("has no unconfirmed policy in force for longer than a trial, and none confirmed by nobody", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        let state = stepTrial(emptyTrial, configured(first, true), { monotonicMs: 0, unixMs: 0 }).state;
        let disk: TrialMemory = { version: 1, confirmed: first, pending: null };
        let monotonicMs = 0;
        let unixMs = 0;
        let last = first;
        /** Time on trial of one and the same change. */
        let triedMs = 0;
        const step = (input: TrialInput) => {
          const before = state;
          const result = stepTrial(state, input, { monotonicMs, unixMs });
          for (const effect of result.effects) if (effect.type === "store") disk = effect.memory;
          state = result.state;
          const newly = state.name === "confirmed" && before.name !== "empty" && before.name !== "confirmed";
          if (newly && input.type === "time") expect.fail("confirmed by time");
          const sameTrial = before.name === "on-trial" && state.name === "on-trial" && before.policy === state.policy;
          if (!sameTrial && input.type !== "loaded") triedMs = 0;
        };
        for (const one of events) {
          if (one.kind === "configured") {
            last = one.policy;
            step({ ...configured(last, one.connected), type: "configured" } as TrialInput);
          } else if (one.kind === "confirm") step({ type: "confirm" });
          else if (one.kind === "pass") {
            const run = state.name === "on-trial" ? Math.min(one.ms, state.endsMs - monotonicMs) : 0;
            if (state.name === "on-trial") triedMs += run;
            monotonicMs += one.ms;
            unixMs += one.ms;
            step({ type: "time" });
          } else {
            unixMs += one.jumpMs;
            monotonicMs = 17;
            const before = state;
            state = emptyTrial;
            state = stepTrial(state, { type: "loaded", memory: disk }, { monotonicMs, unixMs }).state;
            expect(state.name).toBe(before.name);
            const held = triedMs;
            step(configured(last, false));
            if (state.name === "on-trial") {
              expect(before.name).toBe("on-trial");
              triedMs = held;
            }
          }
          const left = state.name === "on-trial" ? state.endsMs - monotonicMs : 0;
          expect(left).toBeLessThanOrEqual(seconds * 1000);
          if (state.name === "confirmed") expect(policyInForce(state)).toEqual(last);
        }
        expect(triedMs).toBeLessThanOrEqual(
          seconds * 1000 * (1 + events.filter(({ kind }) => kind === "restart").length),
        );
      }),
    );
  });
});

describe("what people are told", () => {
  it("names what differs and the time that is left, in whole seconds", () => {
    expect(trialView(states.onTrial, now)).toEqual({ state: "on-trial", endsInS: 4, changes: ["mode"] });
    expect(trialView(states.overdue, now)).toMatchObject({ endsInS: 0 });
    expect(trialView(states.reverted, now)).toEqual({ state: "reverted", sinceMs: 7, changes: ["mode"] });
    for (const state of [states.empty, states.confirmed]) expect(trialView(state, now)).toEqual({ state: "confirmed" });
  });

  it("does not call it a change when only the order of keys differs", () => {
    const turned = JSON.parse(JSON.stringify(first), (_, value: unknown) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).reverse())
        : value,
    ) as typeof first;
    expect(JSON.stringify(turned)).not.toBe(JSON.stringify(first));
    expect(changesBetween(first, turned)).toEqual([]);
    expect(changesBetween(first, testPolicy({ router: null, sip: { port: 5070, tcp: false } }))).toEqual([
      "router",
      "sip.port",
    ]);
  });
});
