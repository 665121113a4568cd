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
