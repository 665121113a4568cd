import { expect, it } from "vitest";
import { StrangersBudget } from "./strangers-budget.ts";

/** Hosts that ask as often as the server lets one address, thirty times a second each; then somebody logs in. */
function newcomer(hosts: readonly string[], ms: number): number {
  const budget = new StrangersBudget();
  for (let now = 0; now < ms; now += 33) for (const host of hosts) budget.take(host, now);
  return Array.from({ length: 10 }, (_, at) => budget.take("192.0.2.7", ms + at)).filter(Boolean).length;
}

it("leaves a newcomer ten requests while forty others ask as fast as they may", () => {
  const hosts = Array.from({ length: 40 }, (_, at) => `10.0.0.${at}`);
  expect(newcomer(hosts, 60_000)).toBe(10);
});

it("takes an IPv6 network's hosts for one", () => {
  const hosts = Array.from({ length: 400 }, (_, at) => `2001:db8::${at}`);
  expect(newcomer(hosts, 5_000)).toBe(10);
});

it("gives all of them no more than a hundred a second in the long run", () => {
  const budget = new StrangersBudget();
  let taken = 0;
  for (let now = 0; now < 60_000; now += 50) {
    for (let host = 0; host < 400; host++) if (budget.take(`10.0.${host >> 8}.${host & 255}`, now)) taken++;
  }
  expect(taken).toBeLessThanOrEqual(200 + 100 * 60);
  expect(taken).toBeGreaterThan(50 * 60);
});
