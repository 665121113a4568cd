import { describe, expect, it } from "vitest";
import { emptySite, entry, initialView, SILENT_MS, shownSite, staleness, type View } from "./model.ts";

const NOW = 1_700_000_000_000;
const other = { ...emptySite("b"), heardMs: NOW, availability: "online" as const };
const view: View = {
  ...initialView,
  link: { state: "live" },
  own: "a",
  sites: { a: { ...emptySite("a"), heardMs: NOW }, b: other },
  broker: { url: "mqtt://b", embedded: false, connected: true, sinceMs: 5, fault: null },
};
const lost: View = { ...view, broker: { url: "mqtt://b", embedded: false, connected: false, sinceMs: 7, fault: null } };

describe("the site shown", () => {
  it("is the chosen one, else our own, else none", () => {
    expect(shownSite({ ...view, chosen: "b" })?.site).toBe("b");
    expect(shownSite({ ...view, chosen: "gone" })?.site).toBe("a");
    expect(shownSite(initialView)).toBeNull();
  });

  it("is never taken from a prototype", () => {
    expect(entry({}, "constructor")).toBeUndefined();
    expect(shownSite({ ...view, chosen: "__proto__" })?.site).toBe("a");
  });
});

describe("staleness", () => {
  it("of everything when the gateway is not heard", () => {
    const link = { state: "lost", sinceMs: 3 } as const;
    expect(staleness({ ...lost, link }, other, NOW)).toEqual({ sinceMs: 3, why: "gateway" });
  });

  it("of our own site is not the broker's matter", () => {
    expect(staleness(lost, shownSite(lost), NOW + 10 * SILENT_MS)).toBeNull();
  });

  it("of another site: its broker, its own word, its silence", () => {
    expect(staleness(view, other, NOW)).toBeNull();
    expect(staleness(lost, other, NOW)).toEqual({ sinceMs: 7, why: "broker" });
    expect(staleness(view, { ...other, availability: "offline" }, NOW)).toEqual({ sinceMs: NOW, why: "offline" });
    expect(staleness(view, other, NOW + SILENT_MS)).toBeNull();
    expect(staleness(view, other, NOW + SILENT_MS + 1)).toEqual({ sinceMs: NOW, why: "silent" });
  });
});
