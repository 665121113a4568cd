import { describe, expect, it } from "vitest";
import type { InputStatus, SystemStatus, TrunkStatus } from "../../status/schema.ts";
import { quietParts } from "../../status/test-parts.ts";
import type { BrokerState } from "../../status/types.ts";
import { alertsOf, type Concerns } from "./alerts.ts";

const NOW = Date.UTC(2026, 6, 1);
const well: Concerns = {
  nowMs: NOW,
  fault: null,
  configFault: null,
  guard: [],
  lines: [{ name: "tie-1", status: "idle", warn: false }],
  trunks: [],
  inputs: [],
  system: null,
  broker: null,
  others: [],
};
const alerts = (concerns: Partial<Concerns>) => alertsOf({ ...well, ...concerns });
const ids = (concerns: Partial<Concerns>) => alerts(concerns).map(({ alert, severity }) => `${severity} ${alert}`);

const trunk = (more: Partial<TrunkStatus>): TrunkStatus => ({
  ...{ trunk: "event", server: "pbx.example", registered: true, sinceMs: 0, calls: 0, callLimit: 2 },
  ...more,
});
const input = (more: Partial<InputStatus>): InputStatus => ({
  ...{ input: "fuse", label: "Fuse blown", active: false, sinceMs: 0, alarm: true, operationsToday: 0, operations: 0 },
  ...more,
});
const system = (more: Partial<SystemStatus>): SystemStatus => ({ ...quietParts.system, ...more });
const broker = (more: Partial<BrokerState>): BrokerState => ({
  ...{ url: "mqtts://broker.example", embedded: false, connected: false, sinceMs: NOW, fault: null },
  ...more,
});

describe("alerts", () => {
  it("are none where nothing is wrong", () => {
    expect(alerts({ trunks: [trunk({}), trunk({ registered: null })], inputs: [input({})] })).toEqual([]);
  });

  it("name the configuration's fault once, though it keeps the gateway from calls", () => {
    expect(ids({ fault: "line 3: unknown key", configFault: "line 3: unknown key" })).toEqual(["error configuration"]);
    expect(ids({ fault: "Asterisk does not start", configFault: "line 3" })).toEqual([
      "error configuration",
      "error gateway",
    ]);
  });

  it("of the guard are known again by their text, whatever its figures, and none hides another", () => {
    const [first] = ids({ guard: ["the kernel does not take 3 bans or releases"] });
    expect(ids({ guard: ["the kernel does not take 512 bans or releases"] })).toEqual([first]);
    const both = [
      "port 5060 is not forwarded",
      "port 10000 is not forwarded",
      "the kernel does not take 1 bans or releases",
    ];
    const named = ids({ guard: both });
    expect(new Set(named).size).toBe(3);
    expect(named).toContain(first);
    expect(named[1]).toBe(`${named[0]}-2`);
    expect(alerts({ guard: both }).map(({ text }) => text)).toEqual(both);
  });

  it.each([
    ["fault", false, ["error line-tie-1"]],
    ["parked", true, ["warning line-tie-1"]],
    ["idle", true, ["warning dial-tie-1"]],
    ["talking", false, []],
  ])("of a line that is %s, its dial's warning being %s: %j", (status, warn, expected) => {
    expect(ids({ lines: [{ name: "tie-1", status, warn }] })).toEqual(expected);
  });

  it("give a trunk a minute to register again, and say nothing of one that does not register", () => {
    const down = (ms: number) => ids({ trunks: [trunk({ registered: false, sinceMs: NOW - ms })] });
    expect([down(60_000), down(60_001)]).toEqual([[], ["error trunk-event"]]);
    expect(ids({ trunks: [trunk({ registered: null, sinceMs: 0 })] })).toEqual([]);
  });

  it("come with an input that is an alarm, or cannot be read", () => {
    expect(alerts({ inputs: [input({ active: true })] })).toEqual([
      { alert: "input-fuse", severity: "error", source: "input", text: "Fuse blown" },
    ]);
    expect(ids({ inputs: [input({ active: true, alarm: false })] })).toEqual([]);
    expect(ids({ inputs: [input({ active: null, alarm: false })] })).toEqual(["warning input-fuse"]);
  });

  const throttled = { underVoltage: false, capped: false, throttled: true, sinceBoot: true };
  it.each<[string, Partial<SystemStatus>, string[]]>([
    ["79.9 degrees", { temperatureC: 79.9 }, []],
    ["80 degrees", { temperatureC: 80 }, ["warning temperature"]],
    ["50 MB on the card", { disk: { ...quietParts.system.disk, freeMb: 50 } }, []],
    ["49 MB on the card", { disk: { ...quietParts.system.disk, freeMb: 49 } }, ["warning disk"]],
    ["40 MB of memory", { memoryAvailableMb: 40 }, []],
    ["39 MB of memory", { memoryAvailableMb: 39 }, ["warning memory"]],
    ["no thermometer", { temperatureC: null, throttled: null }, []],
    ["a slow processor", { throttled }, ["warning throttled"]],
    ["a bad supply", { throttled: { ...throttled, underVoltage: true } }, ["warning voltage"]],
  ])("of a machine with %s", (_, more, expected) => {
    const comfortable = { temperatureC: 50, memoryAvailableMb: 400, throttled: null };
    const disk = { ...quietParts.system.disk, freeMb: 5_000 };
    expect(ids({ system: system({ ...comfortable, disk, ...more }) })).toEqual(expected);
  });

  it("give the broker half a minute, and tell why it is away", () => {
    const away = (ms: number, fault: string | null) => alerts({ broker: broker({ sinceMs: NOW - ms, fault }) });
    expect(away(30_000, "refused")).toEqual([]);
    expect(away(30_001, "refused")).toMatchObject([
      { alert: "broker", text: "no connection to the broker mqtts://broker.example: refused" },
    ]);
    expect(away(30_001, null)).toMatchObject([{ text: expect.stringContaining("not yet") }]);
    expect(alerts({ broker: broker({ connected: true, sinceMs: 0 }) })).toEqual([]);
  });

  it("begin with errors, have one of each name, and no text without end", () => {
    const others = [
      { alert: "state", severity: "warning", source: "store", text: "first" },
      { alert: "state", severity: "warning", source: "store", text: "x".repeat(5_000) },
    ] as const;
    const found = alerts({ others, guard: ["something"], fault: "down" });
    expect(found.map(({ alert }) => alert)).toEqual(["gateway", expect.stringMatching(/^guard-/), "state"]);
    expect(found[2]?.text.length).toBe(1_000);
  });
});
