import { describe, expect, it } from "vitest";
import { TypedEmitter } from "../../base/events.ts";
import { silentLog } from "../../base/log.ts";
import { VirtualClock } from "../../base/virtual-clock.ts";
import type { SipPort } from "../../calls/port.ts";
import { CallService } from "../../calls/service.ts";
import { context } from "../../calls/test-rig.ts";
import { configSchema } from "../../config/schema.ts";
import type { GuardView } from "../../firewall/control.ts";
import type { GuardEvents } from "../../firewall/guard-parts.ts";
import type { Ban } from "../../firewall/types.ts";
import { FakePort } from "../../line/fake-port.ts";
import { resolveProfile } from "../../line/profiles.ts";
import { LineService } from "../../line/service.ts";
import { CallLog } from "../../status/call-log.ts";
import { StatusCounts } from "../../status/counts.ts";
import { DayCounts } from "../../status/day-counts.ts";
import type { GatewayStatus } from "../../status/schema.ts";
import { quietParts } from "../../status/test-parts.ts";
import { specOf } from "../../status/topics.ts";
import type { Part, RaisedAlert } from "../../status/types.ts";
import { setBlocked } from "../line-operations.ts";
import { Lines } from "../lines.ts";
import { unguarded } from "./guard-part.ts";
import { GatewaySources, type SourceGateway } from "./sources.ts";

const config = configSchema.parse({
  site: { name: "Camp" },
  lines: [{ name: "line-1" }, { name: "line-2" }],
  trunks: [{ name: "event", server: "pbx.example", username: "4100", password: "pw" }],
});
const noSip: SipPort = {
  up: true,
  onEvent: () => () => undefined,
  openMedia: () => undefined,
  closeMedia: () => undefined,
  dial: () => undefined,
  connectEarly: () => undefined,
  answer: () => undefined,
  hangup: () => undefined,
};
const view: GuardView = {
  ...{ atMs: 1, protect: "host", mode: "open", inForce: true, rulesSinceMs: 1, repairs: 0, faults: [] },
  ...{ trial: { state: "confirmed" }, lists: [], names: [], counters: [], scanner: [] },
  sources: { trusted: 0, registered: 0, allowed: 0, management: 0, blocked: 0 },
  bans: { total: 0, latest: [] },
  limited: { total: 0, some: [] },
  events: { refused: 0, unattributed: 0 },
};

class SecondPort extends FakePort {
  override readonly name: string = "line-2";
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The calls room's own lines by the names of ours. */
const pax = context.lines.slice(0, 2).map((line, at) => ({ ...line, name: `line-${at + 1}` }));

/** A gateway with two lines, of which the test can say how the rest of it stands. */
async function rig() {
  const clock = new VirtualClock(1_000);
  const profile = resolveProfile("pax50");
  const ports = [FakePort, SecondPort].map((Port) => new Port(["loop", "current"], ["loop", "reversal", "busy"]));
  const drain = (then: () => void) => then();
  const services = ports.map(
    (port) => new LineService({ type: "tie-line", profile, port, clock, log: silentLog, drain }),
  );
  const lines = new Lines(services);
  const calls = new CallService(lines, noSip, clock, { ...context, lines: pax }, silentLog);
  await calls.start();
  await lines.start(new AbortController().signal);
  clock.advance(profile.seizeGuardMs);
  const guard = new TypedEmitter<GuardEvents>();
  const gateway: Mutable<SourceGateway> = {
    ...{ ready: true, fault: null, configFault: null, alerts: [], lines, calls, nat: null },
    onReady: () => () => undefined,
    asterisk: { on: () => () => undefined },
    sip: { onEvent: () => () => undefined },
    trunks: { registered: () => true },
    guard: { on: guard.on.bind(guard) as NonNullable<SourceGateway["guard"]>["on"], view: async () => view },
  };
  const others: RaisedAlert[] = [];
  const running: { system: GatewayStatus["system"] } = { system: null };
  const counts = new StatusCounts(new DayCounts(() => "2026-07-01"));
  const sources = new GatewaySources(config, gateway, new CallLog(counts), {
    ...{ site: "camp", version: "1.2.3", system: async () => quietParts.system, inputs: () => [] },
    ...{ credentials: () => quietParts.credentials, broker: () => null, concerns: () => others },
    running: () => running.system,
  });
  const told: { topic: string; payload: unknown }[] = [];
  const changed: Part[] = [];
  const dispose = sources.follow({
    changed: (part) => changed.push(part),
    event: (topic, payload) => {
      expect(specOf(topic)?.schema.parse(payload), topic).toEqual(payload);
      told.push({ topic, payload });
    },
  });
  return { clock, ports, gateway, guard, sources, told, changed, dispose, others, running, calls };
}

const ban: Ban = { source: "192.0.2.9", reason: "fleet", count: 1, sinceMs: 5, untilMs: 6 };

describe("the gateway's part of the status", () => {
  it.each<[string, Partial<SourceGateway>, string]>([
    ["all is well", {}, "ready"],
    ["something is wrong with the guard", { alerts: ["a list is old"] }, "degraded"],
    ["the configuration has a fault", { configFault: "line 3" }, "degraded"],
    ["calls cannot be made yet", { ready: false }, "starting"],
    ["something keeps it from calls", { ready: false, fault: "no firewall" }, "faulty"],
  ])("when %s", async (_, more, state) => {
    const { gateway, sources } = await rig();
    Object.assign(gateway, more);
    expect(await sources.read("gateway")).toMatchObject({
      site: "camp",
      name: "Camp",
      version: "1.2.3",
      state,
      simulated: true,
    });
  });

  it("is degraded by an error of whatever part, and by no warning of others", async () => {
    const { sources, others } = await rig();
    others.push({ alert: "button", severity: "warning", source: "button", text: "it cannot be read" });
    expect((await sources.read("gateway")).state).toBe("ready");
    others.push({ alert: "state", severity: "error", source: "store", text: "lost" });
    expect((await sources.read("gateway")).state).toBe("degraded");
  });

  it("tells which system runs, as it is now: a trial ends meanwhile", async () => {
    const { sources, running } = await rig();
    expect((await sources.read("gateway")).system).toBeNull();
    for (const trial of [true, false]) {
      running.system = { slot: "b", trial };
      expect((await sources.read("gateway")).system).toEqual({ slot: "b", trial });
    }
  });

  it("tells since when calls can be made, anew after each time that they could not", async () => {
    const { gateway, sources } = await rig();
    const since = (await sources.read("gateway")).readyMs;
    expect(since).toBeTypeOf("number");
    expect((await sources.read("gateway")).readyMs).toBe(since);
    gateway.ready = false;
    expect((await sources.read("gateway")).readyMs).toBeNull();
  });
});

describe("what the guard does", () => {
  it("is told each time, with the ban it is about, and shows in its part", async () => {
    const { guard, told, changed, sources } = await rig();
    guard.emit("banned", ban);
    guard.emit("released", ban);
    guard.emit("trial", "reverted");
    guard.emit("trial", "confirmed");
    const shown = { address: "192.0.2.9", reason: "by another gateway", count: 1 };
    expect(told.map(({ topic, payload }) => [topic, payload])).toMatchObject([
      ["guard/event", { type: "banned", ban: shown }],
      ["guard/event", { type: "released", ban: shown }],
      ["guard/event", { type: "reverted", ban: null }],
      ["guard/event", { type: "confirmed", ban: null }],
    ]);
    expect(changed).toEqual(["guard", "guard", "guard", "guard"]);
    expect((await sources.read("guard")).top).toEqual([{ address: "192.0.2.9", count: 1 }]);
    guard.emit("change");
    expect(changed.length).toBe(5);
  });

  it("is nothing where there is none, and nothing is told any more in the end", async () => {
    const { gateway, guard, sources, told, dispose } = await rig();
    dispose();
    guard.emit("banned", ban);
    expect(told).toEqual([]);
    gateway.guard = null;
    expect(await sources.read("guard")).toEqual(unguarded);
  });
});

describe("lines, trunks and alerts", () => {
  it("show a line that is seized, since when, and one that is blocked", async () => {
    const { ports, clock, gateway, sources, changed, calls } = await rig();
    expect(await sources.read("lines")).toMatchObject([
      { line: "line-1", state: "idle", blocked: false, call: null, digits: "" },
      { line: "line-2", state: "idle" },
    ]);
    const before = Date.now();
    ports[0]?.edge("loop", true, clock.now());
    clock.advance(25);
    const [first, second] = await sources.read("lines");
    expect(first).toMatchObject({ state: "seized", call: calls.calls[0]?.id });
    expect(first?.sinceMs).toBeGreaterThanOrEqual(before);
    expect(second).toMatchObject({ state: "idle", call: null });
    expect(changed).toContain("lines");
    setBlocked(gateway, { line: "line-2" }, true);
    expect(await sources.read("lines")).toMatchObject([{ blocked: false }, { line: "line-2", blocked: true }]);
    expect((await sources.read("calls")).active).toMatchObject([
      { direction: "from-pax", line: "line-1", phase: "dialling" },
    ]);
  });

  it("show a trunk that is not registered, and what is wrong with all of them together", async () => {
    const { gateway, sources, others } = await rig();
    gateway.trunks = { registered: () => false };
    gateway.alerts = ["the block list mine is old"];
    others.push({ alert: "button", severity: "warning", source: "button", text: "it cannot be read" });
    expect(await sources.read("trunks")).toMatchObject([{ trunk: "event", registered: false, calls: 0 }]);
    expect((await sources.read("alerts")).map(({ source }) => source)).toEqual(["guard", "button"]);
  });

  it("fit their schemas", async () => {
    const { sources } = await rig();
    for (const part of ["gateway", "calls", "guard", "nat", "system", "credentials"] as const) {
      const value = await sources.read(part);
      expect(specOf(part)?.schema.parse(value), part).toEqual(value);
    }
    for (const line of await sources.read("lines")) expect(specOf("lines/line-1")?.schema.parse(line)).toEqual(line);
    for (const trunk of await sources.read("trunks"))
      expect(specOf("trunks/event")?.schema.parse(trunk)).toEqual(trunk);
  });
});
