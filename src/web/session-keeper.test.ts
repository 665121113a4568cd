import { beforeEach, describe, expect, it } from "vitest";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import type { KeptSession, SessionStore } from "./port.ts";
import { SessionKeeper } from "./session-keeper.ts";
import { Sessions } from "./sessions.ts";

const BEGIN = Date.UTC(2026, 6, 1);
const HOUR = 3_600_000;

/** A store that finishes a write when it is told to. */
class HeldStore implements SessionStore {
  readonly written: (readonly KeptSession[])[] = [];
  held = false;
  fault: Error | null = null;
  #waiting: (() => void)[] = [];
  load = async () => this.written.at(-1) ?? [];
  async save(sessions: readonly KeptSession[]): Promise<void> {
    if (this.fault !== null) throw this.fault;
    if (this.held) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.written.push(sessions);
  }
  release(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}

let clock: VirtualClock;
let setBy: number;
let store: HeldStore;
let sessions: Sessions;
let keeper: SessionKeeper;
const wall = () => BEGIN + setBy + clock.now();
beforeEach(() => {
  clock = new VirtualClock();
  setBy = 0;
  store = new HeldStore();
  sessions = new Sessions();
  keeper = new SessionKeeper(sessions, store, clock, wall, silentLog);
});

describe("sessions are kept", () => {
  it("as they are when their turn comes, in as few writes as will do", async () => {
    store.held = true;
    sessions.open(0);
    const first = keeper.keep();
    sessions.open(0);
    const others = [keeper.keep(), keeper.keep()];
    sessions.open(0);
    others.push(keeper.keep());
    store.release();
    await Promise.resolve();
    store.held = false;
    await Promise.all([first, ...others]);
    expect(store.written.map(({ length }) => length)).toEqual([1, 3]);
    sessions.endAll();
    await keeper.keep();
    expect(store.written.at(-1)).toEqual([]);
  });

  it("each change by itself, right after the one before was written", async () => {
    for (let at = 1; at <= 5; at++) {
      sessions.open(0);
      await keeper.keep();
      expect(store.written.at(-1)?.length).toBe(at);
    }
  });

  it("by the next process, with what is left of them", async () => {
    const token = sessions.open(0);
    await keeper.keep();
    const next = new Sessions();
    setBy = 24 * HOUR;
    await new SessionKeeper(next, store, clock, wall, silentLog).load();
    expect(next.find(token, clock.now())).not.toBeNull();
    expect(next.kept(clock.now(), wall())).toMatchObject([{ leftMs: 29 * 24 * HOUR }]);
  });

  it("anew when the clock was set, or a day has passed, and not otherwise", async () => {
    await keeper.load();
    sessions.open(0);
    keeper.look();
    await keeper.settled();
    expect(store.written).toEqual([]);
    // Login before the clock was right: by the right clock that was half a year ago.
    await keeper.keep();
    setBy = 180 * 24 * HOUR;
    keeper.look();
    await keeper.settled();
    expect(store.written.at(-1)).toMatchObject([{ atMs: wall(), leftMs: 30 * 24 * HOUR }]);
    clock.advance(23 * HOUR);
    keeper.look();
    await keeper.settled();
    expect(store.written.length).toBe(2);
    clock.advance(2 * HOUR);
    keeper.look();
    await keeper.settled();
    expect(store.written.at(-1)).toMatchObject([{ leftMs: 30 * 24 * HOUR - 25 * HOUR }]);
  });

  it("or not: a store that fails ends no session, and is tried again", async () => {
    store.fault = new Error("the card is full");
    const token = sessions.open(0);
    await keeper.keep();
    expect(sessions.find(token, 0)).not.toBeNull();
    store.fault = null;
    await keeper.keep();
    expect(store.written.length).toBe(1);
    const broken = { load: () => Promise.reject(new Error("lost")), save: async () => undefined };
    const none = new Sessions();
    await new SessionKeeper(none, broken, clock, wall, silentLog).load();
    expect(none.count).toBe(0);
  });
});
