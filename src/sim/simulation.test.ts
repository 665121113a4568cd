import { describe, expect, it } from "vitest";
import { bench } from "./simulation-bench.ts";
import type { TopologyInput } from "./topology.ts";

describe("calls between telephones", () => {
  it("gives dial tone, ringing tone, speech both ways, and busy tone to the one who still holds", () => {
    const { phone, until, call, listen } = bench();
    call("20", "35");
    until("35", "ringing");
    until("20", "ringing-tone");
    phone("35").lift();
    until("20", "answered");
    phone("20").speaker.play({ kind: "tone", frequencyHz: 700, levelDbm0: -10 });
    phone("35").speaker.play({ kind: "tone", frequencyHz: 1100, levelDbm0: -16 });
    expect(listen("35", 400, [700, 1100]).tones[0]?.levelDbm0).toBeCloseTo(-10, 0);
    const back = listen("20", 400, [700, 1100]);
    expect(back.tones[1]?.levelDbm0).toBeCloseTo(-16, 0);
    expect(back.tones[0]?.levelDbm0).toBeLessThan(-50);
    phone("35").hangUp();
    until("20", "busy-tone");
    phone("20").hangUp();
    until("20", "idle");
    until("35", "idle");
  });

  it("lets a telephone answer by itself, unless the caller gives up before", () => {
    const { clock, phone, until, call } = bench();
    phone("35").autoAnswerMs = 2_000;
    call("20", "35");
    until("35", "ringing");
    clock.advance(1_900);
    expect(phone("35").offHook).toBe(false);
    until("20", "answered", 200);
    phone("35").hangUp();
    phone("20").hangUp();
    until("20", "idle");
    call("20", "35");
    until("35", "ringing");
    phone("20").hangUp();
    clock.advance(5_000);
    expect(phone("35").offHook).toBe(false);
  });

  it("gives busy tone for an engaged extension and number unobtainable for one that does not exist", () => {
    const { phone, simulation, until, call, dial } = bench();
    simulation.setBusied("41", true);
    call("20", "41");
    until("20", "busy-tone");
    call("21", "19");
    until("21", "unobtainable-tone");
    phone("22").lift();
    until("22", "dial-tone");
    dial("22", "20");
    until("22", "busy-tone");
  });

  it("understands every digit of dials from slow and heavy to fast and light, with bounce", () => {
    for (const [ips, breakPercent] of [
      [7, 80],
      [7, 55],
      [10, 66.7],
      [12, 72],
      [14, 55],
    ] as const) {
      const { phone, until, call } = bench({}, ips);
      phone("20").dial = { ...phone("20").dial, ips, breakPercent, bounceMs: 4 };
      call("20", "50");
      until("50", "ringing", 500);
    }
  });

  it("makes a caller wait for a register, and takes a register back from one who does not dial", () => {
    const { clock, phone, until, listen } = bench({ exchange: { registers: 1, firstDigitMs: 5_000 } });
    phone("20").lift();
    until("20", "dial-tone");
    phone("21").lift();
    clock.advance(500);
    expect(listen("21", 200, []).heard).toBe("silence");
    until("21", "dial-tone", 6_000);
    until("20", "busy-tone");
  });

  it("lets 1 intrude on a busy extension only where that is allowed", () => {
    for (const intrusion of [false, true]) {
      const { clock, simulation, phone, until, call, dial, listen } = bench({ exchange: { intrusion } });
      call("20", "21");
      until("21", "ringing");
      phone("21").lift();
      call("22", "21");
      until("22", "busy-tone");
      dial("22", "1");
      clock.advance(500);
      expect(simulation.circuit("22")?.state.type).toBe(intrusion ? "intruding" : "held");
      if (!intrusion) continue;
      phone("22").speaker.play({ kind: "tone", frequencyHz: 900, levelDbm0: -10 });
      expect(listen("20", 200, [900]).tones[0]?.levelDbm0).toBeGreaterThan(-12);
      phone("20").hangUp();
      until("22", "busy-tone");
    }
  });
});

describe("extension line", () => {
  const topology: TopologyInput = { lines: [{ name: "ext1", type: "subscriber", extension: "30" }] };

  it("rings with the ringing current's frequency and cadence until the gateway answers", () => {
    const { clock, simulation, line, edges, until, call } = bench(topology);
    const seen = edges("30");
    call("20", "30");
    clock.advance(6_200);
    const rises = seen.filter((edge) => edge.input === "ring" && edge.active).map((edge) => edge.atMs);
    const gaps = rises.slice(1).map((atMs, i) => Math.round(atMs - (rises[i] ?? 0)));
    expect(gaps.filter((gap) => gap === 40).length).toBeGreaterThan(25);
    expect(gaps.some((gap) => gap > 1_900)).toBe(true);
    line("30").outputLatch.set("loop", true);
    until("20", "answered", 100);
    clock.advance(100);
    expect(simulation.lines.get("30")?.levels).toEqual(["current"]);
  });

  it("calls as a telephone does", () => {
    const { line, until, hold, send } = bench(topology);
    line("30").outputLatch.set("loop", true);
    hold("30", 500);
    send("30", [4, 4]);
    until("44", "ringing", 300);
  });
});

it("leaves no timer behind when everybody has hung up", () => {
  const { clock, phone, until, call } = bench();
  call("20", "9");
  until("20", "connected");
  phone("20").hangUp();
  clock.advance(5_000);
  expect(clock.pending).toBe(0);
});
