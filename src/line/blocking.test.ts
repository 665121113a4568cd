import { describe, expect, it } from "vitest";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import { FakePort } from "./fake-port.ts";
import { FRAME_SAMPLES, type LineInput, type LineOutput } from "./port.ts";
import { resolveProfile } from "./profiles.ts";
import { LineService, REOPEN_MS } from "./service.ts";
import { fillTone, toneSamples } from "./tones.ts";
import type { LineEvent } from "./types.ts";

async function startLine(
  outputs: readonly LineOutput[] = ["loop", "reversal", "busy"],
  inputs: readonly LineInput[] = ["loop", "current"],
) {
  const port = new FakePort(inputs, outputs);
  const clock = new VirtualClock(1_000);
  const profile = resolveProfile("pax50");
  const options = {
    type: "tie-line",
    port,
    profile,
    clock,
    log: silentLog,
    drain: (then: () => void) => then(),
  } as const;
  const line = new LineService(options);
  const events: LineEvent[] = [];
  line.onEvent((event) => events.push(event));
  await line.start(new AbortController().signal);
  clock.advance(profile.seizeGuardMs);
  const dialTone = (ms: number) => {
    const frame = new Int16Array(FRAME_SAMPLES);
    let position = 0;
    for (let t = 0; t < ms; t += 20) {
      position = fillTone(toneSamples("era", "dial"), position, frame);
      clock.advance(20);
      port.frame(frame);
    }
  };
  return { port, clock, line, events, profile, dialTone };
}

const block = (line: LineService, blocked = true) => line.command({ type: "block", blocked });

describe("a blocked line", () => {
  it("is back-busied at once, under the dead-man, and no more when it is unblocked", async () => {
    const { port, clock, line } = await startLine();
    block(line);
    expect([line.blocked, line.status, [...port.energised]]).toEqual([true, "idle", ["busy"]]);
    const before = port.refreshes;
    clock.advance(2_000);
    expect(port.refreshes - before).toBeGreaterThanOrEqual(4);
    block(line, false);
    expect([line.blocked, [...port.energised]]).toEqual([false, []]);
    const after = port.refreshes;
    clock.advance(2_000);
    expect(port.refreshes).toBe(after);
  });

  it("lets the call on it finish, and stays back-busied when it is over", async () => {
    const { port, clock, line } = await startLine();
    line.command({ type: "seize", digits: null });
    port.edge("current", true, clock.now());
    block(line);
    expect([...port.energised].sort()).toEqual(["busy", "loop"]);
    line.command({ type: "release" });
    expect([...port.energised]).toEqual(["busy"]);
    clock.advance(5_000);
    expect([line.status, [...port.energised]]).toEqual(["idle", ["busy"]]);
  });

  it("is still blocked when its interface was gone and is back", async () => {
    const { port, clock, line } = await startLine();
    block(line);
    port.lose();
    expect([line.status, line.blocked, [...port.energised]]).toEqual(["fault", true, []]);
    clock.advance(REOPEN_MS);
    await expect.poll(() => line.status).toBe("guard");
    expect([...port.energised]).toEqual(["busy"]);
  });

  it("that is parked is back-busied for that until its loop has gone, and then as it was told meanwhile", async () => {
    for (const blocked of [true, false]) {
      const { port, clock, line, profile } = await startLine();
      port.edge("loop", true, clock.now());
      clock.advance(25);
      line.command({ type: "release" });
      clock.advance(profile.toneAfterClearMs);
      block(line);
      block(line, blocked);
      expect([line.status, [...port.energised]]).toEqual(["parked", ["busy"]]);
      port.edge("loop", false, clock.now());
      clock.advance(profile.clearMs + 1);
      expect([line.status, [...port.energised]]).toEqual(["guard", blocked ? ["busy"] : []]);
    }
  });

  it("has no output to say so on an interface without one, and is blocked all the same", async () => {
    const { port, line } = await startLine(["loop"]);
    block(line);
    expect([line.blocked, [...port.energised]]).toEqual([true, []]);
  });
});

describe("a dial tone in the second stage", () => {
  const tones = (events: readonly LineEvent[]) =>
    events.flatMap((event) => (event.type === "dial-tone" ? [event.heard] : []));

  it("that is heard is told as heard, once", async () => {
    const { port, clock, line, events, dialTone } = await startLine();
    line.command({ type: "seize", digits: null });
    port.edge("current", true, clock.now());
    dialTone(4_000);
    expect(tones(events)).toEqual([true]);
  });

  it("that does not come in time is told as not heard, and as heard when it comes", async () => {
    const { port, clock, line, events, profile, dialTone } = await startLine();
    line.command({ type: "seize", digits: null });
    port.edge("current", true, clock.now());
    clock.advance(profile.beforeFirstDigitMs);
    expect(tones(events)).toEqual([false]);
    dialTone(1_500);
    expect(tones(events)).toEqual([false, true]);
  });

  it("is told as heard where loop current is not measured, too", async () => {
    const { line, events, dialTone } = await startLine(undefined, ["loop"]);
    line.command({ type: "seize", digits: null });
    dialTone(2_000);
    expect(tones(events)).toEqual([true]);
  });
});
