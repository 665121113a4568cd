import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { type Log, silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import { POINTS } from "./history.ts";
import type { StatusSources } from "./port.ts";
import { MOST_EVENTS, StatusService } from "./service.ts";
import { quietParts } from "./test-parts.ts";
import { specOf } from "./topics.ts";
import type { Message, Part, StatusParts } from "./types.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Sources that say what the test says, fail or never answer when it says so. */
class Sources implements StatusSources {
  readonly parts: Mutable<StatusParts> = { ...quietParts };
  readonly reads = new Map<Part, number>();
  readonly faults = new Map<Part, Error>();
  readonly held = new Map<Part, Promise<void>>();

  async read<P extends Part>(part: P): Promise<StatusParts[P]> {
    this.reads.set(part, (this.reads.get(part) ?? 0) + 1);
    const fault = this.faults.get(part);
    if (fault !== undefined) throw fault;
    const value = this.parts[part];
    await this.held.get(part);
    return value;
  }
}

/** What the heap holds once the rubbish is gone, bytes. */
function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed;
}

/** Everything that was due has been done: reads are immediate, and each takes a few turns at most. */
async function settled(turns = 4): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const NOON = new Date(2026, 6, 16, 12).getTime();

function rig(log: Log = silentLog) {
  const clock = new VirtualClock();
  const sources = new Sources();
  const wall = { ms: NOON };
  const kept: { data: unknown } = { data: null };
  const service = new StatusService({
    site: "camp",
    sources,
    counts: {
      read: async () => kept.data,
      write: async (data) => {
        kept.data = data;
      },
    },
    clock,
    wallClock: () => wall.ms + clock.now(),
    log,
  });
  const messages: Message[] = [];
  service.onMessage((message) => {
    const spec = specOf(message.topic);
    expect(spec?.retained, message.topic).toBe(message.retain);
    if (message.payload !== null) expect(spec?.schema.parse(message.payload)).toEqual(message.payload);
    messages.push(message);
  });
  const take = () => messages.splice(0).map(({ topic, payload }) => [topic, payload] as const);
  const advance = async (ms: number) => {
    clock.advance(ms);
    await settled();
  };
  const start = async () => {
    await service.start(new AbortController().signal);
    await settled();
    await advance(100);
    await advance(100);
  };
  return { clock, sources, wall, kept, service, take, advance, start };
}

const line = (name: string, change: Partial<StatusParts["lines"][number]>) =>
  quietParts.lines.map((one) => (one.line === name ? { ...one, ...change } : one));

describe("the status", () => {
  it("tells everything once after the start, and has it in the snapshot", async () => {
    const { service, take, start } = rig();
    await start();
    const told = take();
    const topics = told.map(([topic]) => topic).sort();
    expect(topics).toEqual([
      "calls",
      "credentials",
      "gateway",
      "guard",
      "inputs/fuse",
      "lines/tie-1",
      "lines/tie-2",
      "nat",
      "system",
      "trunks/emf",
    ]);
    expect(
      service
        .snapshot()
        .map(({ topic }) => topic)
        .sort(),
    ).toEqual(topics);
    await service.stop();
  });

  it("tells a line that changed, at once, and no other", async () => {
    const { sources, service, take, start } = rig();
    await start();
    take();
    sources.parts.lines = line("tie-2", { state: "seized" });
    service.changed("lines");
    await settled(1);
    expect(take()).toEqual([["lines/tie-2", sources.parts.lines[1]]]);
    await service.stop();
  });

  it("reads a part once for many changes", async () => {
    const { sources, service, start } = rig();
    await start();
    const before = sources.reads.get("lines") ?? 0;
    for (let at = 0; at < 1_000; at++) service.changed("lines");
    await settled();
    expect(sources.reads.get("lines")).toBe(before + 1);
    await service.stop();
  });

  it("reads again what changed while it was read, never twice at a time, and ends with the last value", async () => {
    const { sources, service, take, start } = rig();
    await start();
    take();
    let release: () => void = () => undefined;
    sources.held.set("lines", new Promise((resolve) => (release = resolve)));
    sources.parts.lines = line("tie-1", { state: "seized" });
    service.changed("lines");
    await settled();
    sources.parts.lines = line("tie-1", { state: "talking" });
    service.changed("lines");
    await settled();
    const reads = sources.reads.get("lines");
    sources.held.clear();
    release();
    await settled();
    expect(sources.reads.get("lines")).toBe((reads ?? 0) + 1);
    expect(take().map(([, payload]) => (payload as { state: string }).state)).toEqual(["seized", "talking"]);
    await service.stop();
  });

  it("reads every part now and then, though nobody says that it changed", async () => {
    const { sources, service, take, start, advance } = rig();
    await start();
    take();
    sources.parts.trunks = [{ ...quietParts.trunks[0], registered: false } as StatusParts["trunks"][number]];
    sources.parts.nat = { ...quietParts.nat, doubleNat: true };
    for (let second = 0; second < 40; second++) await advance(1_000);
    expect(take().map(([topic]) => topic)).toEqual(["trunks/emf", "nat"]);
    await service.stop();
  });

  it("deletes the topic of what is there no more", async () => {
    const { sources, service, take, start } = rig();
    await start();
    take();
    sources.parts.lines = quietParts.lines.slice(1);
    service.changed("lines");
    await settled();
    expect(take()).toEqual([["lines/tie-1", null]]);
    expect(service.snapshot().map(({ topic }) => topic)).not.toContain("lines/tie-1");
    await service.stop();
  });

  it("tells alerts with since when, and deletes them when they are resolved", async () => {
    const { sources, service, take, start, advance } = rig();
    await start();
    take();
    const fuse = { alert: "input-fuse", severity: "error", source: "input", text: "Fuse" } as const;
    sources.parts.alerts = [fuse];
    service.changed("alerts");
    await advance(20);
    const [first] = take();
    expect(first).toEqual(["alerts/input-fuse", { ...fuse, sinceMs: NOON + 220 }]);
    await advance(10_000);
    expect(take()).toEqual([]);
    sources.parts.alerts = [];
    service.changed("alerts");
    await advance(20);
    expect(take()).toEqual([["alerts/input-fuse", null]]);
    await service.stop();
  });

  it("reads the guard soon after a change, but once a second at most", async () => {
    const { sources, service, start, advance } = rig();
    await start();
    await advance(2_000);
    const before = sources.reads.get("guard") ?? 0;
    service.changed("guard");
    await advance(50);
    expect(sources.reads.get("guard")).toBe(before + 1);
    for (let at = 0; at < 20; at++) {
      service.changed("guard");
      await advance(100);
    }
    expect(sources.reads.get("guard")).toBe(before + 3);
    await service.stop();
  });

  it("makes an alert of a source that fails; the part stays, and the others go on", async () => {
    const { sources, service, take, start, advance } = rig();
    await start();
    take();
    sources.faults.set("guard", new Error("nft is gone"));
    sources.parts.lines = line("tie-1", { state: "parked" });
    service.changed("guard");
    service.changed("lines");
    await advance(1_000);
    await advance(60);
    expect(take().map(([topic]) => topic)).toEqual(["lines/tie-1", "alerts/status-guard"]);
    expect(service.snapshot().find(({ topic }) => topic === "alerts/status-guard")?.payload).toMatchObject({
      severity: "warning",
      text: "part of the status is not up to date: guard: nft is gone",
    });
    expect(service.snapshot().some(({ topic }) => topic === "guard")).toBe(true);
    sources.faults.clear();
    service.changed("guard");
    await advance(1_000);
    await advance(1_000);
    expect(take()).toEqual([["alerts/status-guard", null]]);
    await service.stop();
  });

  it("goes on with the last alerts when these cannot be read, and says so", async () => {
    const { sources, service, take, start, advance } = rig();
    sources.parts.alerts = [{ alert: "disk", severity: "warning", source: "system", text: "full" }];
    await start();
    take();
    sources.faults.set("alerts", new Error("broken"));
    service.changed("alerts");
    await advance(20);
    expect(take().map(([topic]) => topic)).toEqual(["alerts/status-alerts"]);
    sources.faults.clear();
    await advance(5_000);
    await advance(100);
    expect(take().map(([topic]) => topic)).toEqual(["alerts/status-alerts"]);
    expect(service.snapshot().map(({ topic }) => topic)).toContain("alerts/disk");
    await service.stop();
  });

  it("makes an alert of a source that never answers, and asks it no more", async () => {
    const { sources, service, start, advance } = rig();
    await start();
    sources.held.set("nat", new Promise(() => undefined));
    service.changed("nat");
    for (let second = 0; second < 60; second++) await advance(1_000);
    expect(sources.reads.get("nat")).toBe(2);
    expect(service.snapshot().map(({ topic }) => topic)).toContain("alerts/status-nat");
    await service.stop();
  });

  it("never tells what has no place in the schema: a secret among the fields is refused, and not logged", async () => {
    const said: string[] = [];
    const note = (message: string, fields?: unknown) => said.push(message + JSON.stringify(fields));
    const log: Log = { debug: note, info: note, warn: note, error: note, child: () => log };
    const { sources, service, take, start, advance } = rig(log);
    await start();
    take();
    const leaky = {
      ...quietParts.trunks[0],
      calls: 1,
      password: "hunter2",
    } as unknown as StatusParts["trunks"][number];
    sources.parts.trunks = [leaky];
    service.changed("trunks");
    await advance(30);
    await advance(30);
    service.event("button", { type: "identify", atMs: 1, password: "hunter2" });
    service.event("no/such/topic", {});
    service.event("gateway", quietParts.gateway);
    const told = take();
    expect(told.map(([topic]) => topic)).toEqual(["alerts/status-trunks"]);
    expect(service.snapshot().find(({ topic }) => topic === "trunks/emf")?.payload).toEqual(quietParts.trunks[0]);
    expect(said.length).toBeGreaterThanOrEqual(4);
    expect(JSON.stringify([told, said])).not.toContain("hunter2");
    await service.stop();
  });

  it("serves every listener though one throws, and none that has gone", async () => {
    const { service, sources, take, start } = rig();
    await start();
    take();
    service.onMessage(() => {
      throw new Error("a bad listener");
    });
    const late: string[] = [];
    const dispose = service.onMessage(({ topic }) => late.push(topic));
    sources.parts.lines = line("tie-1", { state: "seized" });
    service.changed("lines");
    await settled();
    dispose();
    dispose();
    service.event("button", { type: "identify", atMs: 1 });
    expect(late).toEqual(["lines/tie-1"]);
    expect(take().map(([topic]) => topic)).toEqual(["lines/tie-1", "button"]);
    await service.stop();
  });

  it("tells events at once, keeps none, and drops a flood of them", async () => {
    const { service, take, start, advance } = rig();
    await start();
    take();
    const digit = { atMs: NOON, digit: 5, reason: null, ips: 10.2, breakPercent: 66 };
    for (let at = 0; at < 1_000; at++) service.event("lines/tie-1/digit", digit);
    expect(take()).toHaveLength(MOST_EVENTS);
    expect(service.snapshot().map(({ topic }) => topic)).not.toContain("lines/tie-1/digit");
    await advance(1_000);
    take();
    service.event("lines/tie-1/digit", digit);
    expect(take()).toEqual([["lines/tie-1/digit", digit]]);
    expect(service.history().digits["tie-1"]).toHaveLength(100);
    await service.stop();
  });

  it("reads lines, calls and inputs anew after midnight", async () => {
    const { sources, wall, service, start, advance } = rig();
    await start();
    const before = sources.reads.get("inputs") ?? 0;
    wall.ms = new Date(2026, 6, 17).getTime() - 1_000;
    await advance(5_000);
    expect(sources.reads.get("inputs")).toBe(before + 1);
    await service.stop();
  });

  it("says that it stops, keeps the counts, leaves no timer behind and says nothing more", async () => {
    const { clock, kept, service, take, start } = rig();
    await start();
    take();
    service.counts.operated("fuse");
    service.changed("lines");
    await service.stop();
    await service.stop();
    expect(take()).toEqual([["gateway", { ...quietParts.gateway, state: "stopping" }]]);
    expect(kept.data).toMatchObject({ ever: { "input/fuse": 1 } });
    expect(clock.pending).toBe(0);
    service.event("button", { type: "identify", atMs: 1 });
    service.changed("gateway");
    await settled();
    expect(take()).toEqual([]);
  });

  it("tells nothing of an answer that comes after the stop", async () => {
    const { sources, service, take, start } = rig();
    await start();
    take();
    let release: () => void = () => undefined;
    sources.held.set("lines", new Promise((resolve) => (release = resolve)));
    sources.parts.lines = line("tie-1", { state: "seized" });
    service.changed("lines");
    await settled();
    await service.stop();
    release();
    await settled();
    expect(take().map(([topic]) => topic)).toEqual(["gateway"]);
  });

  it("looks at the gateway again when an alert comes, since it may be degraded by it", async () => {
    const { sources, service, take, start, advance } = rig();
    await start();
    take();
    sources.parts.alerts = [{ alert: "disk", severity: "warning", source: "system", text: "full" }];
    sources.parts.gateway = { ...quietParts.gateway, state: "degraded" };
    service.changed("alerts");
    await advance(20);
    await advance(5);
    expect(take().map(([topic]) => topic)).toEqual(["alerts/disk", "gateway"]);
    await service.stop();
  });

  it("does nothing when it is stopped before it was started, or its start was aborted", async () => {
    const { clock, service, take } = rig();
    await service.stop();
    await expect(service.start(AbortSignal.abort())).rejects.toThrow();
    await service.stop();
    expect([take(), clock.pending]).toEqual([[], 0]);
  });

  it("runs for 24 hours in memory that does not grow", async () => {
    const { clock, sources, service, take, start } = rig();
    await start();
    let told = 0;
    const sizes: number[] = [];
    const heaps: number[] = [];
    for (let minute = 0; minute < POINTS + 10; minute++) {
      // Each quarter of a minute something changes: states, alerts that come and go, digits.
      for (let quarter = 0; quarter < 4; quarter++) {
        sources.parts.system = { ...quietParts.system, atMs: minute * 4 + quarter, cpuPercent: minute % 100 };
        sources.parts.lines = line("tie-1", { state: quarter % 2 === 0 ? "idle" : "seized" });
        const alert = `x-${minute}-${quarter}`;
        sources.parts.alerts = [{ alert, severity: "warning", source: "test", text: "x" }];
        service.event("lines/tie-1/digit", { atMs: minute, digit: 1, reason: null, ips: null, breakPercent: null });
        clock.advance(15_000);
        await settled(2);
        told += take().length;
      }
      sizes.push(service.snapshot().length + clock.pending);
      if (minute % 360 === 120) heaps.push(heapBytes());
    }
    expect(told).toBeGreaterThan(4 * POINTS);
    expect(Math.max(...sizes.slice(10))).toBeLessThanOrEqual(Math.max(...sizes.slice(0, 10)));
    // The rings are full size from the start; an alert that is kept would be 5,000 of them after a day.
    expect(Math.max(...heaps.slice(1))).toBeLessThan((heaps[0] ?? 0) + 1_000_000);
    const history = service.history();
    expect(history.cpuPercent).toHaveLength(POINTS);
    expect(history.cpuPercent.slice(0, -1).every((point) => point !== null)).toBe(true);
    expect(history.dropped.slice(0, -1).every((point) => point === 3)).toBe(true);
    expect(history.digits["tie-1"]).toHaveLength(100);
    await service.stop();
    expect(clock.pending).toBe(0);
  });
});
