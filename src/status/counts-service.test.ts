import { describe, expect, it } from "vitest";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import { CountsService, localDay, WRITE_EVERY_MS } from "./counts-service.ts";

class MemoryStore {
  data: unknown = null;
  writes = 0;
  fault: Error | null = null;

  async read(): Promise<unknown> {
    if (this.fault !== null) throw this.fault;
    return this.data;
  }

  async write(data: unknown): Promise<void> {
    if (this.fault !== null) throw this.fault;
    this.writes += 1;
    this.data = JSON.parse(JSON.stringify(data));
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

function rig(store = new MemoryStore()) {
  const clock = new VirtualClock();
  const told = { times: 0 };
  const wallClock = () => Date.UTC(2026, 6, 16, 12) + clock.now();
  const alertsChanged = () => {
    told.times += 1;
  };
  const service = new CountsService({ store, clock, wallClock, log: silentLog, alertsChanged });
  return { store, clock, service, told };
}

describe("keeping the counts", () => {
  it("writes once in five minutes, however much is counted", async () => {
    const { store, clock, service } = rig();
    await service.start();
    for (let second = 0; second < 1_200; second++) {
      service.counts.operated("fuse");
      clock.advance(1_000);
      await settled();
    }
    expect(store.writes).toBe(1_200_000 / WRITE_EVERY_MS);
    await service.stop();
    expect(clock.pending).toBe(0);
    const next = rig(store);
    await next.service.start();
    expect([next.service.counts.today("fuse"), next.service.counts.ever("fuse")]).toEqual([1_200, 1_200]);
  });

  it("writes nothing when nothing was counted", async () => {
    const { store, clock, service } = rig();
    await service.start();
    clock.advance(10 * WRITE_EVERY_MS);
    await service.stop();
    expect(store.writes).toBe(0);
  });

  it("begins anew, with an alert, where what was kept is damaged", async () => {
    const store = new MemoryStore();
    store.data = { version: 1, days: "garbage" };
    const { service, told } = rig(store);
    await service.start();
    expect(service.alerts).toMatchObject([{ alert: "counts-lost", text: expect.stringContaining("damaged") }]);
    expect(told.times).toBe(1);
    service.counts.operated("fuse");
    await service.stop();
    expect(store.data).toMatchObject({ ever: { "input/fuse": 1 } });
  });

  it("has an alert while the counts cannot be written, and tries again", async () => {
    const { store, clock, service } = rig();
    await service.start();
    service.counts.operated("fuse");
    store.fault = new Error("the card is read-only");
    clock.advance(WRITE_EVERY_MS);
    await settled();
    expect(service.alerts).toMatchObject([{ alert: "counts-kept", text: expect.stringContaining("read-only") }]);
    store.fault = null;
    clock.advance(WRITE_EVERY_MS);
    await settled();
    expect(service.alerts).toEqual([]);
    expect(store.data).toMatchObject({ ever: { "input/fuse": 1 } });
    await service.stop();
  });

  it("adds what the store gives late to what was counted meanwhile", async () => {
    const store = new MemoryStore();
    const before = rig(store);
    await before.service.start();
    before.service.counts.operated("fuse");
    await before.service.stop();
    const { service } = rig(store);
    const start = service.start();
    service.counts.operated("fuse");
    await start;
    expect(service.counts.today("fuse")).toBe(2);
    await service.stop();
    expect(store.data).toMatchObject({ ever: { "input/fuse": 2 } });
  });
});

describe("the local day", () => {
  it("begins at local midnight", () => {
    const midnight = new Date(2026, 6, 16).getTime();
    expect([localDay(midnight - 1), localDay(midnight)]).toEqual(["2026-07-15", "2026-07-16"]);
  });

  it("is not known before the clock is set", () => {
    expect(localDay(0)).toBeNull();
    expect(localDay(Date.UTC(2019, 11, 31))).toBeNull();
  });
});
