import { describe, expect, it } from "vitest";
import { sourceOf } from "./input-source.ts";
import { Panel } from "./panel.ts";
import { inputContact } from "./port.ts";
import { bench, tieLine } from "./simulation-bench.ts";

const names = ["register-1", "register-2", "link-1", "ringing", "fuse-alarm", "telephone-35", "pax1", "door"];

function rig() {
  const lines = [tieLine("pax1")];
  const made = bench({
    lines,
    inputs: names.map((name) => ({ name, follows: sourceOf(name, lines) })),
    button: true,
    led: true,
  });
  const panel = new Panel(made.simulation, 7);
  const moves: { contact: string; active: boolean; atMs: number }[] = [];
  panel.events.on("contact", (contact, active, atMs) => moves.push({ contact, active, atMs }));
  const active = () => panel.inputs.flatMap((input) => (input.active ? [input.input] : []));
  return { ...made, panel, moves, active };
}

describe("contacts of the simulated exchange", () => {
  it("are at rest while nobody calls, and follow a call through its states", () => {
    const { phone, until, dial, active } = rig();
    expect(active()).toEqual([]);
    phone("20").lift();
    until("20", "dial-tone");
    expect(active()).toEqual(["register-1"]);
    phone("21").lift();
    until("21", "dial-tone");
    expect(active()).toEqual(["register-1", "register-2"]);
    phone("21").hangUp();
    until("21", "idle");
    dial("20", "35");
    until("35", "ringing");
    expect(active()).toEqual(["link-1", "ringing", "telephone-35"]);
    phone("35").lift();
    until("20", "answered");
    expect(active()).toEqual(["link-1", "telephone-35"]);
    phone("35").hangUp();
    phone("20").hangUp();
    until("20", "idle");
    until("35", "idle");
    expect(active()).toEqual([]);
  });

  it("show a gateway line that is taken", () => {
    const { call, until, active } = rig();
    call("20", "9");
    until("20", "connected");
    expect(active()).toEqual(["link-1", "pax1"]);
  });

  it("show that the power is off, at which everything else is at rest", () => {
    const { simulation, phone, until, active } = rig();
    phone("20").lift();
    until("20", "dial-tone");
    simulation.setPower(false);
    expect(active()).toEqual(["fuse-alarm"]);
    simulation.setPower(true);
    until("20", "dial-tone");
    expect(active()).toEqual(["register-1"]);
  });

  it("can be put by hand, whatever the exchange does, and given back to it", () => {
    const { panel, simulation, active } = rig();
    expect(panel.setInput("door", true)).toBe(true);
    expect(panel.setInput("fuse-alarm", false)).toBe(true);
    simulation.setPower(false);
    expect(active()).toEqual(["door"]);
    expect(panel.inputs.find(({ input }) => input === "door")?.forced).toBe(true);
    panel.setInput("fuse-alarm", null);
    panel.setInput("door", null);
    expect(active()).toEqual(["fuse-alarm"]);
    expect(panel.setInput("window", true)).toBe(false);
  });

  it("bounce, and come to rest where they were moved to, within milliseconds", () => {
    const { panel, clock, moves } = rig();
    let bounced = false;
    for (let i = 0; i < 20; i++) {
      moves.length = 0;
      const atMs = clock.now();
      panel.setInput("door", i % 2 === 0);
      clock.advance(50);
      bounced ||= moves.length > 1;
      expect(moves.at(-1)?.active).toBe(i % 2 === 0);
      expect((moves.at(-1)?.atMs ?? 0) - atMs).toBeLessThan(4);
      expect(panel.level(inputContact("door"))).toBe(i % 2 === 0);
    }
    expect(bounced).toBe(true);
    expect(clock.pending).toBe(0);
  });
});

describe("the simulated button", () => {
  it("is pressed as long as asked for, and tells when it is let go of", () => {
    const { panel, clock } = rig();
    let ended = 0;
    expect(panel.press(6_000, () => ended++)).toBe(true);
    clock.advance(5_999);
    expect([panel.pressed, panel.level("button"), ended]).toEqual([true, true, 0]);
    clock.advance(10);
    expect([panel.pressed, panel.level("button"), ended]).toEqual([false, false, 1]);
    expect(clock.pending).toBe(0);
  });

  it("stays pressed for good when asked to, until another press ends", () => {
    const { panel, clock } = rig();
    panel.press(null, () => undefined);
    clock.advance(600_000);
    expect(panel.pressed).toBe(true);
    panel.press(100, () => undefined);
    clock.advance(200);
    expect(panel.pressed).toBe(false);
  });

  it("goes on being pressed when another press begins before the first has ended", () => {
    const { panel, clock, moves } = rig();
    let first = 0;
    panel.press(1_000, () => first++);
    clock.advance(900);
    moves.length = 0;
    panel.press(1_000, () => undefined);
    expect(first).toBe(1);
    clock.advance(900);
    expect(moves).toEqual([]);
    clock.advance(200);
    expect([panel.pressed, first]).toEqual([false, 1]);
  });

  it("is not there unless it is simulated; neither is the LED", () => {
    const { simulation } = bench();
    const panel = new Panel(simulation, 1);
    expect(panel.press(100, () => undefined)).toBe(false);
    expect([panel.pressed, panel.led, panel.level("button"), panel.showLed("on")]).toEqual([null, null, null, false]);
  });
});
