import { describe, expect, it } from "vitest";
import { dialOutcome } from "./hangup-cause.ts";

describe("how a call ended that Asterisk placed", () => {
  it.each([
    // An account that nobody has registered: chan_sip finds no address, app_dial says so with cause 20.
    ["CHANUNAVAIL", 20, "unavailable"],
    ["CHANUNAVAIL", 0, "unavailable"],
    ["CHANUNAVAIL", 3, "unavailable"],
    ["CONGESTION", 0, "congestion"],
    ["CONGESTION", 34, "congestion"],
    ["CONGESTION", 1, "unobtainable"],
    ["CONGESTION", 21, "rejected"],
  ] as const)("%s with cause %i is %s, not busy", (status, cause, reason) => {
    expect(dialOutcome(status, cause)).toBe(reason);
  });

  it.each([0, 16, 17, 34])("BUSY is busy, whatever the cause (%i)", (cause) => {
    expect(dialOutcome("BUSY", cause)).toBe("busy");
  });

  it.each(["NOANSWER", "CANCEL"])("%s is no answer", (status) => {
    expect(dialOutcome(status, 16)).toBe("no-answer");
  });

  it("a call that failed has not ended normally, though the cause says so", () => {
    expect(dialOutcome("CONGESTION", 16)).toBe("congestion");
    expect(dialOutcome("CHANUNAVAIL", 16)).toBe("congestion");
  });
});
