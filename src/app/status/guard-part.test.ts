import { describe, expect, it } from "vitest";
import type { GuardView } from "../../firewall/control.ts";
import { counterNames } from "../../firewall/layout.ts";
import type { Ban } from "../../firewall/types.ts";
import { guardSchema } from "../../status/schema.ts";
import { banStatus, DROPPING, GuardHistory, unguarded } from "./guard-part.ts";

const MINUTE = 60_000;
const view = (more: Partial<GuardView> = {}): GuardView => ({
  atMs: 1_800_000_000_000,
  protect: "host",
  mode: "allowlist",
  inForce: true,
  rulesSinceMs: 1_800_000_000_000,
  repairs: 0,
  faults: [],
  trial: { state: "confirmed" },
  sources: { trusted: 1, registered: 2, allowed: 3, management: 4, blocked: 5 },
  lists: [],
  names: [],
  bans: { total: 0, latest: [] },
  limited: { total: 0, some: [] },
  events: { refused: 0, unattributed: 0 },
  counters: [],
  scanner: [],
  ...more,
});
const counted = (packets: number, name = "dropped") => view({ counters: [{ name, packets, bytes: 0 }] });
const ban = (source: string, more: Partial<Ban> = {}): Ban => ({
  ...{ source, reason: "logins", count: 1, sinceMs: 1.4, untilMs: 2.6 },
  ...more,
});
const limited = (...sources: string[]) =>
  view({ limited: { total: sources.length, some: sources.map((source) => ({ source, expiresS: 1 })) } });

describe("packets dropped in a minute", () => {
  /** Looks every ten seconds at rules that drop so many a look; what is told at the end. */
  const after = (looks: number, each: number, history = new GuardHistory(), fromMs = 0, from = 0) => {
    let told = -1;
    for (let look = 0; look <= looks; look++) {
      told = history.status(counted(from + look * each), fromMs + look * 10_000).droppedPerMinute;
    }
    return told;
  };

  it("are those of the whole minute, and of less while no more is known", () => {
    expect(after(0, 100)).toBe(0);
    expect(after(1, 100)).toBe(100);
    expect(after(6, 100)).toBe(600);
    expect(after(600, 100)).toBe(600);
  });

  it("leave out what was dropped before the gateway looked for the first time", () => {
    expect(after(3, 0, new GuardHistory(), 0, 1_000_000)).toBe(0);
  });

  it("go on over rules that were made anew and count from nothing", () => {
    const history = new GuardHistory();
    after(6, 100, history);
    expect(history.status(counted(30), 70_000).droppedPerMinute).toBe(530);
    expect(history.status(counted(30), 70_000 + MINUTE).droppedPerMinute).toBe(0);
  });

  it("are an average where nobody has looked for longer, and fall back to none", () => {
    const history = new GuardHistory();
    history.status(counted(0), 0);
    expect(history.status(counted(1_000), 10 * MINUTE).droppedPerMinute).toBe(100);
    expect(history.status(counted(1_000), 11 * MINUTE).droppedPerMinute).toBe(0);
  });
});

it("knows of every counter of the rules whether it counts what was dropped", () => {
  const passing = ["trusted", "strangers", "rtp", "management", "allowed_service", "forwarded"];
  expect([...DROPPING, ...passing].sort()).toEqual(Object.keys(counterNames).sort());
  const every = Object.keys(counterNames).map((name) => ({ name, packets: 1, bytes: 40 }));
  expect(new GuardHistory().status(view({ counters: every }), 0).dropped).toBe(DROPPING.size);
});

describe("the sources that come most often", () => {
  it("are counted by their bans, and once each time that they are limited anew", () => {
    const history = new GuardHistory();
    history.banned(ban("192.0.2.1"));
    history.banned(ban("192.0.2.1"));
    for (let look = 0; look < 5; look++) history.status(limited("192.0.2.2"), look);
    history.status(limited(), 6);
    history.status(limited("192.0.2.2"), 7);
    history.status(limited("192.0.2.2", "192.0.2.3"), 8);
    expect(history.status(limited("192.0.2.3"), 9).top).toEqual([
      { address: "192.0.2.1", count: 2 },
      { address: "192.0.2.2", count: 2 },
      { address: "192.0.2.3", count: 1 },
    ]);
  });

  it("are ten, of at most five hundred that are remembered, and a newcomer can rise among them", () => {
    const history = new GuardHistory();
    for (let at = 0; at < 5_000; at++) history.banned(ban(`10.0.${at >> 8}.${at & 255}`));
    for (let at = 0; at < 500; at++)
      for (let time = 0; time < 2; time++) history.banned(ban(`10.9.${at >> 8}.${at & 255}`));
    for (let time = 0; time < 9; time++) history.banned(ban("192.0.2.7"));
    const { top } = history.status(view(), 0);
    expect(top.length).toBe(10);
    expect(top[0]).toEqual({ address: "192.0.2.7", count: 9 });
    // One that came often is not pushed out by many that came once.
    for (let at = 0; at < 5_000; at++) history.banned(ban(`10.7.${at >> 8}.${at & 255}`));
    expect(history.status(view(), 1).top[0]).toEqual({ address: "192.0.2.7", count: 9 });
  });
});

describe("the guard's part", () => {
  it("fits its schema, however much there is to tell", () => {
    const many = <T>(count: number, make: (at: number) => T) => Array.from({ length: count }, (_, at) => make(at));
    const full = view({
      faults: many(60, (at) => `fault ${at}`),
      trial: { state: "on-trial", endsInS: 30, changes: many(90, (at) => `lists.${at}`) },
      lists: many(60, (at) => ({
        ...{ name: `list-${at}`, entries: 1, updatedMs: null, fault: null },
        counts: { added: 0, known: 0, skipped: 0, refused: 0 },
      })),
      bans: { total: 400, latest: many(50, (at) => ban(`192.0.2.${at}`)) },
      counters: [{ name: "dropped", packets: 3, bytes: 9 }],
      scanner: [{ token: "friendly-scanner", packets: 3 }],
    });
    const told = new GuardHistory().status(full, 0);
    expect(guardSchema.parse(told)).toEqual(told);
    expect(told.trial).toMatchObject({ state: "on-trial", endsMs: 1_800_000_030_000 });
    expect(told.bans.total).toBe(400);
    expect(guardSchema.parse(unguarded)).toEqual(unguarded);
  });

  it("shows a change that was taken back with what it was", () => {
    const trial = { state: "reverted", sinceMs: 5, changes: ["managementPorts"] } as const;
    expect(new GuardHistory().status(view({ trial }), 0).trial).toEqual({
      ...{ state: "reverted", endsMs: null, changes: ["managementPorts"] },
    });
  });

  it.each([
    ["logins", "failed logins"],
    ["operator", "by an operator"],
    ["fleet", "by another gateway"],
  ] as const)("says of a ban for %s: %s", (reason, words) => {
    expect(banStatus(ban("192.0.2.1", { reason }))).toEqual({
      ...{ address: "192.0.2.1", reason: words, sinceMs: 1, untilMs: 3, count: 1 },
    });
  });
});
