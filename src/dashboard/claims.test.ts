import { expect, it } from "vitest";
import { afterWindow, atTime, claimDecoder, type Stage } from "./claims.ts";

const shown: Stage = { type: "shown", untilMs: 100, credentials: [] };
const open: Stage = { type: "open", untilMs: 100, collectedBy: null };
const closed = { openUntilMs: null, collectedBy: null, nowMs: 50 };

it("secrets are forgotten when the window closes, by the server's word or by the clock", () => {
  expect(afterWindow(shown, closed)).toEqual({ type: "over" });
  expect(atTime(shown, 99)).toBe(shown);
  expect(atTime(shown, 100)).toEqual({ type: "over" });
  expect(atTime(open, 100)).toEqual({ type: "closed" });
});

it("a window opens the page, and tells who has collected; what is shown stays", () => {
  const window = { openUntilMs: 100, collectedBy: "192.0.2.1", nowMs: 50 };
  expect(afterWindow({ type: "loading" }, window)).toEqual({ type: "open", untilMs: 100, collectedBy: "192.0.2.1" });
  expect(afterWindow(shown, window)).toBe(shown);
  expect(afterWindow({ type: "loading" }, closed)).toEqual({ type: "closed" });
  expect(afterWindow(open, { ...window, nowMs: 100 })).toEqual({ type: "closed" });
});

it("a claim that is not of its shape is none, and a code that is too long is left out", () => {
  const one = { kind: "sip", name: "desk", username: "u", secret: "s", uri: "sip:u" };
  expect(claimDecoder({ openUntilMs: 1, credentials: [one, { ...one, uri: "x".repeat(1_025) }, 7] })?.value).toEqual({
    openUntilMs: 1,
    credentials: [one],
  });
  expect(claimDecoder({ credentials: [one] })).toBeNull();
});
