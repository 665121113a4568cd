import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBans, remaining, writeBans } from "./ban-record.ts";
import { type BanInput, type BanState, bansAt, MAX_SOURCES, noBans, REMEMBER_MS, step } from "./bans.ts";

const limits = { failures: 3, failureHours: 24, banMinutes: [10, 60, 1440] };
const MINUTE = 60_000;
const HOUR = 3_600_000;
const A = "192.0.2.1";
const rules = { limits, trusted: (source: string) => source === "192.0.2.99" };

/** Runs inputs; the state after them and every effect. */
function run(inputs: readonly BanInput[], from: BanState = noBans) {
  let state = from;
  const effects = inputs.flatMap((input) => {
    const next = step(state, input, rules);
    state = next.state;
    return next.effects;
  });
  return { state, effects };
}

const failed = (atMs: number, source = A, times = 1): BanInput => ({ type: "failed", source, times, atMs });

describe("bans", () => {
  it("come with the third failure, however slow, within the time that failures count", () => {
    expect(run([failed(0), failed(11 * HOUR)]).effects).toEqual([]);
    expect(run([failed(0), failed(11 * HOUR), failed(23 * HOUR)]).effects).toEqual([
      {
        type: "ban",
        ban: { source: A, reason: "logins", count: 1, sinceMs: 23 * HOUR, untilMs: 23 * HOUR + 10 * MINUTE },
      },
    ]);
    expect(run([failed(0), failed(11 * HOUR), failed(25 * HOUR)]).effects).toEqual([]);
  });

  it("grow longer with each, stay at the last length, and begin anew after a month", () => {
    let at = 0;
    let state = noBans;
    const lengths = [1, 2, 3, 4].map(() => {
      const made = run([failed(at, A, 3)], state);
      state = made.state;
      const ban = made.effects[0]?.ban;
      at = (ban?.untilMs ?? 0) + 1;
      return ((ban?.untilMs ?? 0) - (ban?.sinceMs ?? 0)) / MINUTE;
    });
    expect(lengths).toEqual([10, 60, 1440, 1440]);
    expect(run([failed(at + REMEMBER_MS, A, 3)], state).effects[0]?.ban.count).toBe(1);
  });

  it("are one at a time: what was on its way when it came changes nothing", () => {
    const { state } = run([failed(0, A, 3)]);
    expect(run([failed(1, A, 50)], state)).toEqual({ state, effects: [] });
  });

  it("never come to who is trusted, by whatever, and end when somebody becomes it", () => {
    const source = "192.0.2.99";
    const inputs: BanInput[] = [
      failed(0, source, 100),
      { type: "ban", source, reason: "operator", seconds: null, atMs: 0 },
    ];
    expect(run(inputs)).toEqual({ state: noBans, effects: [] });
    const { state } = run([failed(0, A, 3)]);
    const later = step(state, { type: "look", atMs: 1 }, { limits, trusted: () => true });
    expect(later.effects).toMatchObject([{ type: "release", why: "trusted", ban: { source: A } }]);
    expect(later.state.sources.size).toBe(0);
  });

  it("come by command, for as long as told, and are forgotten by command", () => {
    const made = run([{ type: "ban", source: A, reason: "operator", seconds: 30, atMs: 0 }]);
    expect(made.effects).toMatchObject([{ ban: { reason: "operator", untilMs: 30_000 } }]);
    const released = run([{ type: "release", source: A, atMs: 1 }], made.state);
    expect(released.effects).toMatchObject([{ type: "release", why: "operator" }]);
    expect(run([failed(2, A, 3)], released.state).effects[0]?.ban.count).toBe(1);
  });

  it("hold no more than so many sources, and keep those that matter", () => {
    const serious = run([failed(0, A, 3)]).state;
    const many = Array.from({ length: MAX_SOURCES + 10 }, (_, at) => failed(1, `10.0.${at >> 8}.${at & 255}`));
    const { state, effects } = run(many, serious);
    expect(state.sources.size).toBeLessThanOrEqual(MAX_SOURCES);
    expect(bansAt(state, 2).map((ban) => ban.source)).toEqual([A]);
    expect(effects).toEqual([]);
  });

  it("are forgotten when they are long over", () => {
    const { state } = run([failed(0, A, 3)]);
    expect(run([{ type: "look", atMs: REMEMBER_MS }], state).state.sources.size).toBe(1);
    expect(run([{ type: "look", atMs: REMEMBER_MS + HOUR }], state).state.sources.size).toBe(0);
  });
});

describe("stored bans", () => {
  it("come back as they were", () => {
    const { state } = run([failed(0, A, 3), failed(1, "2001:db8::/64"), failed(2, "2001:db8::/64")]);
    const stored: unknown = JSON.parse(JSON.stringify(writeBans(state)));
    expect(readBans(stored, 5)).toEqual({ state, refused: 0 });
    expect(remaining(state, A, 5 * MINUTE)).toBe(300);
    expect(remaining(state, A, 10 * MINUTE)).toBeNull();
  });

  it("still make the next one longer when they are over, and are gone after a month", () => {
    const stored = writeBans(run([failed(0, A, 3)]).state);
    const later = readBans(stored, HOUR).state;
    expect(bansAt(later, HOUR)).toEqual([]);
    expect(run([failed(HOUR, A, 3)], later).effects[0]?.ban.count).toBe(2);
    expect(readBans(stored, REMEMBER_MS + HOUR).state.sources.size).toBe(0);
  });

  it("last no longer than they were meant to when the clock is back in the past", () => {
    const stored = writeBans(run([failed(1_000 * HOUR, A, 3)]).state);
    expect(remaining(readBans(stored, HOUR).state, A, HOUR)).toBe(600);
  });

  it.each([[1], ["x"], [[]], [{}], [{ version: 2, sources: [] }], [{ version: 1, sources: {} }]])(
    "that are none are refused: %j",
    (stored) => {
      expect(readBans(stored, 0)).toEqual({ state: noBans, refused: 1 });
    },
  );

  const ban = { source: A, reason: "logins", count: 1, sinceMs: 0, untilMs: 600_000 };
  it.each<[string, unknown]>([
    ["no address", { source: "x", failures: [], ban: null }],
    ["a network", { source: "10.0.0.0/8", failures: [], ban: null }],
    ["another's ban", { source: "192.0.2.2", failures: [], ban }],
    ["a ban for ever", { source: A, failures: [], ban: { ...ban, untilMs: 1e15 } }],
    ["a ban backwards", { source: A, failures: [], ban: { ...ban, sinceMs: 700_000 } }],
    ["another reason", { source: A, failures: [], ban: { ...ban, reason: "spite" } }],
    ["failures that are no times", { source: A, failures: ["1"], ban: null }],
    ["far too many failures", { source: A, failures: Array.from({ length: 101 }, () => 1), ban: null }],
  ])("leave out %s, and keep the rest", (_, entry) => {
    const good = { source: "198.51.100.1", failures: [], ban: { ...ban, source: "198.51.100.1" } };
    const read = readBans({ version: 1, sources: [entry, good] }, 1);
    expect(read.refused).toBe(1);
    expect([...read.state.sources.keys()]).toEqual(["198.51.100.1"]);
  });

  it("are read from any JSON without an error", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        readBans(value, 1_000);
        readBans({ version: 1, sources: [value] }, 1_000);
      }),
    );
  });
});
