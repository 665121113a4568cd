import { describe, expect, it } from "vitest";
import type { GuardStatus, LineStatusPayload } from "../status/schema.ts";
import { engaged, guardLamp, lineFace, linesLamp, natLamp } from "./looks.ts";
import { emptySite } from "./model.ts";

const line = (change: Partial<LineStatusPayload>): LineStatusPayload => ({
  line: "tie-1",
  type: "tie-line",
  group: "ties",
  state: "idle",
  sinceMs: 0,
  blocked: false,
  call: null,
  digits: "",
  dial: { ips: null, breakPercent: null, digits: 0, errors: 0, falseBreaks: 0, warn: false },
  callsToday: { fromPax: 0, toPax: 0, answered: 0 },
  ...change,
});

/** Whether somebody uses a line in that state; the compiler wants every state named. */
const USED: Record<LineStatusPayload["state"], boolean> = {
  starting: false,
  idle: false,
  seized: true,
  proceeding: true,
  talking: true,
  seizing: true,
  sending: true,
  "awaiting-answer": true,
  "second-stage": true,
  "awaiting-clear": true,
  guard: true,
  parked: true,
  fault: false,
};
const states = Object.keys(USED) as LineStatusPayload["state"][];

describe("a line's face", () => {
  it("has a word for every state", () => {
    for (const state of states) expect(lineFace(line({ state })).word, state).not.toBe("");
  });

  it("is dialling from the first digit on", () => {
    expect(lineFace(line({ state: "seized" })).look).toBe("seized");
    expect(lineFace(line({ state: "seized", digits: "4" })).look).toBe("dialling");
  });

  it("is blocked once its call is over; a fault is more than that", () => {
    expect(lineFace(line({ blocked: true })).look).toBe("blocked");
    expect(lineFace(line({ blocked: true, call: "c", state: "talking" })).look).toBe("talking");
    expect(lineFace(line({ blocked: true, state: "fault" })).look).toBe("fault");
  });

  it("tells who is engaged", () => {
    for (const state of states) expect(engaged(line({ state })), state).toBe(USED[state]);
    expect(engaged(line({ blocked: true }))).toBe(false);
  });
});

const guard: GuardStatus = {
  protect: "host",
  mode: "allowlist",
  inForce: true,
  faults: [],
  trial: { state: "confirmed", endsMs: null, changes: [] },
  droppedPerMinute: 0,
  dropped: 0,
  counters: {},
  scanner: {},
  sources: { trusted: 0, registered: 0, allowed: 0, blocked: 0, limited: 0 },
  lists: [],
  bans: { total: 0, latest: [] },
  top: [],
};

describe("lamps", () => {
  const site = emptySite("a");

  it("of the lines: a fault before anything else", () => {
    const lines = { a: line({ state: "talking", call: "c" }), b: line({}) };
    expect(linesLamp(site).look).toBe("off");
    expect(linesLamp({ ...site, lines })).toEqual({ look: "busy", word: "1 of 2 engaged" });
    expect(linesLamp({ ...site, lines: { ...lines, c: line({ state: "fault" }) } }).look).toBe("bad");
  });

  it.each([
    [{}, "good", "In force"],
    [{ mode: "open" }, "good", "Open"],
    [{ inForce: false, faults: ["x"] }, "bad", "Not in force"],
    [{ faults: ["x"] }, "warn", "trouble"],
    [{ trial: { state: "on-trial", endsMs: 1, changes: [] } }, "warn", "on trial"],
    [{ protect: "none", inForce: false }, "off", "none"],
  ] as const)("of the guard with %j", (change, look, word) => {
    expect(guardLamp({ ...site, guard: { ...guard, ...change } as GuardStatus })).toEqual({ look, word });
  });

  it("of the router: trouble with any mapping", () => {
    const nat = {
      mode: "upstream",
      protocol: "pcp",
      router: null,
      externalAddress: null,
      externalPort: null,
      stunAddress: null,
      doubleNat: false,
      mappings: [{ name: "sip", externalPort: 5060, expiresMs: null, fault: null }],
      advice: null,
      faults: [],
    } as const;
    const lamp = (change: object) =>
      natLamp({ ...site, nat: { ...nat, mappings: [...nat.mappings], faults: [], ...change } });
    expect(lamp({}).look).toBe("good");
    expect(lamp({ mode: "none" }).look).toBe("off");
    expect(lamp({ doubleNat: true }).word).toBe("Double NAT");
    expect(lamp({ mappings: [{ ...nat.mappings[0], fault: "refused" }] }).look).toBe("warn");
  });
});
