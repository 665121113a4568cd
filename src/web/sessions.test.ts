import { describe, expect, it } from "vitest";
import { SESSION_S, Sessions } from "./sessions.ts";

describe("sessions", () => {
  it("are found by their token until they end, and no token is like another", () => {
    const sessions = new Sessions();
    const tokens = Array.from({ length: 50 }, () => sessions.open(0));
    expect(new Set(tokens).size).toBe(50);
    for (const token of tokens) {
      expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
      expect(sessions.find(token, 1)).not.toBeNull();
    }
    sessions.end(tokens[0] ?? null);
    expect(sessions.find(tokens[0] ?? null, 1)).toBeNull();
    expect(sessions.find(null, 1)).toBeNull();
    expect(sessions.find("A".repeat(43), 1)).toBeNull();
  });

  it("last thirty days and tell when they end", () => {
    const sessions = new Sessions();
    const token = sessions.open(0);
    let ended = 0;
    sessions.find(token, 0)?.onEnd.add(() => ended++);
    sessions.sweep(SESSION_S * 1_000 - 1);
    expect([ended, sessions.count]).toEqual([0, 1]);
    sessions.sweep(SESSION_S * 1_000);
    expect([ended, sessions.count]).toEqual([1, 0]);
    const other = sessions.open(0);
    expect(sessions.find(other, SESSION_S * 1_000)).toBeNull();
  });

  it("are at most a hundred: the oldest goes", () => {
    const sessions = new Sessions();
    const first = sessions.open(0);
    let ended = 0;
    sessions.find(first, 0)?.onEnd.add(() => ended++);
    const rest = Array.from({ length: 100 }, () => sessions.open(0));
    expect([sessions.count, ended, sessions.find(first, 0)]).toEqual([100, 1, null]);
    expect(rest.every((token) => sessions.find(token, 0) !== null)).toBe(true);
  });

  it("all end together, each once", () => {
    const sessions = new Sessions();
    let ended = 0;
    for (let at = 0; at < 3; at++) sessions.find(sessions.open(0), 0)?.onEnd.add(() => ended++);
    sessions.endAll();
    sessions.endAll();
    expect([ended, sessions.count]).toEqual([3, 0]);
  });
});

describe("sessions over a restart", () => {
  const DAY = 24 * 3_600_000;
  const now = Date.UTC(2026, 6, 1);
  /** One that was kept at `now`, taken up by another process whose clock says something else. */
  const resumed = (wallMs: number, leftMs = 20 * DAY) => {
    const before = new Sessions();
    const token = before.open(0);
    const kept = before.kept(30 * DAY - leftMs, now);
    const after = new Sessions();
    after.resume(kept, 5_000, wallMs);
    return { after, token };
  };

  it("are found again by their token, which is kept nowhere", () => {
    const before = new Sessions();
    const token = before.open(0);
    const kept = before.kept(0, now);
    expect(JSON.stringify(kept)).not.toContain(token);
    expect(kept).toEqual([
      { hash: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/), atMs: now, leftMs: SESSION_S * 1_000 },
    ]);
    const { after, token: mine } = resumed(now);
    expect(after.find(mine, 5_000)).not.toBeNull();
    expect(after.find(token, 5_000)).toBeNull();
    // Twice is once: the server may be started again.
    after.resume(after.kept(5_000, now), 5_000, now);
    expect(after.count).toBe(1);
  });

  it("last as long as they would have, with the time in between", () => {
    const { after, token } = resumed(now + 3 * DAY);
    expect(after.find(token, 5_000 + 17 * DAY - 1)).not.toBeNull();
    expect(after.find(token, 5_000 + 17 * DAY)).toBeNull();
    expect(resumed(now + 20 * DAY).after.count).toBe(0);
  });

  it("go on where the clock is behind, and are not prolonged by it", () => {
    const { after, token } = resumed(0);
    expect(after.find(token, 5_000 + 20 * DAY - 1)).not.toBeNull();
    expect(after.find(token, 5_000 + 20 * DAY)).toBeNull();
    // Over and over, each time with a clock that begins at 1970: what has gone by is gone.
    let sessions = new Sessions();
    sessions.open(0);
    let days = 0;
    for (; sessions.count > 0 && days < 100; days++) {
      const kept = sessions.kept(DAY, DAY);
      sessions = new Sessions();
      sessions.resume(kept, 0, 0);
    }
    expect(days).toBe(30);
  });

  it("are at most a hundred and last at most thirty days, whatever was kept", () => {
    const hash = (at: number) => String(at).padStart(43, "A").concat("=");
    const many = Array.from({ length: 150 }, (_, at) => ({ hash: hash(at), atMs: now, leftMs: 1e15 }));
    const sessions = new Sessions();
    sessions.resume(many, 0, now);
    expect(sessions.count).toBe(100);
    expect(sessions.kept(0, now).at(-1)).toEqual({ hash: hash(149), atMs: now, leftMs: SESSION_S * 1_000 });
    sessions.sweep(SESSION_S * 1_000);
    expect([sessions.count, sessions.kept(0, now)]).toEqual([0, []]);
  });
});
