import { describe, expect, it } from "vitest";
import { GatewayError } from "../base/errors.ts";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import type { SipPort } from "../calls/port.ts";
import { CallService } from "../calls/service.ts";
import { context } from "../calls/test-rig.ts";
import { FakePort } from "../line/fake-port.ts";
import { FRAME_SAMPLES } from "../line/port.ts";
import { resolveProfile } from "../line/profiles.ts";
import { LineService } from "../line/service.ts";
import { fillTone, toneSamples } from "../line/tones.ts";
import { operationNames } from "../status/types.ts";
import { Lines } from "./lines.ts";
import { GatewayOperations } from "./operations.ts";
import { testCall } from "./test-call.ts";

const LINE = "line-1";

/** One idle line with the calls on it, at a clock that the test moves. */
async function rig() {
  const port = new FakePort(["loop", "current"], ["loop", "reversal", "busy"]);
  const clock = new VirtualClock(1_000);
  const profile = resolveProfile("pax50");
  const drain = (then: () => void) => then();
  const line = new LineService({ type: "tie-line", profile, port, clock, log: silentLog, drain });
  const lines = new Lines([line]);
  const done: string[] = [];
  const sip: SipPort = {
    up: true,
    onEvent: () => () => undefined,
    openMedia: () => undefined,
    closeMedia: () => undefined,
    dial: (leg) => done.push(`dial ${leg}`),
    connectEarly: () => undefined,
    answer: () => undefined,
    hangup: () => undefined,
  };
  const [first] = context.lines;
  if (first === undefined) throw new Error("the test's context has no lines");
  const calls = new CallService(lines, sip, clock, { ...context, lines: [{ ...first, name: LINE }] }, silentLog);
  await calls.start();
  await lines.start(new AbortController().signal);
  clock.advance(profile.seizeGuardMs);
  const hear = (ms: number, name: "dial" | "busy") => {
    const frame = new Int16Array(FRAME_SAMPLES);
    let position = 0;
    for (let t = 0; t < ms; t += 20) {
      position = fillTone(toneSamples("era", name), position, frame);
      clock.advance(20);
      if (port.audioOpen) port.frame(frame);
    }
  };
  const asterisk = { restart: async () => void done.push("restart") };
  const operations = new GatewayOperations(
    () => ({ lines, calls, guard: null, asterisk }),
    () => null,
    silentLog,
  );
  const perform = (name: (typeof operationNames)[number], params?: unknown) =>
    operations.perform(name, params, "a test");
  return { port, clock, line, lines, calls, done, perform, hear, profile };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "done",
    (error: unknown) => (error instanceof GatewayError ? error.code : error),
  );

describe("line/block and line/unblock", () => {
  it("take a line out of service and put it back", async () => {
    const { perform, line, port } = await rig();
    expect(await perform("line/block", { line: LINE })).toEqual({ line: LINE, blocked: true, status: "idle" });
    expect([line.blocked, [...port.energised]]).toEqual([true, ["busy"]]);
    expect(await perform("line/unblock", { line: LINE })).toEqual({ line: LINE, blocked: false, status: "idle" });
    expect([line.blocked, [...port.energised]]).toEqual([false, []]);
  });

  it("give a PAX caller who comes all the same congestion, and nobody is called for him", async () => {
    const { perform, line, calls, port, clock, done } = await rig();
    const ends: string[] = [];
    calls.onReport((report) => {
      if (report.type === "ended") ends.push(report.reason);
    });
    await perform("line/block", { line: LINE });
    port.edge("loop", true, clock.now());
    clock.advance(25);
    expect([line.status, ends, done]).toEqual(["awaiting-clear", ["the line is blocked"], []]);
    expect([...port.energised]).toEqual(["busy"]);
  });
});

describe("a test call", () => {
  it("hears the PAX's dial tone, tells how long it took, and leaves the line as it was", async () => {
    const { line, calls, clock, port, hear, profile } = await rig();
    const result = testCall(line, calls, clock);
    expect(port.energised.has("loop")).toBe(true);
    clock.advance(40);
    port.edge("current", true, clock.now());
    hear(1_200, "dial");
    const found = await result;
    expect(found).toMatchObject({ line: LINE, dialTone: true, currentMs: 40, fault: null });
    expect(found.dialToneMs).toBeGreaterThan(100);
    expect(found.dialToneMs).toBeLessThan(1_300);
    expect([line.status, [...port.energised], calls.calls.length]).toEqual(["guard", [], 0]);
    clock.advance(profile.seizeGuardMs);
    expect(line.status).toBe("idle");
  });

  it("waits for a slow PAX, which gives dial tone after the time at which a call would dial all the same", async () => {
    const { line, calls, clock, port, hear } = await rig();
    const result = testCall(line, calls, clock);
    port.edge("current", true, clock.now());
    clock.advance(5_000);
    hear(1_200, "dial");
    expect((await result).dialTone).toBe(true);
  });

  it("gives up in time when there is none, and releases", async () => {
    const { line, calls, clock, port } = await rig();
    const result = testCall(line, calls, clock, 8_000);
    port.edge("current", true, clock.now());
    clock.advance(7_999);
    expect(port.energised.has("loop")).toBe(true);
    clock.advance(1);
    expect(await result).toMatchObject({ dialTone: false, dialToneMs: null, fault: "no dial tone" });
    expect([line.status, port.energised.size]).toEqual(["guard", 0]);
  });

  it("tells a line without loop current, and one that hears busy tone", async () => {
    const dead = await rig();
    const first = testCall(dead.line, dead.calls, dead.clock);
    dead.clock.advance(dead.profile.currentTimeoutMs);
    expect(await first).toMatchObject({
      dialTone: false,
      currentMs: null,
      fault: expect.stringContaining("no loop current"),
    });
    expect(dead.port.energised.size).toBe(0);
    const busy = await rig();
    const second = testCall(busy.line, busy.calls, busy.clock);
    busy.port.edge("current", true, busy.clock.now());
    busy.hear(7_000, "busy");
    expect(await second).toMatchObject({ dialTone: false, fault: expect.stringContaining("busy tone") });
  });

  it("is refused while the line is in use, and while it is tested already", async () => {
    const { line, calls, clock, port, perform, hear } = await rig();
    port.edge("loop", true, clock.now());
    clock.advance(25);
    expect(line.status).toBe("seized");
    expect(await codeOf(perform("call/test", { line: LINE }))).toBe("line-busy");
    expect(line.status).toBe("seized");
    port.edge("loop", false, clock.now());
    clock.advance(2_000);
    const running = testCall(line, calls, clock);
    expect(await codeOf(perform("call/test", { line: LINE }))).toBe("line-busy");
    port.edge("current", true, clock.now());
    hear(1_200, "dial");
    expect((await running).dialTone).toBe(true);
  });

  it("gives way to a seizure by the PAX, whose caller is served", async () => {
    const { line, calls, clock, port } = await rig();
    const result = codeOf(testCall(line, calls, clock));
    port.edge("loop", true, clock.now());
    clock.advance(25);
    expect(await result).toBe("line-seized");
    expect([line.status, port.energised.size]).toEqual(["seized", 0]);
    expect(calls.calls).toMatchObject([{ direction: "from-pax", phase: "dialling" }]);
  });
});

describe("asterisk/restart", () => {
  it("is refused while a call is up, unless it is meant", async () => {
    const { perform, done, port, clock } = await rig();
    expect(await perform("asterisk/restart")).toEqual({ ended: 0 });
    port.edge("loop", true, clock.now());
    clock.advance(25);
    expect(await codeOf(perform("asterisk/restart", {}))).toBe("calls-up");
    expect(done).toEqual(["restart"]);
    expect(await perform("asterisk/restart", { force: true })).toEqual({ ended: 1 });
    expect(done).toEqual(["restart", "restart"]);
  });
});

describe("every operation", () => {
  it("checks its parameters before it does anything", async () => {
    const { perform, done, line } = await rig();
    const wrong: unknown[] = [
      [],
      "x",
      7,
      { line: 7 },
      { line: LINE, more: 1 },
      { address: {} },
      { list: 1 },
      { force: "yes" },
    ];
    for (const name of operationNames) {
      for (const params of wrong)
        expect([name, params, await codeOf(perform(name, params))]).toEqual([name, params, "bad-request"]);
    }
    expect([done, line.blocked]).toEqual([[], false]);
  });

  it("that names a line names one that there is, and a ban is lifted for all only when that is said", async () => {
    const { perform } = await rig();
    for (const name of ["line/block", "line/unblock", "call/test"] as const) {
      expect(await codeOf(perform(name, { line: "constructor" }))).toBe("unknown-line");
    }
    expect(await codeOf(perform("guard/release", {}))).toBe("bad-request");
    for (const [name, params] of [
      ["guard/release", { address: null }],
      ["guard/refresh", {}],
      ["guard/confirm", null],
    ] as const) {
      expect(await codeOf(perform(name, params))).toBe("no-firewall");
    }
    expect(await codeOf(perform("homeassistant/announce"))).toBe("no-broker");
  });
});
