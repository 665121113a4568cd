import { describe, expect, it } from "vitest";
import { changesOf, faultOf, lineOfDigit, noneRetained, type ToldPart, topicsOf } from "./model.ts";
import { quietParts } from "./test-parts.ts";
import { specOf } from "./topics.ts";
import type { Part } from "./types.ts";

const alert = { alert: "disk", severity: "warning", source: "system", text: "full", sinceMs: 1 } as const;
const [one, two] = quietParts.lines;

describe("the parts as topics", () => {
  it.each(Object.keys(quietParts) as Part[])("every topic of %s is one of the table, with its payload", (part) => {
    const value = part === "alerts" ? [alert] : quietParts[part];
    const topics = topicsOf({ part, value } as ToldPart);
    expect(topics.length).toBeGreaterThan(0);
    for (const [topic, payload] of topics) {
      expect(specOf(topic)?.kind, topic).toBe("state");
      expect(faultOf("state", topic, payload)).toBeNull();
    }
  });
});

describe("what has to be told", () => {
  const wanted = topicsOf({ part: "lines", value: quietParts.lines });
  const { retained } = changesOf(noneRetained, wanted);

  it("is everything at first, and nothing the second time", () => {
    expect(changesOf(noneRetained, wanted)).toMatchObject({ changes: wanted, fault: null });
    expect(changesOf(retained, structuredClone(wanted))).toEqual({ retained, changes: [], fault: null });
  });

  it("is what differs, after the deletion of what is gone", () => {
    const seized = { ...two, state: "seized" };
    const { changes } = changesOf(retained, [["lines/tie-2", seized]]);
    expect(changes).toEqual([
      ["lines/tie-1", null],
      ["lines/tie-2", seized],
    ]);
  });

  it("is not what has not its form: what was told before stays, and the others are told", () => {
    const bad = { ...one, state: "on fire" };
    const good = { ...two, blocked: true };
    const next = changesOf(retained, [
      ["lines/tie-1", bad],
      ["lines/tie-2", good],
      ["lines/UPPER", one],
    ]);
    expect(next.changes).toEqual([["lines/tie-2", good]]);
    expect(next.fault).toBe("lines/tie-1: invalid_value at state");
    expect(next.retained.get("lines/tie-1")).toBe(JSON.stringify(one));
    expect(next.retained.has("lines/UPPER")).toBe(false);
  });

  it("comes once what had not its form has it", () => {
    const first = changesOf(noneRetained, [["lines/tie-1", { ...one, extra: 1 }]]);
    expect([first.changes, first.fault]).toEqual([[], "lines/tie-1: unrecognized_keys at the top"]);
    expect(changesOf(first.retained, [["lines/tie-1", one]]).changes).toEqual([["lines/tie-1", one]]);
  });
});

describe("an event", () => {
  it("is not a state, and a state is no event", () => {
    const digit = { atMs: 1, digit: null, reason: "late-edges", ips: null, breakPercent: null };
    expect(faultOf("event", "lines/tie-1/digit", digit)).toBeNull();
    expect(faultOf("state", "lines/tie-1/digit", digit)).toBe("there is no such state");
    expect(faultOf("event", "gateway", quietParts.gateway)).toBe("there is no such event");
    expect(faultOf("event", "nowhere", {})).toBe("there is no such event");
  });

  it("of a digit names its line", () => {
    expect([lineOfDigit("lines/tie-1/digit"), lineOfDigit("lines/tie-1"), lineOfDigit("calls/event")]).toEqual([
      "tie-1",
      null,
      null,
    ]);
  });
});
