import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { address4, formatAddress4 } from "./address-set.ts";
import {
  ACTIVE_S,
  type ApibanContext,
  type ApibanEffect,
  type ApibanInput,
  type ApibanState,
  initialApiban,
  step,
  storedApiban,
} from "./apiban.ts";
import { countOf, forget, NOBODY, oldest, packTold, tell, unpackTold } from "./told-addresses.ts";

const DAY = 86_400_000;
const T0 = Date.UTC(2026, 4, 1);
const context: ApibanContext = { refreshMs: 1_800_000, protects4: () => false, protects6: () => false };

type Kind = ApibanInput extends infer I ? (I extends unknown ? Omit<I, "nowMs" | "jitter"> : never) : never;

/** The machine with a calendar of its own. */
class Rig {
  state: ApibanState;
  now = T0;
  effects: readonly ApibanEffect[] = [];
  context = context;

  constructor(stored: unknown = null) {
    this.state = initialApiban(stored);
  }

  step(input: Kind, jitter = 0): this {
    const next = step(this.state, { ...input, nowMs: this.now, jitter }, this.context);
    this.state = next.state;
    this.effects = next.effects;
    return this;
  }

  answer(status: number, body: unknown, retryAfterS: number | null = null, jitter = 0): this {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return this.step({ type: "answer", answer: { status, body: text, retryAfterS } }, jitter);
  }

  page(addresses: readonly string[], cursor: string): this {
    return this.answer(200, { ipaddress: addresses, ID: cursor });
  }

  end(): this {
    return this.answer(400, { ipaddress: ["no new bans"], ID: "none" });
  }

  get kinds(): string[] {
    return this.effects.map(({ type }) => type);
  }

  get asks(): string | null {
    const ask = this.effects.find((effect) => effect.type === "ask");
    return ask?.type === "ask" ? ask.cursor : null;
  }

  /** How long until it wants to be called again, ms. */
  get waits(): number | null {
    const wake = this.effects.find((effect) => effect.type === "wake");
    return wake?.type === "wake" ? wake.atMs - this.now : null;
  }

  get blocked(): string[] {
    return [...Array.from(this.state.told.addresses4, formatAddress4), ...this.state.told.told6.keys()];
  }
}

describe("asking APIBAN", () => {
  it("begins with cursor 100, stores after every page, and ends at 400", () => {
    const rig = new Rig().step({ type: "tick" });
    expect(rig.asks).toBe("100");
    rig.page(["45.0.0.1", "45.0.0.2"], "7001");
    expect(rig.kinds).toEqual(["persist", "changed", "ask"]);
    expect(rig.asks).toBe("7001");
    rig.end();
    expect(rig.kinds).toEqual(["round-over", "wake"]);
    expect(rig.waits).toBe(1_800_000);
    expect(rig.state.round).toEqual({ added: 2, alreadyThere: 0, skipped: 0, refused: 0 });
    rig.now += 1_800_000;
    expect(rig.step({ type: "tick" }).asks).toBe("7001");
  });

  it("takes a cursor that is a number, and the end of the list as a text", () => {
    const rig = new Rig().step({ type: "tick" }).answer(200, { ipaddress: ["45.0.0.1"], ID: 7001 });
    expect(rig.asks).toBe("7001");
    rig.answer(400, { ipaddress: "no new bans", ID: "none" });
    expect(rig.state.fault).toBe(null);
  });

  it("goes on after a 429 and counts on in the same round", () => {
    const rig = new Rig().step({ type: "tick" }).page(["45.0.0.1"], "7001");
    rig.answer(429, { ipaddress: "rate limit exceeded", ID: "none" });
    expect([rig.asks, rig.waits]).toEqual([null, 30_000]);
    rig.now += 29_999;
    expect(rig.step({ type: "tick" }).asks).toBe(null);
    expect(rig.step({ type: "refresh" }).asks).toBe(null);
    rig.now += 1;
    expect(rig.step({ type: "tick" }).asks).toBe("7001");
    rig.page(["45.0.0.2"], "7002").end();
    expect(rig.state.round.added).toBe(2);
  });

  it("waits twice as long each time, with jitter, up to a limit, and at least what it is told", () => {
    const rig = new Rig().step({ type: "tick" });
    const waits: (number | null)[] = [];
    for (let time = 0; time < 9; time++) {
      rig.answer(429, "");
      waits.push(rig.waits);
      rig.now += rig.waits ?? 0;
      rig.step({ type: "tick" });
    }
    expect(waits).toEqual([30, 60, 120, 240, 480, 960, 1800, 1800, 1800].map((s) => s * 1_000));
    expect(new Rig().step({ type: "tick" }).answer(429, "", 300).waits).toBe(300_000);
    expect(new Rig().step({ type: "tick" }).answer(429, "", 1e9).waits).toBe(3_600_000);
    expect(new Rig().step({ type: "tick" }).answer(429, "", null, 1).waits).toBe(36_000);
  });

  it("begins short waits again after a page", () => {
    const rig = new Rig().step({ type: "tick" }).answer(429, "");
    rig.now += 30_000;
    rig.step({ type: "tick" }).page(["45.0.0.1"], "7001").answer(429, "");
    expect(rig.waits).toBe(30_000);
  });

  it("rests for half a day over a refused key, but for a command", () => {
    const rig = new Rig().step({ type: "tick" }).answer(403, { ipaddress: "none", ID: "unauthorized" });
    expect([rig.state.fault, rig.waits]).toEqual(["APIBAN refuses the key", 12 * 3_600_000]);
    expect(rig.step({ type: "refresh" }).asks).toBe(null);
    rig.now += 60_000;
    expect(rig.step({ type: "refresh" }).asks).toBe("100");
  });

  it("asks nothing while it waits for an answer, and takes no answer that it did not ask for", () => {
    const rig = new Rig().step({ type: "tick" });
    expect(rig.step({ type: "tick" }).asks).toBe(null);
    expect(rig.step({ type: "refresh" }).asks).toBe(null);
    const idle = new Rig();
    expect(idle.page(["45.0.0.1"], "7001").blocked).toEqual([]);
    expect(idle.step({ type: "failed", why: "late" }).state.fault).toBe(null);
  });

  it("waits longer from failure to failure, keeps what it has and says what is wrong", () => {
    const rig = new Rig().step({ type: "tick" }).page(["45.0.0.1"], "7001").step({ type: "failed", why: "no answer" });
    expect([rig.waits, rig.state.fault, rig.blocked]).toEqual([60_000, "no answer", ["45.0.0.1"]]);
    rig.now += 60_000;
    rig.step({ type: "tick" }).answer(502, "");
    expect([rig.waits, rig.state.fault]).toEqual([120_000, "not an answer of APIBAN's: status 502"]);
  });

  it("does not wait for a clock that was set back", () => {
    const rig = new Rig().step({ type: "tick" }).end();
    rig.now -= 30 * DAY;
    expect(rig.step({ type: "tick" }).asks).toBe("100");
  });
});

describe("what APIBAN tells", () => {
  it("is counted as added, there already, ours, or refused", () => {
    const rig = new Rig().step({ type: "tick" }).page(["45.0.0.1", "45.0.0.2"], "7001").end();
    rig.context = { ...context, protects4: (address) => address === address4("45.0.0.3"), protects6: () => true };
    rig.now += 1_800_000;
    rig.step({ type: "tick" });
    const hostile = [7, null, "10.0.0.1", "127.0.0.1", "0.0.0.0/0", "45.0.0.0/24", "x".repeat(1e5), "::1", "45.0.0.9 "];
    rig.answer(200, { ipaddress: ["45.0.0.2", "45.0.0.3", "45.0.0.4", "2a01:4f8::1", ...hostile], ID: "7002" });
    expect(rig.state.round).toEqual({ added: 1, alreadyThere: 1, skipped: 2, refused: hostile.length });
    expect(rig.blocked).toEqual(["45.0.0.1", "45.0.0.2", "45.0.0.3", "45.0.0.4", "2a01:4f8::1"]);
  });

  it("ends seven days after it was last told, and wakes for that", () => {
    const rig = new Rig().step({ type: "tick" }).page(["45.0.0.1", "45.0.0.2", "2a01:4f8::1"], "7001").end();
    rig.now += 3 * DAY;
    rig.step({ type: "tick" }).page(["45.0.0.2"], "7002");
    rig.answer(403, "");
    rig.now = T0 + ACTIVE_S * 1_000 - 1_000;
    rig.step({ type: "tick" }).step({ type: "failed", why: "no network" });
    expect(rig.blocked).toHaveLength(3);
    expect(rig.waits).toBe(2_000);
    rig.now += 2_000;
    expect(rig.step({ type: "tick" }).kinds).toEqual(["persist", "changed", "wake"]);
    expect(rig.blocked).toEqual(["45.0.0.2"]);
  });

  it("is asked for from the beginning when all of it has ended at once: the clock may have been wrong", () => {
    const rig = new Rig().step({ type: "tick" }).page(["45.0.0.1"], "7001").end();
    rig.now += 365 * DAY;
    expect(rig.step({ type: "tick" }).asks).toBe("100");
    expect(rig.blocked).toEqual([]);
  });

  it("outlives a restart with its cursor", () => {
    const rig = new Rig().step({ type: "tick" }).page(["45.0.0.1", "2a01:4f8::1"], "7001");
    const again = new Rig(JSON.parse(JSON.stringify(storedApiban(rig.state))));
    expect(again.blocked).toEqual(["45.0.0.1", "2a01:4f8::1"]);
    expect(again.step({ type: "tick" }).asks).toBe("7001");
  });

  it.each([
    7,
    {},
    { cursor: "7001" },
    { cursor: 7001, told: [] },
    { cursor: "../x", told: [] },
    { cursor: "7001", told: [{ toldS: 1, v4: (0x7f00_0001).toString(36), v6: [] }] },
    { cursor: "7001", told: [{ toldS: -1, v4: "", v6: [] }] },
    { cursor: "7001", told: [{ toldS: 1, v4: "", v6: ["::1"] }] },
    { cursor: "7001", told: [null] },
  ])("begins anew when %j was stored", (stored) => {
    const rig = new Rig(stored).step({ type: "tick" });
    expect([rig.asks, rig.blocked]).toEqual(["100", []]);
  });
});

describe("addresses with the time they were told", () => {
  const address = fc.integer({ min: 0x2d00_0000, max: 0x2d00_0040 });
  const pages = fc.array(fc.record({ told: fc.array(address), atS: fc.integer({ min: 0, max: 50 }) }), {
    maxLength: 12,
  });

  it("are what a map would hold, also after forgetting and from the state file", () => {
    fc.assert(
      fc.property(pages, fc.integer({ min: 0, max: 50 }), (list, before) => {
        let told = NOBODY;
        const map = new Map<number, number>();
        for (const page of list) {
          const unique = [...new Set(page.told)].sort((a, b) => a - b);
          told = tell(told, Uint32Array.from(unique), [], page.atS);
          for (const one of unique) map.set(one, page.atS);
        }
        for (const [one, atS] of map) if (atS < before) map.delete(one);
        told = forget(told, before);
        const sorted = [...map].sort(([a], [b]) => a - b);
        expect([...told.addresses4].map((one, at) => [one, told.told4[at]])).toEqual(sorted);
        expect(oldest(told)).toBe(map.size === 0 ? null : Math.min(...map.values()));
        expect(unpackTold(JSON.parse(JSON.stringify(packTold(told))), 1_000)).toEqual(told);
        expect(countOf(told)).toBe(map.size);
      }),
    );
  });
});
