import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { systemClock } from "../base/clock.ts";
import { type Log, silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import { encodeDigit } from "./encoder.ts";
import { FakePort } from "./fake-port.ts";
import { FRAME_SAMPLES, type LineInput, type LineOutput, REFRESH_MS } from "./port.ts";
import { type ProfileOverrides, resolveProfile } from "./profiles.ts";
import { LineService, REOPEN_MS } from "./service.ts";
import { newToneDetector, toneDetectorStep } from "./tone-detector.ts";
import { fillTone, type ToneSamples, toneSamples } from "./tones.ts";
import { generateTrain, seededRandom, type TrainEdge, ukPulses } from "./train-generator.ts";
import type { LineEvent } from "./types.ts";

interface Setup {
  readonly type?: "tie-line" | "subscriber";
  readonly inputs?: readonly LineInput[];
  readonly outputs?: readonly LineOutput[];
  readonly overrides?: ProfileOverrides;
  readonly looped?: boolean;
  readonly missing?: boolean;
  readonly levels?: readonly LineInput[];
}

/** A started line with a fake interface and a clock that the test moves. */
async function startLine(setup: Setup = {}) {
  const { type = "tie-line", inputs = ["loop", "ring", "current"], outputs = ["loop", "reversal", "busy"] } = setup;
  const port = new FakePort(inputs, outputs);
  port.missing = setup.missing ?? false;
  for (const input of setup.levels ?? []) port.levelsNow.set(input, true);
  if (setup.looped) port.levelsNow.set("loop", true);
  const clock = new VirtualClock(1_000);
  const profile = resolveProfile("pax50", setup.overrides);
  const logged: string[] = [];
  const log: Log = {
    ...silentLog,
    info: (message) => logged.push(`info ${message}`),
    warn: (message) => logged.push(`warn ${message}`),
    child: () => log,
  };
  const line = new LineService({ type, port, profile, clock, log, drain: (then) => then() });
  const events: LineEvent[] = [];
  line.onEvent((event) => events.push(event));
  await line.start(new AbortController().signal);
  const names = () => events.map((event) => event.type);
  /** Moves on with frames of what the PAX sends. */
  const hear = (ms: number, tone: ToneSamples | null = null) => {
    const frame = new Int16Array(FRAME_SAMPLES);
    let position = 0;
    for (let t = 0; t < ms; t += 20) {
      if (tone !== null) position = fillTone(tone, position, frame);
      clock.advance(20);
      if (port.audioOpen) port.frame(frame);
    }
  };
  const seizeByPax = () => {
    port.edge("loop", true, clock.now());
    clock.advance(25);
  };
  const clearByPax = () => {
    port.edge("loop", false, clock.now());
    clock.advance(301);
  };
  const dial = (digit: number) => {
    const train = generateTrain(
      { pulses: ukPulses(digit), ips: 10, breakPercent: 67, bounceMs: 4 },
      clock.now() + 50,
      seededRandom(digit),
    );
    for (const edge of train) {
      clock.advanceTo(edge.atMs);
      port.edge("loop", edge.closed, edge.atMs);
    }
    clock.advance(300);
  };
  const idle = () => clock.advance(profile.seizeGuardMs);
  return { port, clock, profile, line, events, names, hear, seizeByPax, clearByPax, dial, idle, logged };
}

/** What the PAX caller hears. */
function heardByPax(port: FakePort, hear: (ms: number) => void, ms = 2_000): string[] {
  port.written.length = 0;
  hear(ms);
  const detector = newToneDetector(1_500);
  return port.written.flatMap((frame) => toneDetectorStep(detector, frame).map((heard) => heard.tone));
}

describe("a call from the PAX", () => {
  it("goes from seizure over dial tone, digits, ringing and answer to the clear", async () => {
    const { port, line, names, events, hear, seizeByPax, clearByPax, dial, idle, clock } = await startLine();
    idle();
    seizeByPax();
    expect(heardByPax(port, hear, 1_000)).toEqual(["dial"]);
    dial(4);
    expect(heardByPax(port, hear, 1_000)).toEqual(["silence"]);
    dial(0);
    expect(events.flatMap((event) => (event.type === "digit" ? [event.digit] : []))).toEqual([4, 0]);
    line.command({ type: "proceed" });
    line.command({ type: "tone", tone: "ringing" });
    expect(heardByPax(port, hear)).toContain("ringing");
    line.command({ type: "answer" });
    expect([...port.energised]).toEqual(["reversal"]);
    clearByPax();
    expect(port.energised.size).toBe(0);
    expect(port.audioOpen).toBe(false);
    clock.advance(500);
    expect(names()).toEqual(["idle", "seized", "digit", "digit", "cleared", "idle"]);
    expect(clock.pending).toBe(0);
    expect(line.health.ips).toBeCloseTo(10, 0);
    expect(line.health.warn).toBe(false);
  });

  it("gives dial tone within 200 ms of the seizure", async () => {
    const { port, clock, hear, idle } = await startLine();
    idle();
    port.edge("loop", true, clock.now());
    hear(200);
    expect(port.written.some((frame) => frame.some((x) => x !== 0))).toBe(true);
  });

  it("joins the audio both ways when it is answered and mutes it while the caller impulses", async () => {
    const { port, line, clock, idle, seizeByPax } = await startLine();
    idle();
    seizeByPax();
    const sent: number[] = [];
    const fromNetwork = new Int16Array(FRAME_SAMPLES).fill(123);
    line.attachMedia({ send: (frame) => sent.push(frame[0] ?? 0), receive: () => fromNetwork });
    line.command({ type: "answer" });
    const fromPax = new Int16Array(FRAME_SAMPLES).fill(77);
    port.frame(fromPax);
    port.edge("loop", false, clock.now());
    clock.advance(30);
    port.frame(fromPax);
    port.edge("loop", true, clock.now());
    clock.advance(300);
    port.frame(fromPax);
    expect(sent).toEqual([77, 0, 77]);
    expect(port.written.slice(-3).map((frame) => frame[0])).toEqual([123, 0, 123]);
  });

  it("gives the audio back after impulses that mean nothing because an edge came late", async () => {
    const { port, line, clock, idle, seizeByPax, dial } = await startLine();
    idle();
    seizeByPax();
    const sent: number[] = [];
    line.attachMedia({ send: (frame) => sent.push(frame[0] ?? 0), receive: () => null });
    line.command({ type: "answer" });
    dial(2);
    port.edge("loop", true, clock.now() - 250);
    dial(2);
    port.frame(new Int16Array(FRAME_SAMPLES).fill(77));
    expect(sent).toEqual([77]);
  });

  it("stops the dial tone again for impulses that come soon after a hit", async () => {
    const { port, clock, hear, idle, seizeByPax } = await startLine();
    idle();
    seizeByPax();
    hear(100);
    const start = clock.now();
    const hit = [
      { closed: false, atMs: start },
      { closed: true, atMs: start + 20 },
    ];
    const train = generateTrain({ pulses: 5, ips: 10, breakPercent: 67 }, start + 150, seededRandom(1));
    for (const edge of [...hit, ...train.slice(0, -1)]) {
      clock.advanceTo(edge.atMs);
      port.edge("loop", edge.closed, edge.atMs);
    }
    clock.advance(20);
    port.written.length = 0;
    port.frame();
    expect(port.written[0]?.every((sample) => sample === 0)).toBe(true);
  });

  it("gives number unobtainable, and no digit, for a damaged train", async () => {
    const { port, clock, names, events, hear, idle, seizeByPax } = await startLine();
    idle();
    seizeByPax();
    const train = generateTrain({ pulses: 6, ips: 10, breakPercent: 67 }, clock.now() + 50, seededRandom(1));
    train.splice(4, 2);
    for (const edge of train) port.edge("loop", edge.closed, edge.atMs);
    clock.advance(1_500);
    expect(names()).toEqual(["idle", "seized", "digit-error"]);
    expect(events.at(-1)).toMatchObject({ reason: "damaged-train" });
    expect(heardByPax(port, hear)).toContain("unobtainable");
  });

  it("gives busy tone after 20 s without a digit, then parks the line until the loop goes", async () => {
    const { port, clock, names, line, hear, idle, seizeByPax, clearByPax, logged } = await startLine();
    idle();
    seizeByPax();
    clock.advance(20_000);
    expect(heardByPax(port, hear, 4_000)).toContain("busy");
    clock.advance(16_000);
    expect(line.status).toBe("parked");
    expect([...port.energised]).toEqual(["busy"]);
    const before = port.refreshes;
    clock.advance(4_000);
    expect(port.refreshes - before).toBe(4_000 / REFRESH_MS);
    clearByPax();
    clock.advance(500);
    expect(port.energised.size).toBe(0);
    expect(names()).toEqual(["idle", "seized", "digit-timeout", "parked", "idle"]);
    expect(logged).toEqual(["warn line parked: the PAX does not clear", "info line in service again"]);
  });

  it("says once when the dials leave the limits, and once when they are back", async () => {
    const { port, clock, logged, idle, seizeByPax, line } = await startLine();
    idle();
    seizeByPax();
    line.command({ type: "answer" });
    for (const ips of [10, 8, 7.5, 8, ...Array(16).fill(10)]) {
      for (const edge of generateTrain({ pulses: 5, ips, breakPercent: 67 }, clock.now() + 50, seededRandom(1))) {
        clock.advanceTo(edge.atMs);
        port.edge("loop", edge.closed, edge.atMs);
      }
      clock.advance(300);
    }
    expect(logged.map((line) => line.split(" ")[0])).toEqual(["warn", "info"]);
  });

  it("does not lose a caller who seizes while the line rests", async () => {
    const { clock, names, idle, seizeByPax, clearByPax, dial, events } = await startLine();
    idle();
    seizeByPax();
    clearByPax();
    seizeByPax();
    clock.advance(500);
    dial(7);
    expect(names()).toEqual(["idle", "seized", "cleared", "seized", "digit"]);
    expect(events.at(-1)).toMatchObject({ digit: 7 });
  });

  it("gives number unobtainable to a caller who dialled before the line was ready for him", async () => {
    const { port, clock, names, hear, idle, seizeByPax, clearByPax, dial } = await startLine();
    idle();
    seizeByPax();
    clearByPax();
    seizeByPax();
    dial(1);
    clock.advance(200);
    dial(7);
    expect(names()).toEqual(["idle", "seized", "cleared"]);
    expect(heardByPax(port, hear)).toContain("unobtainable");
  });

  it("understands a digit 6 in spite of a 400 ms stall of the process: it reads what is queued before its timer", async () => {
    // Edges come over a real socket and time is real: Node runs the overdue timer before it reads the socket.
    const port = new FakePort(["loop"], ["loop"]);
    const server = createServer((socket) => {
      socket.on("data", (data) => {
        for (const edge of data.toString().trim().split("\n")) {
          const { closed, atMs } = JSON.parse(edge) as TrainEdge;
          port.edge("loop", closed, atMs);
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const kernel = connect((server.address() as AddressInfo).port, "127.0.0.1");
    await once(kernel, "connect");
    const send = (edges: readonly TrainEdge[]) =>
      kernel.write(edges.map((edge) => `${JSON.stringify(edge)}\n`).join(""));

    const profile = resolveProfile("pax50", { releaseMs: 300, seizeGuardMs: 300 });
    const line = new LineService({ type: "tie-line", port, profile, clock: systemClock, log: silentLog });
    const idle = new Promise<void>((resolve) => line.onStatus((status) => status === "idle" && resolve()));
    const events: LineEvent[] = [];
    line.onEvent((event) => events.push(event));
    const digit = new Promise<void>((resolve) => line.onEvent((event) => event.type.startsWith("digit") && resolve()));
    await line.start(new AbortController().signal);
    await idle;

    // Half of the digit has been read when the process stalls; the other half arrives during the stall.
    const from = systemClock.now() - 300;
    port.edge("loop", true, from - 100);
    const train = generateTrain({ pulses: 6, ips: 10, breakPercent: 67 }, from, seededRandom(1));
    for (const edge of train.slice(0, 6)) port.edge("loop", edge.closed, edge.atMs);
    // Real time passes, so that the line waits for the end of the digit and for nothing sooner. The stall begins in the
    // event loop's check phase: the next one is the timers', and only then are sockets read.
    await delay(20);
    await new Promise<void>((resolve) => setImmediate(resolve));
    send(train.slice(6));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);

    await digit;
    expect(events.filter((event) => event.type.startsWith("digit"))).toMatchObject([{ type: "digit", digit: 6 }]);
    await line.stop();
    kernel.destroy();
    server.close();
  });
});

describe("a call to the PAX", () => {
  it("dials after dial tone, a pattern for each digit, and is answered when ringing stops", async () => {
    const { port, clock, line, names, hear, idle, profile, events } = await startLine();
    idle();
    line.command({ type: "seize", digits: [2, 3] });
    expect([...port.energised]).toEqual(["loop"]);
    port.edge("current", true, clock.now() + 10);
    hear(800, toneSamples("era", "dial"));
    // Never a whole number at once: what is handed over goes on being sent when we are dead.
    expect(port.patterns).toEqual([encodeDigit(2, profile)]);
    clock.advance(167 + profile.interDigitalPauseMs + 300);
    expect(port.patterns).toEqual([encodeDigit(2, profile), encodeDigit(3, profile)]);
    hear(9_000, toneSamples("era", "ringing"));
    expect(line.status).toBe("awaiting-answer");
    hear(3_300);
    expect(names()).toEqual(["idle", "looped", "dialled", "answered"]);
    expect(events.at(-1)).toMatchObject({ by: "ringing-stopped" });
    line.command({ type: "release" });
    expect(port.energised.size).toBe(0);
    clock.advance(2_000);
    expect(names().at(-1)).toBe("idle");
    expect(clock.pending).toBe(0);
  });

  it("waits 1.5 s when there is no dial tone, and takes 13 s after the last impulse for an answer", async () => {
    const { port, clock, line, events, idle, profile } = await startLine();
    idle();
    const start = clock.now();
    line.command({ type: "seize", digits: [5] });
    port.edge("current", true, start + 10);
    clock.advance(1_499);
    expect(port.patterns).toEqual([]);
    clock.advance(1);
    expect(port.patterns).toHaveLength(1);
    clock.advance(20_000);
    expect(events.at(-1)).toEqual({ type: "answered", by: "time", atMs: start + 1_500 + 500 + profile.answerAfterMs });
  });

  it("is answered by the PAX's reversal where there is one, and by nothing else", async () => {
    const { port, clock, line, events, names, idle } = await startLine({ inputs: ["loop", "current", "reversal"] });
    idle();
    line.command({ type: "seize", digits: [5] });
    port.edge("current", true, clock.now());
    clock.advance(30_000);
    expect(names().at(-1)).toBe("dialled");
    port.edge("reversal", true, clock.now());
    clock.advance(50);
    expect(events.at(-1)).toMatchObject({ type: "answered", by: "reversal" });
  });

  it.each([
    ["busy", "busy"],
    ["congestion", "busy"],
    ["unobtainable", "unobtainable"],
  ] as const)("fails when the PAX gives %s tone", async (tone, reason) => {
    const { port, clock, line, events, hear, idle } = await startLine();
    idle();
    line.command({ type: "seize", digits: [5] });
    port.edge("current", true, clock.now());
    clock.advance(2_500);
    hear(8_000, toneSamples("era", tone));
    expect(events.filter((event) => event.type === "failed")).toMatchObject([{ reason }]);
    expect(port.energised.size).toBe(0);
  });

  it("lets a caller intrude on a busy extension with one impulse where that is allowed", async () => {
    const { port, clock, line, hear, idle } = await startLine({ overrides: { intrudeOnBusy: true } });
    idle();
    line.command({ type: "seize", digits: [5] });
    port.edge("current", true, clock.now());
    clock.advance(2_500);
    line.command({ type: "send-digit", digit: 1 });
    expect(port.patterns).toHaveLength(1);
    hear(8_000, toneSamples("era", "busy"));
    line.command({ type: "send-digit", digit: 1 });
    expect(port.patterns.at(-1)).toHaveLength(2);
    expect(line.status).toBe("sending");
  });

  it("gives a busy extension up all the same when nobody intrudes", async () => {
    const { port, clock, line, events, hear, idle } = await startLine({ overrides: { intrudeOnBusy: true } });
    idle();
    line.command({ type: "seize", digits: [5] });
    port.edge("current", true, clock.now());
    clock.advance(2_500);
    hear(18_000, toneSamples("era", "busy"));
    expect(events.filter((event) => event.type === "failed")).toMatchObject([{ reason: "busy" }]);
    expect(port.energised.size).toBe(0);
  });

  it("takes time alone for an answer in the second stage only after a whole number", async () => {
    const { port, clock, line, events, hear, idle } = await startLine();
    idle();
    line.command({ type: "seize", digits: null });
    port.edge("current", true, clock.now());
    hear(800, toneSamples("era", "dial"));
    line.command({ type: "send-digit", digit: 2 });
    clock.advance(20_000);
    expect(line.status).toBe("awaiting-answer");
    line.command({ type: "send-digit", digit: 3 });
    expect(port.patterns.map((steps) => steps.length / 2)).toEqual([2, 3]);
    clock.advance(14_000);
    expect(events.at(-1)).toMatchObject({ type: "answered", by: "time" });
  });

  it("believes loop current that flows already when it seizes", async () => {
    const { port, clock, line, names, idle } = await startLine({ levels: ["current"] });
    idle();
    line.command({ type: "seize", digits: [5] });
    clock.advance(2_500);
    expect(names()).toEqual(["idle", "looped", "dialled"]);
    expect(port.patterns).toHaveLength(1);
  });

  it("is answered by a reversal that was there when the line was opened", async () => {
    const inputs = ["loop", "current", "reversal"] as const;
    const { port, clock, line, events, idle } = await startLine({ inputs, levels: ["reversal"] });
    idle();
    line.command({ type: "seize", digits: [5] });
    port.edge("current", true, clock.now());
    clock.advance(2_500);
    expect(events.at(-1)).toMatchObject({ type: "answered", by: "reversal" });
  });

  it("does not let a caller intrude where it is not allowed", async () => {
    const { port, clock, line, hear, idle } = await startLine();
    idle();
    line.command({ type: "seize", digits: [5] });
    port.edge("current", true, clock.now());
    clock.advance(2_500);
    hear(4_000, toneSamples("era", "busy"));
    line.command({ type: "send-digit", digit: 1 });
    expect([line.status, port.patterns.length]).toEqual(["awaiting-answer", 1]);
  });

  it("sends the digits of the second stage one after another with the pause between", async () => {
    const { port, clock, line, names, hear, idle, profile } = await startLine();
    idle();
    line.command({ type: "seize", digits: null });
    port.edge("current", true, clock.now());
    hear(800, toneSamples("era", "dial"));
    expect(names().at(-1)).toBe("dial-tone");
    line.command({ type: "send-digit", digit: 3 });
    line.command({ type: "send-digit", digit: 4 });
    const sentAt = clock.now();
    clock.advanceTo(sentAt + 300 - profile.sendMakeMs + profile.interDigitalPauseMs - 1);
    expect(port.patterns).toEqual([encodeDigit(3, profile)]);
    clock.advance(1);
    expect(port.patterns).toEqual([encodeDigit(3, profile), encodeDigit(4, profile)]);
    clock.advance(500);
    expect(names().at(-1)).toBe("dialled");
  });

  it("gives way to the PAX when both seize at once", async () => {
    const { port, clock, line, names, events, idle } = await startLine();
    idle();
    line.command({ type: "seize", digits: [5] });
    clock.advance(100);
    port.edge("loop", true, clock.now());
    clock.advance(25);
    expect(names()).toEqual(["idle", "failed", "seized"]);
    expect(events[1]).toMatchObject({ reason: "glare" });
    expect(port.energised.size).toBe(0);
    line.command({ type: "seize", digits: [5] });
    expect(events.at(-1)).toMatchObject({ type: "failed", reason: "not-idle" });
  });

  it("reports a fault without loop current, opens the loop, and may be tried again later", async () => {
    const { port, clock, line, events, idle } = await startLine({ overrides: { faultRetryMs: 5_000 } });
    idle();
    line.command({ type: "seize", digits: [5] });
    clock.advance(500);
    expect(events.at(-1)).toMatchObject({ type: "failed", reason: "no-current" });
    expect([line.status, port.energised.size]).toEqual(["fault", 0]);
    clock.advance(4_999);
    expect(line.status).toBe("fault");
    clock.advance(1);
    expect([line.status, clock.pending]).toEqual(["idle", 0]);
  });

  it("ends when the PAX takes the current away, and not for a shorter gap", async () => {
    const { port, clock, line, names, idle } = await startLine();
    idle();
    line.command({ type: "seize", digits: [5] });
    port.edge("current", true, clock.now());
    clock.advance(20_000);
    expect(line.status).toBe("talking");
    port.edge("current", false, clock.now());
    clock.advance(250);
    port.edge("current", true, clock.now());
    clock.advance(1_000);
    expect(line.status).toBe("talking");
    port.edge("current", false, clock.now());
    clock.advance(300);
    expect(names().at(-1)).toBe("cleared");
    expect(port.energised.size).toBe(0);
  });

  it.each([
    { inputs: ["loop"] as const, where: "where loop current cannot be measured" },
    { inputs: ["loop", "current"] as const, where: "while the PAX goes on feeding the loop" },
  ])("ends at the PAX's busy tone $where", async ({ inputs }) => {
    const { port, clock, line, names, hear, idle } = await startLine({ inputs: [...inputs] });
    idle();
    line.command({ type: "seize", digits: [5] });
    port.edge("current", true, clock.now());
    clock.advance(20_000);
    expect(line.status).toBe("talking");
    hear(6_200, toneSamples("era", "busy"));
    expect(names().at(-1)).toBe("cleared");
  });
});

describe("a subscriber line", () => {
  /** Ringing current: 25 Hz in the cadence, for so many cadences of 3 s. */
  const ring = (port: FakePort, clock: VirtualClock, cadences: number) => {
    for (let n = 0; n < cadences; n++) {
      for (const [from, to] of [
        [0, 400],
        [600, 1_000],
      ] as const) {
        for (let t = from; t < to; t += 40) {
          const at = clock.now();
          port.edge("ring", true, at);
          clock.advance(20);
          port.edge("ring", false, at + 20);
          clock.advance(20);
        }
        clock.advance(to === 400 ? 200 : 2_000);
      }
    }
  };

  it("is rung, answers by closing the loop, and opens it to release", async () => {
    const { port, clock, line, names, idle } = await startLine({ type: "subscriber", outputs: ["loop"] });
    idle();
    ring(port, clock, 2);
    expect(names()).toEqual(["idle", "seized"]);
    line.command({ type: "proceed" });
    line.command({ type: "answer" });
    expect([line.status, ...port.energised]).toEqual(["talking", "loop"]);
    line.command({ type: "release" });
    expect(port.energised.size).toBe(0);
    clock.advance(2_000);
    expect(line.status).toBe("idle");
  });

  it("ends at the PAX's busy tone when the caller has cleared and the current stays", async () => {
    const { port, clock, line, names, hear, idle } = await startLine({ type: "subscriber", outputs: ["loop"] });
    idle();
    ring(port, clock, 2);
    line.command({ type: "answer" });
    port.edge("current", true, clock.now());
    hear(6_200, toneSamples("era", "busy"));
    expect(names().at(-1)).toBe("cleared");
    expect(port.energised.size).toBe(0);
  });

  it("notices that the PAX has stopped ringing", async () => {
    const { port, clock, names, idle } = await startLine({ type: "subscriber", outputs: ["loop"] });
    idle();
    ring(port, clock, 3);
    clock.advance(1_100);
    expect(names()).toEqual(["idle", "seized", "cleared"]);
    clock.advance(500);
    expect(clock.pending).toBe(0);
  });

  it("keeps the call that its own seizing has answered, and ends it when the PAX takes the current away", async () => {
    const { port, clock, line, names, idle } = await startLine({ type: "subscriber", outputs: ["loop"] });
    idle();
    line.command({ type: "seize", digits: [5] });
    port.edge("ring", true, clock.now());
    clock.advance(40);
    port.edge("ring", true, clock.now());
    port.edge("current", true, clock.now());
    expect(names()).toEqual(["idle", "failed", "seized"]);
    expect([...port.energised]).toEqual(["loop"]);
    port.edge("current", false, clock.now());
    clock.advance(300);
    expect(names().at(-1)).toBe("cleared");
    expect(port.energised.size).toBe(0);
  });

  it("dials like any line", async () => {
    const { port, clock, line, names, idle, profile } = await startLine({ type: "subscriber", outputs: ["loop"] });
    idle();
    line.command({ type: "seize", digits: [5, 1] });
    port.edge("current", true, clock.now());
    clock.advance(5_000);
    expect(port.patterns).toEqual([encodeDigit(5, profile), encodeDigit(1, profile)]);
    expect(names().at(-1)).toBe("dialled");
  });

  it("is not rung by a single spike", async () => {
    const { port, clock, names, idle } = await startLine({ type: "subscriber", outputs: ["loop"] });
    idle();
    port.edge("ring", true, clock.now());
    clock.advance(1_000);
    port.edge("ring", true, clock.now());
    expect(names()).toEqual(["idle"]);
  });
});

describe("the interface", () => {
  it("is released and read again at the start: a loop that is held already gets busy tone", async () => {
    const { port, line, names, hear, clearByPax, clock } = await startLine({ looped: true });
    expect(line.status).toBe("awaiting-clear");
    expect(heardByPax(port, hear, 4_000)).toContain("busy");
    clearByPax();
    clock.advance(500);
    expect(names()).toEqual(["idle"]);
  });

  it("is opened again every second after it was lost, and its call is over", async () => {
    const { port, clock, line, names, idle, seizeByPax } = await startLine();
    idle();
    seizeByPax();
    port.missing = true;
    port.lose();
    expect([line.status, names().at(-1)]).toEqual(["fault", "cleared"]);
    line.command({ type: "seize", digits: [1] });
    expect(names().at(-1)).toBe("failed");
    clock.advance(REOPEN_MS);
    await settled();
    expect(line.status).toBe("fault");
    port.missing = false;
    port.levelsNow.clear();
    clock.advance(REOPEN_MS);
    await settled();
    clock.advance(2_000);
    expect([line.status, port.opened]).toEqual(["idle", 2]);
  });

  it("may be missing at the start", async () => {
    const { port, clock, line } = await startLine({ missing: true });
    expect(line.status).toBe("fault");
    port.missing = false;
    clock.advance(REOPEN_MS);
    await settled();
    clock.advance(2_000);
    expect(line.status).toBe("idle");
  });

  it("is left de-energised and without a timer when the line stops", async () => {
    const { port, clock, line, idle } = await startLine();
    idle();
    line.command({ type: "seize", digits: [1] });
    await line.stop();
    await line.stop();
    expect([port.energised.size, port.audioOpen, clock.pending]).toEqual([0, false, 0]);
  });

  it("survives a listener that throws, and still opens the loop", async () => {
    const { port, line, idle } = await startLine();
    idle();
    line.command({ type: "seize", digits: [1] });
    line.onStatus(() => {
      throw new Error("listener");
    });
    line.onEvent(() => {
      throw new Error("listener");
    });
    line.command({ type: "release" });
    expect([line.status, port.energised.size]).toEqual(["guard", 0]);
  });
});

/** Lets what the service awaits come to pass. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
