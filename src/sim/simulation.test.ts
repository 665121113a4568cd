import { describe, expect, it } from "vitest";
import type { Dispose } from "../base/events.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import { decoderStep, newDecoder } from "../line/decoder.ts";
import { encodeDigit } from "../line/encoder.ts";
import { type Edge, FRAME_SAMPLES, type PatternStep, REFRESH_MS } from "../line/port.ts";
import { pax50 } from "../line/profiles.ts";
import type { LineEnd } from "./line-end.ts";
import { amplitudeOf } from "./pax-tones.ts";
import { seededRandom } from "./random.ts";
import { Simulation } from "./simulation.ts";
import type { Telephone } from "./telephone.ts";
import { type TopologyInput, topologySchema } from "./topology.ts";
import { type Hearing, hear, type PhoneCondition, watch } from "./watch.ts";

type TieLine = Extract<NonNullable<TopologyInput["lines"]>[number], { type: "tie-line" }>;

const tieLine = (name: string, more: Partial<TieLine> = {}): TieLine => ({ name, type: "tie-line", ...more });

/** An exchange in virtual time, with shorthand for what people do at it. */
function bench(topology: TopologyInput = { lines: [tieLine("pax1")] }, seed = 7) {
  const clock = new VirtualClock(1_000_000);
  const simulation = new Simulation(clock, topologySchema.parse(topology), seed);
  const phone = (number: string) => simulation.telephones.get(number) as Telephone;
  const line = (id: string) => simulation.lines.get(id) as LineEnd;
  const edges = (id: string) => {
    const seen: Edge[] = [];
    line(id).onEdge((edge) => seen.push(edge));
    return seen;
  };
  /** Lets time pass until the condition holds; fails when it does not within `limitMs`. */
  const until = (number: string, condition: PhoneCondition, limitMs = 10_000) => {
    let held = false;
    const stop = watch(simulation, number, condition, () => {
      held = true;
    });
    for (const end = clock.now() + limitMs; !held && clock.now() < end; ) clock.advance(5);
    stop();
    expect(held, `${number} ${condition}: ${JSON.stringify(simulation.circuit(number)?.state)}`).toBe(true);
  };
  const dial = (number: string, digits: string) => {
    let complete = false;
    const done = (all: boolean) => {
      complete = all;
    };
    expect(phone(number).dialNumber(digits, "uk", done)).toBe(true);
    for (let i = 0; i < 4_000 && !complete; i++) clock.advance(5);
    expect(complete).toBe(true);
  };
  const call = (from: string, digits: string) => {
    phone(from).lift();
    until(from, "dial-tone");
    dial(from, digits);
  };
  const listen = (number: string, ms: number, frequenciesHz: number[]): Hearing => {
    let heard: Hearing | undefined;
    hear(simulation, number, { ms, frequenciesHz }, (hearing) => {
      heard = hearing;
    });
    clock.advance(ms + 40);
    expect(heard).toBeDefined();
    return heard as Hearing;
  };
  /** Keeps a line's outputs energised, as a living gateway does. */
  const keepAlive = (id: string): Dispose => {
    const again = (): Dispose => {
      line(id).outputLatch.refresh();
      return clock.at(clock.now() + REFRESH_MS, () => {
        cancel = again();
      });
    };
    let cancel = again();
    return () => cancel();
  };
  const hold = (id: string, ms: number) => {
    const stop = keepAlive(id);
    clock.advance(ms);
    stop();
  };
  const send = (id: string, digits: number[]) => {
    const steps = digits.flatMap((digit): PatternStep[] => [
      ...encodeDigit(digit, pax50),
      { closed: true, ms: pax50.interDigitalPauseMs },
    ]);
    line(id).outputLatch.playPattern(steps);
    hold(
      id,
      steps.reduce((sum, step) => sum + step.ms, 0),
    );
  };
  return { clock, simulation, phone, line, edges, until, dial, call, listen, keepAlive, hold, send };
}

/** The digits that the gateway's own decoder makes of a line's edges. */
function decoded(edges: readonly Edge[]): string {
  const state = newDecoder(pax50, false, 0);
  const inputs = [
    ...edges.map(({ active, atMs }) => ({ type: "edge" as const, closed: active, atMs })),
    { type: "time" as const, atMs: (edges.at(-1)?.atMs ?? 0) + 5_000 },
  ];
  return inputs
    .flatMap((input) => decoderStep(state, input))
    .flatMap((out) => (out.type === "digit" ? [String(out.digit)] : out.type === "error" ? [out.reason] : []))
    .join(" ");
}

const loops = (edges: readonly Edge[]) => edges.filter((edge) => edge.input === "loop");

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

describe("tie line, from the PAX", () => {
  it.each(["repeat", "regenerate"] as const)("loops the pair and %ss the digits that follow", (impulsing) => {
    const { clock, phone, edges, call, dial } = bench({ lines: [tieLine("pax1", { impulsing })] });
    const seen = edges("pax1");
    call("20", "9");
    clock.advance(500);
    expect(loops(seen).at(-1)).toMatchObject({ input: "loop", active: true });
    dial("20", "1305");
    clock.advance(6_000);
    expect(decoded(loops(seen))).toBe("1 3 0 5");
    phone("20").hangUp();
    clock.advance(600);
    expect(loops(seen).at(-1)).toMatchObject({ active: false });
  });

  it("lets the loop go for an instant as relay TC releases, once after each train, and no digit comes of it", () => {
    const falseImpulse = { probability: 1 };
    const { clock, edges, call, dial } = bench({ lines: [tieLine("pax1", { bounceMs: 0, falseImpulse })] });
    const seen = edges("pax1");
    call("20", "9");
    clock.advance(500);
    const before = loops(seen).length;
    dial("20", "34");
    clock.advance(1_000);
    const made = loops(seen).slice(before);
    const breaks = made.flatMap((edge, i) => (edge.active ? [] : [(made[i + 1]?.atMs ?? 0) - edge.atMs]));
    expect(breaks.filter((ms) => ms <= 25)).toHaveLength(2);
    expect(breaks.filter((ms) => ms > 50)).toHaveLength(7);
    expect(decoded(loops(seen))).toBe("3 4");
  });

  it("gives the gateway what was dialled after every false impulse, and never another number with a worn dial", () => {
    const numberOf = (seed: number, worn: boolean) => {
      const falseImpulse = { probability: 1, delayMs: [worn ? 100 : 150, 190] as [number, number] };
      const { clock, phone, edges, call, dial } = bench({ lines: [tieLine("pax1", { falseImpulse })] }, seed);
      const random = seededRandom(seed);
      const [ips, breakPercent] = worn
        ? [random.between(7, 13), random.between(56, 76)]
        : [random.between(9, 11), random.between(61, 71)];
      phone("20").dial = { ...phone("20").dial, ips, breakPercent, bounceMs: 3 };
      const seen = edges("pax1");
      call("20", "9");
      clock.advance(500);
      const dialled = String(Math.floor(random.between(1_000, 10_000)));
      dial("20", dialled);
      clock.advance(1_000);
      return { dialled, got: decoded(loops(seen)).replaceAll(" ", "") };
    };
    for (let seed = 1; seed <= 60; seed++) {
      const good = numberOf(seed, false);
      expect(good.got, `seed ${seed}`).toBe(good.dialled);
      const worn = numberOf(seed, true);
      if (/^[0-9]*$/.test(worn.got)) expect(worn.got, `seed ${seed}, worn`).toBe(worn.dialled);
    }
  });

  it("hunts past lines that are back-busied or held, and gives busy tone when none is free", () => {
    const { simulation, line, until, call, keepAlive } = bench({
      lines: [tieLine("pax1"), tieLine("pax2"), tieLine("pax3"), tieLine("other", { group: "other" })],
    });
    line("pax1").outputLatch.set("busy", true);
    line("pax2").outputLatch.set("loop", true);
    keepAlive("pax1");
    keepAlive("pax2");
    call("20", "9");
    until("20", "connected");
    expect(simulation.partnerOf("20")).toBe("pax3");
    call("21", "9");
    until("21", "busy-tone");
  });

  it("tells an answer by the gateway's reversal only", () => {
    const { simulation, line, until, call } = bench();
    call("20", "9");
    until("20", "connected");
    expect(simulation.inAnsweredCall("20")).toBe(false);
    line("pax1").outputLatch.set("reversal", true);
    until("20", "answered", 10);
  });

  it("makes impulses heard as clicks at the gateway, but not in the earpiece of the telephone that dials", () => {
    const { clock, simulation, until, call, dial } = bench();
    call("20", "9");
    until("20", "connected");
    let loudest = 0;
    simulation.sound.openLine("pax1", (frame) => {
      loudest = Math.max(loudest, ...frame);
    });
    let own = 0;
    simulation.sound.listen("20", (frame) => {
      own = Math.max(own, ...frame);
    });
    clock.advance(200);
    expect(loudest).toBe(0);
    dial("20", "5");
    expect(loudest).toBeGreaterThan(10_000);
    expect(own).toBe(0);
  });

  it("draws no current through a loop that the gateway closes on a line which the PAX has taken", () => {
    const { clock, line, edges, until, call } = bench();
    const seen = edges("pax1");
    call("20", "9");
    until("20", "connected");
    line("pax1").outputLatch.set("loop", true);
    clock.advance(500);
    expect(seen.filter((edge) => edge.input === "current")).toEqual([]);
  });
});

describe("tie line, to the PAX", () => {
  it("draws current, gives dial tone, takes two digits, rings, and passes speech both ways", () => {
    const { clock, simulation, phone, line, edges, until, listen, hold, send } = bench({
      lines: [tieLine("pax1", { reversal: true })],
    });
    const seen = edges("pax1");
    line("pax1").outputLatch.set("loop", true);
    expect(seen).toMatchObject([{ input: "current", active: true, atMs: clock.now() }]);
    hold("pax1", 500);
    expect(simulation.hears("pax1").tone).toBe("dial");
    send("pax1", [2, 1]);
    until("21", "ringing", 300);
    expect(simulation.hears("pax1").tone).toBe("ringing");
    phone("21").lift();
    until("21", "answered", 100);
    expect(seen.at(-1)).toMatchObject({ input: "reversal", active: true });
    const frames: number[] = [];
    const tone = Int16Array.from({ length: FRAME_SAMPLES }, (_, i) => amplitudeOf(-10) * Math.sin((i * Math.PI) / 4));
    simulation.sound.openLine("pax1", (frame) => {
      frames.push(Math.max(...frame));
      line("pax1").pushAudio(tone);
      line("pax1").outputLatch.refresh();
    });
    phone("21").speaker.play({ kind: "tone", frequencyHz: 500, levelDbm0: -10 });
    expect(listen("21", 400, [1000]).tones[0]?.levelDbm0).toBeGreaterThan(-12);
    expect(frames.at(-1)).toBeGreaterThan(amplitudeOf(-11));
    line("pax1").outputLatch.set("loop", false);
    until("21", "busy-tone");
    expect(seen.filter((edge) => edge.input === "current").at(-1)).toMatchObject({ active: false });
  });

  it("lets a tie line rest after a call before it is taken again", () => {
    const { clock, simulation, line, hold } = bench();
    line("pax1").outputLatch.set("loop", true);
    hold("pax1", 600);
    line("pax1").outputLatch.set("loop", false);
    clock.advance(300);
    expect(simulation.circuit("pax1")?.state.type).toBe("guard");
    clock.advance(500);
    expect(simulation.circuit("pax1")?.state.type).toBe("idle");
  });

  it("shows a cut pair as no current, and a stuck loop as a loop that stays", () => {
    const { clock, simulation, line, edges } = bench();
    const seen = edges("pax1");
    simulation.setFaults("pax1", { stuckLoop: false, noCurrent: true });
    line("pax1").outputLatch.set("loop", true);
    clock.advance(900);
    expect(seen).toEqual([]);
    expect(simulation.circuit("pax1")?.state.type).toBe("idle");
    simulation.setFaults("pax1", { stuckLoop: true, noCurrent: false });
    expect(seen.filter((edge) => edge.input === "loop")).toMatchObject([{ active: true }]);
  });

  it("drops every call when its power fails, and gives registers to those who hold when it returns", () => {
    const { clock, simulation, edges, until, call } = bench();
    const seen = edges("pax1");
    call("20", "9");
    clock.advance(500);
    simulation.setPower(false);
    clock.advance(1_000);
    expect(loops(seen).at(-1)).toMatchObject({ active: false });
    expect(simulation.circuit("20")?.state.type).toBe("idle");
    simulation.setPower(true);
    until("20", "dial-tone");
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
