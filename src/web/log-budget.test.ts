import { expect, it } from "vitest";
import { silentLog } from "../base/log.ts";
import { LogBudget } from "./log-budget.ts";

it("writes ten a minute, and then how many more there were", () => {
  const written: [string, unknown][] = [];
  const budget = new LogBudget({ ...silentLog, warn: (message, fields) => written.push([message, fields]) });
  for (let at = 0; at < 1_000; at++) budget.warn("wrong password", { address: "192.0.2.1" }, at);
  expect(written.length).toBe(10);
  budget.warn("wrong password", { address: "192.0.2.2" }, 60_000);
  expect(written.slice(10)).toEqual([
    ["more of the like were not logged", { count: 990 }],
    ["wrong password", { address: "192.0.2.2" }],
  ]);
});
