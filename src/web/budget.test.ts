import { describe, expect, it } from "vitest";
import { Budget } from "./budget.ts";

describe("budget", () => {
  it("gives so many at once, so many a second after that, and to each by itself", () => {
    const budget = new Budget(3, 2);
    const take = (key: string, nowMs: number) => budget.take(key, nowMs);
    expect([0, 0, 0, 0].map((now) => take("a", now))).toEqual([true, true, true, false]);
    expect(take("b", 0)).toBe(true);
    expect([499, 500, 501].map((now) => take("a", now))).toEqual([false, true, false]);
    expect([60_000, 60_000, 60_000, 60_000].map((now) => take("a", now))).toEqual([true, true, true, false]);
  });

  it("remembers so many addresses and no more", () => {
    const budget = new Budget(1, 1);
    for (let at = 0; at < 10_000; at++) budget.take(String(at), 0);
    expect(budget.size).toBe(512);
  });
});
