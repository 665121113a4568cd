import { describe, expect, it } from "vitest";
import { FRAME_SAMPLES } from "../line/port.ts";
import { amplitudeOf } from "./pax-tones.ts";
import { seededRandom } from "./random.ts";
import { bench, decoded, loops, tieLine } from "./simulation-bench.ts";

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
