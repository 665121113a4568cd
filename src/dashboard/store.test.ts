import { describe, expect, it } from "vitest";
import { initialView, type View } from "./model.ts";
import { step } from "./store.ts";

const NOW = 1_700_000_000_000;
const line = (name: string, change: object = {}) => ({
  line: name,
  type: "tie-line",
  group: "ties",
  state: "idle",
  sinceMs: NOW,
  blocked: false,
  call: null,
  digits: "",
  dial: { ips: 10, breakPercent: 66, digits: 1, errors: 0, falseBreaks: 0, warn: false },
  callsToday: { fromPax: 0, toPax: 0, answered: 0 },
  ...change,
});
const alert = (name: string) => ({ alert: name, severity: "error", source: "lines", text: "wrong", sinceMs: NOW });
const digit = { atMs: NOW, digit: 4, reason: null, ips: 10, breakPercent: 66 };

const message = (view: View, topic: string, payload: unknown, site = "a") =>
  step(view, { type: "message", data: { site, topic, payload }, atMs: NOW });
const snapshot = (view: View, messages: unknown, atMs = NOW - 500) =>
  step(view, { type: "snapshot", data: { site: "a", nowMs: NOW, messages, broker: null }, atMs });
const opened = snapshot(initialView, [
  { site: "a", topic: "lines/tie-2", payload: line("tie-2") },
  { site: "a", topic: "lines/ext-59", payload: line("ext-59") },
]);

describe("a snapshot", () => {
  it("makes the page live, by the gateway's clock, with the lines in its order", () => {
    expect(opened.link).toEqual({ state: "live" });
    expect(opened.skewMs).toBe(500);
    expect(Object.keys(opened.sites["a"]?.lines ?? {})).toEqual(["tie-2", "ext-59"]);
  });

  it("replaces everything but the digits that were heard", () => {
    const heard = message(message(opened, "lines/tie-2/digit", digit), "alerts/x", alert("x"));
    const again = snapshot(heard, [{ site: "a", topic: "lines/tie-1", payload: line("tie-1") }]);
    expect(Object.keys(again.sites["a"]?.lines ?? {})).toEqual(["tie-1"]);
    expect(again.sites["a"]?.alerts).toEqual({});
    expect(again.sites["a"]?.heard["tie-2"]).toHaveLength(1);
  });

  it("drops a site that is gone, and the choice of it", () => {
    const two = step(message(opened, "lines/x", line("x"), "b"), { type: "choose", site: "b" });
    expect(two.chosen).toBe("b");
    const again = snapshot(two, [{ site: "a", topic: "lines/x", payload: line("x") }]);
    expect(Object.keys(again.sites)).toEqual(["a"]);
    expect(again.chosen).toBeNull();
  });
});

describe("a message", () => {
  it("changes its own part only", () => {
    const next = message(opened, "lines/tie-2", line("tie-2", { state: "talking" }));
    expect(next.sites["a"]?.lines["tie-2"]?.state).toBe("talking");
    expect(next.sites["a"]?.lines["ext-59"]).toBe(opened.sites["a"]?.lines["ext-59"]);
    expect(next.sites["a"]?.alerts).toBe(opened.sites["a"]?.alerts);
  });

  it("without a payload ends a thing", () => {
    const raised = message(opened, "alerts/x", alert("x"));
    expect(Object.keys(raised.sites["a"]?.alerts ?? {})).toEqual(["x"]);
    expect(message(raised, "alerts/x", null).sites["a"]?.alerts).toEqual({});
  });

  it.each([
    ["guard/event", { type: "shared", atMs: NOW }],
    ["credentials/event", { type: "collected" }],
    ["calls/event", {}],
    ["lines/a/b/c/d", line("a")],
    ["unheard-of", 1],
    ["lines/tie-2", { ...line("tie-2"), state: "flying" }],
    ["lines/tie-2", "text"],
    ["guard", []],
    ["lines/tie-2/digit", { ...digit, ips: "fast" }],
  ])("of %s that the page does not show, or not of its shape, changes nothing seen", (topic, payload) => {
    expect(message(opened, topic, payload).sites).toBe(opened.sites);
  });

  it.each([null, 7, "x", [], {}, { site: 1, topic: 2 }, { site: "a" }])("that is %j changes nothing", (data) => {
    for (const type of ["message", "snapshot", "broker", "alive", "history"] as const) {
      const next = step(opened, { type, data, atMs: NOW });
      expect(next.sites).toBe(opened.sites);
      expect(next.link).toBe(opened.link);
    }
  });

  it("with the name of a prototype is a name as any other", () => {
    const next = message(message(opened, "lines/__proto__", line("__proto__")), "lines/x", line("x"), "__proto__");
    expect(Object.keys(next.sites["a"]?.lines ?? {})).toEqual(["tie-2", "ext-59", "__proto__"]);
    expect(Object.keys(next.sites)).toEqual(["a", "__proto__"]);
    expect(({} as { line?: unknown }).line).toBeUndefined();
  });
});

describe("bounds", () => {
  it("on sites, things of a site, and digits", () => {
    let view = opened;
    for (let index = 0; index < 200; index++) {
      view = message(view, `alerts/n${index}`, alert(`n${index}`));
      view = message(view, "lines/tie-2/digit", digit);
      view = message(view, "lines/x", line("x"), `site${index}`);
    }
    expect(Object.keys(view.sites["a"]?.alerts ?? {})).toHaveLength(64);
    expect(view.sites["a"]?.heard["tie-2"]).toHaveLength(100);
    expect(Object.keys(view.sites)).toHaveLength(32);
  });
});

describe("the link", () => {
  it("is lost since something was last heard, and live again with a snapshot only", () => {
    const lost = step(opened, { type: "lost" });
    expect(lost.link).toEqual({ state: "lost", sinceMs: NOW });
    expect(step(lost, { type: "lost" })).toBe(lost);
    expect(message(lost, "alerts/x", alert("x")).link.state).toBe("lost");
    expect(snapshot(lost, []).link).toEqual({ state: "live" });
  });

  it("follows the gateway's clock", () => {
    expect(step(opened, { type: "alive", data: { nowMs: NOW + 9_000 }, atMs: NOW }).skewMs).toBe(9_000);
  });
});
