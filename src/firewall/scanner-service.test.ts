import { beforeEach, describe, expect, it } from "vitest";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import type { ScannerPort, ScannerRules } from "./port.ts";
import { ScannerService } from "./scanner-service.ts";
import { testPolicy } from "./trial-test-policy.ts";

/** The kernel's filter: what was asked of it, in order. */
class Filter implements ScannerPort {
  readonly asked: (ScannerRules | null)[] = [];
  broken = false;

  async apply(rules: ScannerRules | null): Promise<void> {
    this.asked.push(rules);
    if (this.broken) throw new Error("no iptables");
  }

  async counters(): Promise<ReadonlyMap<string, number>> {
    if (this.broken) throw new Error("no iptables");
    return new Map([["sipvicious", 3]]);
  }
}

const policy = testPolicy({});
let filter: Filter;
let clock: VirtualClock;
let service: ScannerService;
beforeEach(() => {
  filter = new Filter();
  clock = new VirtualClock();
  service = new ScannerService(filter, clock, silentLog);
});

/** Everything that is under way has happened. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("the scanner filter", () => {
  it("that fails is told, tried again after a minute, and well again", async () => {
    filter.broken = true;
    await service.apply(policy);
    expect(service.fault).toBe("the scanner filter is not in force: no iptables");
    expect(await service.counters()).toEqual(new Map());
    clock.advanceTo(59_999);
    await settled();
    expect(filter.asked).toHaveLength(1);
    filter.broken = false;
    clock.advanceTo(60_000);
    await settled();
    expect(filter.asked).toHaveLength(2);
    expect(service.fault).toBeNull();
    expect(await service.counters()).toEqual(new Map([["sipvicious", 3]]));
  });

  it("is put back every five minutes, by the latest policy only", async () => {
    await service.apply(policy);
    const other = testPolicy({ scanner: { enabled: true, strict: true, tokens: ["other"] } });
    await service.apply(other);
    clock.advanceTo(300_000);
    await settled();
    expect(filter.asked).toHaveLength(3);
    expect(filter.asked[2]).toEqual(filter.asked[1]);
    expect(filter.asked[1]).not.toEqual(filter.asked[0]);
  });

  it("is let alone after the end, with the rules or without them", async () => {
    await service.apply(policy);
    service.leave();
    clock.advanceTo(3_600_000);
    await settled();
    expect(filter.asked).toHaveLength(1);
    filter.broken = true;
    await service.remove();
    clock.advanceTo(7_200_000);
    await settled();
    expect(filter.asked.slice(1)).toEqual([null]);
  });

  it("is let alone when the end came while it was being put in force", async () => {
    const applying = service.apply(policy);
    service.leave();
    await applying;
    clock.advanceTo(3_600_000);
    await settled();
    expect(filter.asked).toHaveLength(1);
  });
});
