import { describe, expect, it } from "vitest";
import { initialNames, type NamesEffect, type NamesInput, type NamesState, step, storedNames } from "./names.ts";

const HOUR = 3_600_000;

type Kind = NamesInput extends infer I ? (I extends unknown ? Omit<I, "nowMs"> : never) : never;

class Rig {
  state: NamesState;
  now = 1_000_000_000_000;
  effects: readonly NamesEffect[] = [];

  constructor(names: readonly string[], stored: unknown = null) {
    this.state = initialNames(stored, this.now);
    this.step({ type: "want", names });
  }

  step(input: Kind): this {
    const next = step(this.state, { ...input, nowMs: this.now });
    this.state = next.state;
    this.effects = next.effects;
    return this;
  }

  /** Waits as long as it wants to, and lets it look up. */
  turn(): this {
    this.now += this.waits ?? 0;
    return this.step({ type: "tick" });
  }

  answer(addresses: readonly string[], { ttlS = 300, partial = false, name = "a.example" } = {}): this {
    return this.step({ type: "answer", name, addresses, ttlS, partial });
  }

  fail(name = "a.example"): this {
    return this.step({ type: "failed", name, why: "no answer" });
  }

  get waits(): number | null {
    const wake = this.effects.find((effect) => effect.type === "wake");
    return wake?.type === "wake" ? wake.atMs - this.now : null;
  }

  get lookUps(): string[] {
    return this.effects.flatMap((effect) => (effect.type === "look-up" ? [effect.name] : []));
  }

  addresses(name = "a.example"): string[] {
    return [...(this.state.names.get(name)?.addresses.keys() ?? [])].sort();
  }
}

describe("a DNS name of a list", () => {
  it("is looked up at once, and again when its time to live is over", () => {
    const rig = new Rig(["a.example"]);
    expect(rig.lookUps).toEqual(["a.example"]);
    rig.answer(["45.0.0.1", "2A01:4F8::1"]);
    expect(rig.effects[0]).toEqual({ type: "changed", name: "a.example", addresses: ["2a01:4f8::1", "45.0.0.1"] });
    expect(rig.waits).toBe(300_000);
    expect(rig.turn().lookUps).toEqual(["a.example"]);
    expect(rig.answer(["2a01:4f8::1", "45.0.0.1"]).effects.map(({ type }) => type)).toEqual(["wake"]);
  });

  it("is not looked up more often than each minute, nor less than each hour", () => {
    expect(new Rig(["a.example"]).answer(["45.0.0.1"], { ttlS: 0 }).waits).toBe(60_000);
    expect(new Rig(["a.example"]).answer(["45.0.0.1"], { ttlS: 1e9 }).waits).toBe(HOUR);
  });

  it("keeps its addresses however long look-ups fail or come back empty", () => {
    const rig = new Rig(["a.example"]).answer(["45.0.0.1"]);
    const waits: (number | null)[] = [];
    for (let time = 0; time < 60; time++) {
      rig.turn();
      if (time % 2 === 0) rig.fail();
      else rig.answer(time % 4 === 1 ? [] : ["127.0.0.1", "0.0.0.0", "::1", "224.0.0.1", "255.255.255.255", "junk"]);
      waits.push(rig.waits);
      expect(rig.addresses()).toEqual(["45.0.0.1"]);
      expect(rig.state.names.get("a.example")?.fault).not.toBe(null);
    }
    expect(waits.slice(0, 8)).toEqual([15, 30, 60, 120, 240, 480, 600, 600].map((s) => s * 1_000));
    expect(rig.now - 1_000_000_000_000).toBeGreaterThan(5 * HOUR);
    rig.turn().answer(["45.0.0.2"]);
    expect(rig.state.names.get("a.example")?.fault).toBe(null);
  });

  it("keeps an address that an answer leaves out for an hour", () => {
    const rig = new Rig(["a.example"]).answer(["45.0.0.1", "45.0.0.2"], { ttlS: 1_800 });
    rig.turn().answer(["45.0.0.2"], { ttlS: 1_800 });
    expect(rig.addresses()).toEqual(["45.0.0.1", "45.0.0.2"]);
    rig.turn().answer(["45.0.0.2"], { ttlS: 1_800 });
    expect(rig.addresses()).toEqual(["45.0.0.2"]);
  });

  it("keeps it for longer when the answer was only half of one", () => {
    const rig = new Rig(["a.example"]).answer(["45.0.0.1", "2a01:4f8::1"], { ttlS: 3_600 });
    for (let time = 0; time < 5; time++) rig.turn().answer(["2a01:4f8::1"], { ttlS: 3_600, partial: true });
    expect(rig.addresses()).toEqual(["2a01:4f8::1", "45.0.0.1"]);
  });

  it("has at most sixteen addresses, those of the latest answer first", () => {
    const many = (from: number) => Array.from({ length: 40 }, (_, at) => `45.0.${from}.${at}`);
    const rig = new Rig(["a.example"]).answer(many(1));
    expect(rig.addresses()).toHaveLength(16);
    rig.turn().answer(many(2).slice(0, 10));
    expect(rig.addresses()).toHaveLength(16);
    expect(rig.addresses().filter((text) => text.startsWith("45.0.2."))).toHaveLength(10);
  });

  it("may have private addresses: the event's server has one", () => {
    expect(new Rig(["a.example"]).answer(["10.42.0.1"]).addresses()).toEqual(["10.42.0.1"]);
  });

  it("has its addresses again after a restart, before any look-up, and they count as just seen", () => {
    const rig = new Rig(["a.example"]).answer(["45.0.0.1", "45.0.0.2"]);
    const again = new Rig(["a.example"], JSON.parse(JSON.stringify(storedNames(rig.state))));
    expect(again.addresses()).toEqual(["45.0.0.1", "45.0.0.2"]);
    expect(again.lookUps).toEqual(["a.example"]);
    again.now += 1_000;
    expect(again.answer(["45.0.0.2"]).addresses()).toEqual(["45.0.0.1", "45.0.0.2"]);
  });

  it.each([7, [], { "a.example": "x" }, { "a.example": [7, "junk", "127.0.0.1"] }])(
    "has none from %j in its place",
    (stored) => {
      expect(new Rig(["a.example"], stored).addresses()).toEqual([]);
    },
  );

  it("does not wait for a clock that was set back", () => {
    const rig = new Rig(["a.example"]).answer(["45.0.0.1"]);
    rig.now -= 100 * HOUR;
    expect(rig.step({ type: "tick" }).lookUps).toEqual(["a.example"]);
  });
});

describe("several names", () => {
  it("are looked up four at a time, the next one when one is done, with or without success", () => {
    const names = Array.from({ length: 7 }, (_, at) => `n${at}.example`);
    const rig = new Rig(names);
    expect(rig.lookUps).toEqual(names.slice(0, 4));
    expect(rig.fail("n0.example").lookUps).toEqual(["n4.example"]);
    expect(rig.answer(["45.0.0.1"], { name: "n3.example" }).lookUps).toEqual(["n5.example"]);
    expect(rig.step({ type: "tick" }).lookUps).toEqual([]);
  });

  it("are forgotten when nobody wants them; a late answer for one is nothing", () => {
    const rig = new Rig(["a.example", "b.example"]);
    rig.step({ type: "want", names: ["b.example"] }).answer(["45.0.0.1"]);
    expect([...rig.state.names.keys()]).toEqual(["b.example"]);
  });

  it("are all looked up on command, but for those that are being looked up", () => {
    const rig = new Rig(["a.example", "b.example"]).answer(["45.0.0.1"]);
    expect(rig.step({ type: "refresh" }).lookUps).toEqual(["a.example"]);
  });
});
