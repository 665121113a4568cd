import { describe, expect, it } from "vitest";
import { AsteriskHealth, describeFinding } from "./asterisk-health.ts";
import type { Finding } from "./drift.ts";

const drift: Finding = { kind: "module", subject: "app_system.so", wanted: "absent", found: "loaded" };

describe("the health of Asterisk", () => {
  it("names what keeps it from starting, until it has started", () => {
    const health = new AsteriskHealth();
    expect(health.fault(0)).toBeNull();
    health.failed("no program");
    expect(health.fault(10)).toBe("no program");
    health.wentUp([], 20);
    expect(health.fault(20)).toBeNull();
  });

  it("is bad while it is down, and good again after one crash", () => {
    const health = new AsteriskHealth();
    health.wentUp([], 0);
    health.wentDown("signal SIGSEGV", 1_000);
    expect(health.fault(1_000)).toBe("signal SIGSEGV");
    health.wentUp([], 1_500);
    expect(health.fault(1_500)).toBeNull();
  });

  it("stays bad in a crash loop though it is up between, until it has been up for a minute", () => {
    const health = new AsteriskHealth();
    health.wentUp([], 0);
    for (const atMs of [1_000, 2_000, 3_000]) {
      health.wentDown("signal SIGSEGV", atMs);
      health.wentUp([], atMs + 500);
    }
    expect(health.fault(4_000)).toBe("Asterisk went down 3 times in short order, the last time: signal SIGSEGV");
    expect(health.fault(63_501)).toBeNull();
    health.wentDown("signal SIGSEGV", 70_000);
    health.wentUp([], 70_500);
    expect(health.fault(70_500)).toBeNull();
  });

  it("is bad while a difference is left, and good when the next check finds none", () => {
    const health = new AsteriskHealth();
    health.wentUp([], 0);
    health.checked([drift]);
    expect(health.fault(1)).toBe("Asterisk is not as rendered: app_system.so is loaded, not absent");
    health.checked([]);
    expect(health.fault(2)).toBeNull();
  });

  it("lets the waits grow to ten seconds, and begin anew after a minute in good health", () => {
    const health = new AsteriskHealth();
    health.wentUp([], 0);
    health.wentDown("gone", 1_000);
    expect(Array.from({ length: 7 }, () => health.nextWaitMs())).toEqual([0, 500, 1_000, 2_000, 5_000, 10_000, 10_000]);
    health.wentUp([], 2_000);
    health.wentDown("gone", 60_000);
    expect(health.nextWaitMs()).toBe(10_000);
    health.wentUp([], 61_000);
    health.wentDown("gone", 121_001);
    expect(health.nextWaitMs()).toBe(0);
  });
});

it("a port that another program has is called that", () => {
  const finding: Finding = { kind: "socket", subject: "UDP 5060", wanted: "open", found: "not open" };
  expect(describeFinding(finding)).toBe("UDP 5060 could not be opened; does another program have it?");
});
