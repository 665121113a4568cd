import { describe, expect, it } from "vitest";
import {
  type FleetRules,
  type FleetState,
  MAX_BYTES,
  MAX_SITE_BYTES,
  MAX_SITES,
  MAX_TOPICS,
  noFleet,
  placeOf,
  registered,
  snapshotOf,
  step,
} from "./fleet.ts";
import { MAX_TEXT } from "./fleet-payload.ts";
import { testParts } from "./home-assistant-test-parts.ts";
import type { SiteMessage } from "./types.ts";

const rules: FleetRules = { base: "paxgate", ownSite: "north", heartbeatMs: 30_000, check: registered };
const WALL = 1_790_000_000_000;

/** Text as it is, anything else as JSON; null: what is no UTF-8. */
const bytesOf = (payload: unknown): Uint8Array => {
  if (payload === null) return Uint8Array.of(0xff);
  return new TextEncoder().encode(typeof payload === "string" ? payload : JSON.stringify(payload));
};
const came = (topic: string, payload: Uint8Array, nowMs: number, retained: boolean) =>
  ({ type: "message", topic, payload, retained, nowMs, wallMs: WALL + nowMs }) as const;

/** A fleet's memory that is fed with messages at a time in ms. */
class Memory {
  state: FleetState = noFleet;
  told: SiteMessage[] = [];
  readonly rules: FleetRules;
  constructor(own: FleetRules = rules) {
    this.rules = own;
  }
  say(topic: string, payload: unknown, nowMs = 0, retained = false): readonly SiteMessage[] {
    const bytes = bytesOf(payload);
    return this.#take(step(this.state, came(`paxgate/${topic}`, bytes, nowMs, retained), this.rules));
  }
  look(nowMs: number): readonly SiteMessage[] {
    return this.#take(step(this.state, { type: "look", nowMs }, this.rules));
  }
  #take(came: ReturnType<typeof step>): readonly SiteMessage[] {
    this.state = came.state;
    this.told.push(...came.messages);
    return came.messages;
  }
  has(site: string, topic: string): unknown {
    return snapshotOf(this.state).find((each) => each.site === site && each.topic === topic)?.payload;
  }
  stale(site: string): boolean | undefined {
    return this.state.sites.get(site)?.stale;
  }
}

const gateway = { ...testParts.gateway, site: "south" };
const [line] = testParts.lines;
const alert = { ...testParts.alerts[0], sinceMs: WALL };

function withSouth(): Memory {
  const memory = new Memory();
  memory.say("south/availability", "online");
  memory.say("south/heartbeat", { atMs: WALL });
  return memory;
}

describe("another site", () => {
  it("is shown with everything that it retains, told as it comes", () => {
    const memory = withSouth();
    expect(memory.say("south/gateway", gateway)).toEqual([
      { site: "south", topic: "gateway", payload: gateway, retain: true },
    ]);
    memory.say("south/lines/tie-1", line);
    expect(snapshotOf(memory.state).map(({ topic }) => topic)).toEqual([
      "availability",
      "heartbeat",
      "gateway",
      "lines/tie-1",
    ]);
    expect(memory.has("south", "lines/tie-1")).toEqual(line);
    expect(memory.stale("south")).toBe(false);
  });

  it("is told of with its events, which nobody keeps", () => {
    const memory = withSouth();
    const event = { atMs: WALL, digit: 4, reason: null, ips: 10, breakPercent: 66 };
    expect(memory.say("south/lines/tie-1/digit", event)).toEqual([
      { site: "south", topic: "lines/tie-1/digit", payload: event, retain: false },
    ]);
    expect(memory.has("south", "lines/tie-1/digit")).toBeUndefined();
    expect(memory.say("west/lines/tie-1/digit", event)).toEqual([]);
  });

  it("deletes what it deletes, and is gone with the last", () => {
    const memory = new Memory();
    memory.say("south/alerts/fuse", alert);
    expect(memory.say("south/alerts/fuse", "")).toEqual([
      { site: "south", topic: "alerts/fuse", payload: null, retain: true },
    ]);
    expect(memory.say("south/alerts/fuse", "")).toEqual([]);
    expect(memory.state.sites.size).toBe(0);
  });

  it("may delete its heartbeat and availability, and is stale then", () => {
    const memory = withSouth();
    memory.say("south/gateway", gateway);
    memory.say("south/heartbeat", "");
    expect(memory.stale("south")).toBe(true);
    memory.say("south/heartbeat", { atMs: WALL });
    memory.say("south/availability", "");
    expect(memory.stale("south")).toBe(true);
  });
});

describe("a site is stale", () => {
  it("when it says that it goes, or its will does, and no longer when it is back", () => {
    const memory = withSouth();
    expect(memory.say("south/availability", "offline")).toMatchObject([{ payload: "offline" }]);
    expect(memory.stale("south")).toBe(true);
    memory.say("south/availability", "online", 1_000);
    expect(memory.stale("south")).toBe(false);
  });

  it("after three heartbeats that did not come, which everybody is told once", () => {
    const memory = withSouth();
    expect(memory.look(90_000)).toEqual([]);
    expect(memory.look(90_001)).toEqual([{ site: "south", topic: "availability", payload: "offline", retain: true }]);
    expect(memory.look(120_000)).toEqual([]);
    expect(memory.has("south", "availability")).toBe("offline");
    expect(memory.say("south/heartbeat", { atMs: WALL }, 130_000)).toContainEqual({
      site: "south",
      topic: "availability",
      payload: "online",
      retain: true,
    });
  });

  it("by its own interval once two heartbeats have come, if it sends less often than we do", () => {
    const memory = withSouth();
    memory.say("south/heartbeat", { atMs: WALL }, 120_000);
    expect(memory.stale("south")).toBe(false);
    memory.look(480_000);
    expect(memory.stale("south")).toBe(false);
    memory.look(480_001);
    expect(memory.stale("south")).toBe(true);
  });

  it("no sooner for a heartbeat that came twice", () => {
    const memory = withSouth();
    memory.say("south/heartbeat", { atMs: WALL }, 1);
    memory.look(90_001);
    expect(memory.stale("south")).toBe(false);
  });

  it("when all that the broker has kept of it is old", () => {
    const memory = new Memory();
    memory.say("south/availability", "online", 0, true);
    memory.say("south/heartbeat", { atMs: WALL - 90_001 }, 0, true);
    expect(memory.stale("south")).toBe(true);
    memory.say("south/heartbeat", { atMs: WALL - 90_000 }, 0, true);
    expect(memory.stale("south")).toBe(false);
    memory.say("south/heartbeat", { atMs: WALL + 1 }, 0, true);
    expect(memory.stale("south")).toBe(true);
  });

  it("not for a clock that is wrong", () => {
    const memory = new Memory();
    memory.say("south/availability", "online");
    memory.say("south/heartbeat", { atMs: 0 }, 10);
    expect(memory.stale("south")).toBe(false);
  });
});

describe("what a stranger says", () => {
  it.each([
    ["no JSON", "gateway", "{"],
    ["what cannot be read", "gateway", null],
    ["a topic that nobody knows", "secrets", {}],
    ["a payload in another form", "gateway", { site: "south" }],
    ["a key more", "heartbeat", { atMs: 1, more: 1 }],
    ["another site's gateway", "gateway", { ...gateway, site: "west" }],
    ["availability in other words", "availability", "perhaps"],
    ["a line feed", "gateway", { ...gateway, name: "a\nb" }],
    ["an escape sequence", "gateway", { ...gateway, name: "\u001b[2J" }],
    ["text that runs backwards", "gateway", { ...gateway, name: "\u202egnp" }],
    ["a control character in a key", "guard", { ...testParts.guard, counters: { "a\u0000": 1 } }],
    ["too much", "guard", { ...testParts.guard, counters: { a: 1, ["b".repeat(MAX_TEXT)]: 2 } }],
    ["brackets without end", "guard", "[".repeat(MAX_TEXT)],
  ])("is left out and counted: %s", (_, topic, payload) => {
    const memory = new Memory();
    expect(memory.say(`south/${topic}`, payload)).toEqual([]);
    expect(memory.state.sites.size).toBe(0);
    expect(memory.state.counts).toEqual({ invalid: 1, crowded: 0, hurried: 0 });
  });

  it.each([
    "south",
    "south/",
    "so uth/gateway",
    "/gateway",
    "south//gateway",
    `${"s".repeat(65)}/gateway`,
    "south/a/b/c/d/e",
  ])("has no place under the topic %s", (topic) => {
    expect(placeOf("paxgate", `paxgate/${topic}`)).toBeNull();
  });

  it.each(["north/gateway", "south/request/guard/confirm", "south/response/guard/confirm", "south/guard/bans"])(
    "is none of ours to show: %s",
    (topic) => {
      const memory = new Memory();
      expect(memory.say(topic, { ...gateway, site: "north" })).toEqual([]);
      expect(memory.state).toBe(noFleet);
    },
  );

  it("has room for so many topics, and what is there is still changed", () => {
    const memory = new Memory();
    for (let each = 0; each < MAX_TOPICS; each++) memory.say(`south/alerts/a${each}`, alert);
    expect(memory.say("south/alerts/more", alert)).toEqual([]);
    expect(memory.state.counts.crowded).toBe(1);
    expect(memory.say("south/alerts/a7", { ...alert, text: "worse" })).toHaveLength(1);
    expect(snapshotOf(memory.state)).toHaveLength(MAX_TOPICS);
  });

  it("has room for so many sites: who is there stays, who has been stale longest goes", () => {
    const memory = new Memory();
    for (let each = 0; each < MAX_SITES; each++) {
      memory.say(`s${each}/availability`, "online", each);
      memory.say(`s${each}/heartbeat`, { atMs: WALL }, each);
    }
    expect(memory.say("more/availability", "online", 100)).toEqual([]);
    expect(memory.state.counts.crowded).toBe(1);
    memory.say("s9/availability", "offline", 200);
    memory.say("s5/availability", "offline", 300);
    expect(memory.say("more/availability", "online", 400)).toHaveLength(1);
    expect(memory.state.sites.size).toBe(MAX_SITES);
    expect(memory.state.sites.has("s9")).toBe(false);
    expect(memory.state.sites.has("s5")).toBe(true);
  });

  it("is heard fifty times a second for long", () => {
    const memory = withSouth();
    let heard = 0;
    for (let ms = 0; ms < 20_000; ms++) heard += memory.say("south/gateway", gateway, ms).length;
    expect(heard).toBeGreaterThanOrEqual(20 * 50);
    expect(heard).toBeLessThan(20 * 50 + 401);
    expect(memory.state.counts.hurried).toBe(20_000 - heard);
  });
});

describe("what is kept of others", () => {
  /** An alert about as long as one may be: 3 KB as it is told. */
  const long = (letter = "\u20ac") => ({ ...alert, text: letter.repeat(1_000) });
  const bytes = (memory: Memory) => new TextEncoder().encode(JSON.stringify(snapshotOf(memory.state))).byteLength;
  const fill = (memory: Memory, site: string, nowMs = 0) => {
    for (let each = 0; each < MAX_TOPICS; each++) memory.say(`${site}/alerts/a${each}`, long(), nowMs);
  };

  it("has an end in bytes for each site, and what is deleted makes room again", () => {
    const memory = withSouth();
    fill(memory, "south");
    expect(bytes(memory)).toBeLessThan(MAX_SITE_BYTES);
    expect(bytes(memory)).toBeGreaterThan(MAX_SITE_BYTES - 4_000);
    const { crowded } = memory.state.counts;
    expect(crowded).toBeGreaterThan(100);
    expect(memory.say("south/alerts/more", long(), 60_000)).toEqual([]);
    // What is there may be said anew, shorter or as long, and may be deleted.
    expect(memory.say("south/alerts/a1", long("\u20ad"), 60_000)).toHaveLength(1);
    expect(memory.say("south/alerts/a0", "", 60_000)).toHaveLength(1);
    expect(memory.say("south/alerts/more", long(), 60_000)).toHaveLength(1);
    expect(memory.state.counts.crowded).toBe(crowded + 1);
  });

  it("is counted as it is told on, however short it came", () => {
    const memory = withSouth();
    const counters = Array.from({ length: 120 }, (_, at) => `"c${at}":1e20`).join(",");
    const guard = JSON.stringify({ ...testParts.guard, scanner: {}, counters: {} }).replace(
      /"counters":\{\}/,
      `"counters":{${counters}}`,
    );
    expect(memory.say("south/guard", guard)).toHaveLength(1);
    expect(memory.state.sites.get("south")?.bytes).toBeGreaterThan(bytes(memory) - 100);
  });

  it("has an end in bytes for all sites: who is stale makes room, and who goes does", () => {
    const memory = new Memory();
    const live = (site: string, nowMs: number) => {
      memory.say(`${site}/availability`, "online", nowMs);
      memory.say(`${site}/heartbeat`, { atMs: WALL }, nowMs);
    };
    for (let each = 0; each < 12; each++) {
      live(`s${each}`, each * 1_000);
      fill(memory, `s${each}`, each * 1_000);
    }
    expect(bytes(memory)).toBeLessThan(MAX_BYTES);
    expect(bytes(memory)).toBeGreaterThan(MAX_BYTES - 8_000);
    live("late", 20_000);
    expect(memory.say("late/alerts/one", long(), 20_000)).toEqual([]);
    memory.say("s3/availability", "offline", 21_000);
    expect(memory.say("late/alerts/one", long(), 22_000)).toHaveLength(1);
    expect(memory.state.sites.has("s3")).toBe(false);
    expect(bytes(memory)).toBeLessThan(MAX_BYTES - MAX_SITE_BYTES / 2);
  });
});

describe("a flood", () => {
  /** How many payloads were looked into while so many messages came within a second. */
  const checked = (count: number, topic: (at: number) => string, payload: unknown, memory: Memory, fromMs = 0) => {
    const before = looked;
    for (let at = 0; at < count; at++) memory.say(topic(at), payload, fromMs + (at * 1_000) / count);
    return looked - before;
  };
  let looked = 0;
  const counting: FleetRules = {
    ...rules,
    check: (topic) => {
      looked++;
      return registered(topic);
    },
  };
  const known = () => {
    const memory = new Memory(counting);
    memory.say("south/availability", "online");
    memory.say("south/heartbeat", { atMs: WALL });
    return memory;
  };

  it("of a known site is not read beyond its credit, in form or not", () => {
    for (const payload of [gateway, "{", { site: "south" }, null]) {
      const memory = known();
      expect(checked(20_000, () => "south/gateway", payload, memory)).toBeLessThan(500);
      expect(memory.state.counts.hurried).toBeGreaterThan(19_000);
    }
  });

  it("under names that nobody knows is not read beyond what they all have, and leaves known sites theirs", () => {
    const memory = known();
    expect(checked(20_000, (at) => `x${at}/gateway`, "{", memory)).toBeLessThan(500);
    expect(memory.say("south/gateway", gateway, 1_000)).toHaveLength(1);
    expect(memory.say("west/availability", "online", 1_000)).toEqual([]);
    expect(memory.say("west/availability", "online", 2_000)).toHaveLength(1);
  });

  it("of a site that comes and goes does not get a new credit each time", () => {
    const memory = known();
    const away = (at: number) => (at % 399 === 398 ? "" : alert);
    const before = looked;
    for (let at = 0; at < 39_900; at++) memory.say("west/alerts/one", away(at), at / 39.9);
    expect(looked - before).toBeLessThan(1_500);
  });

  it("of long messages is read less often than one of short ones", () => {
    const long = { ...testParts.guard, scanner: {}, faults: Array.from({ length: 14 }, () => "f".repeat(1_000)) };
    const many = checked(2_000, () => "south/guard", long, known());
    expect(many).toBeLessThan(150);
    expect(many).toBeGreaterThan(50);
  });
});
