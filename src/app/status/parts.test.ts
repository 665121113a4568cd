import { describe, expect, it } from "vitest";
import { configSchema } from "../../config/schema.ts";
import type { NatView } from "../../nat/types.ts";
import { natSchema } from "../../status/schema.ts";
import { quietParts } from "../../status/test-parts.ts";
import type { Message } from "../../status/types.ts";
import { dialPart, natPart, TrunkHistory, unknownNat } from "./parts.ts";
import { partsOf } from "./parts-of.ts";

describe("a line's dial", () => {
  it("is not known before any digit, and never NaN", () => {
    const none = { ips: null, breakPercent: null, digits: 0, errors: 0, falseBreaks: 0, warn: false };
    expect(dialPart(undefined)).toEqual(none);
    expect(dialPart({ ...none, ips: Number.NaN, breakPercent: Number.NaN })).toEqual(none);
  });

  it("is told to a tenth, so that it does not change with every digit", () => {
    const health = { ips: 9.9499, breakPercent: 66.666, digits: 3, errors: 1, falseBreaks: 2, warn: true };
    expect(dialPart(health)).toEqual({ ...health, ips: 9.9, breakPercent: 66.7 });
  });
});

describe("a trunk", () => {
  const config = configSchema.parse({
    lines: [{ name: "tie" }],
    trunks: ["one", "two"].map((name) => ({
      name,
      server: "pbx.example",
      username: name,
      password: "pw",
      callLimit: 3,
    })),
  });
  const [one, two] = config.trunks;
  if (one === undefined || two === undefined) throw new Error("there are two trunks");

  it("is told with since when it is registered or not, each by itself", () => {
    const history = new TrunkHistory();
    expect(history.status(one, false, 0, 1_000)).toEqual({
      ...{ trunk: "one", server: "pbx.example", registered: false, sinceMs: 1_000, calls: 0, callLimit: 3 },
    });
    expect(history.status(two, true, 0, 2_000).sinceMs).toBe(2_000);
    expect(history.status(one, false, 2, 3_000)).toMatchObject({ sinceMs: 1_000, calls: 2 });
    expect(history.status(one, true, 0, 4_000).sinceMs).toBe(4_000);
    expect(history.status(one, true, 0, 5_000).sinceMs).toBe(4_000);
    expect(history.status(one, null, 0, 6_000)).toMatchObject({ registered: null, sinceMs: 6_000 });
    expect(history.status(two, true, 0, 7_000).sinceMs).toBe(2_000);
  });
});

describe("the way to the world", () => {
  const view: NatView = {
    mode: "upstream",
    protocol: "pcp",
    router: "192.168.1.1",
    external: { address: "203.0.113.7", sipPort: 5060 } as NatView["external"],
    stunAddress: "203.0.113.7",
    doubleNat: false,
    mappings: [{ name: "sip", externalPort: 5060, expiresS: 3_599, fault: null }],
    faults: [],
  };

  it("is told to the minute, so that a lifetime that runs down is no news", () => {
    const told = natPart(view, 10 * 60_000);
    expect(natSchema.parse(told)).toEqual(told);
    expect(told.mappings).toEqual([{ name: "sip", externalPort: 5060, expiresMs: 70 * 60_000, fault: null }]);
    const [mapping] = view.mappings;
    if (mapping === undefined) throw new Error("there is one mapping");
    const later = natPart({ ...view, mappings: [{ ...mapping, expiresS: 3_589 }] }, 10 * 60_000 + 10_000);
    expect(later).toEqual(told);
    expect(natPart({ ...view, mappings: [{ ...mapping, expiresS: null }] }, 0).mappings[0]?.expiresMs).toBeNull();
  });

  it("fits its schema before anything is known, and however much is wrong", () => {
    expect(natSchema.parse(unknownNat("router"))).toMatchObject({ mode: "router", faults: [] });
    const many = Array.from({ length: 40 }, (_, at) => ({
      name: `m${at}`,
      externalPort: null,
      expiresS: null,
      fault: "x",
    }));
    const told = natPart({ ...view, external: null, mappings: many, faults: many.map(({ name }) => name) }, 0);
    expect(natSchema.parse(told)).toMatchObject({ externalAddress: null, externalPort: null });
    expect([told.mappings.length, told.faults.length]).toEqual([16, 20]);
  });
});

describe("parts of retained messages", () => {
  const message = (topic: string, payload: unknown): Message => ({ topic, payload, retain: true });
  const one = (["gateway", "calls", "guard", "nat", "system", "credentials"] as const).map((part) =>
    message(part, quietParts[part]),
  );

  it("are what the messages were made of", () => {
    const trunk = { trunk: "event" };
    const more = [message("trunks/event", trunk), message("lines/a", 1), message("lines/b", 2)];
    expect(partsOf([...one, ...more])).toEqual({
      ...Object.fromEntries(one.map(({ topic, payload }) => [topic, payload])),
      ...{ lines: [1, 2], trunks: [trunk], inputs: [], alerts: [] },
    });
  });

  it("are none while one is missing", () => {
    for (const missing of one) expect(partsOf(one.filter((each) => each !== missing))).toBeNull();
    expect(partsOf([])).toBeNull();
  });

  it("leave out what is no part, and what happened on a line", () => {
    const others = [
      "availability",
      "heartbeat",
      "lines",
      "lines/tie/digit",
      "__proto__/x",
      "constructor",
      "guard/event",
    ];
    expect(partsOf([...one, ...others.map((topic) => message(topic, "other"))])).toEqual(partsOf(one));
  });
});
