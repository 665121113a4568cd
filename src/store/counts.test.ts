import { expect, it } from "vitest";
import { VirtualClock } from "../base/virtual-clock.ts";
import { COUNTS_INTERVAL_MS, Counts } from "./counts.ts";
import type { StateFile } from "./port.ts";

function setUp() {
  const written: unknown[] = [];
  const alerts: string[] = [];
  const faults = { read: null as Error | null, write: null as Error | null, aside: 0 };
  const file: StateFile = {
    read: async () => {
      if (faults.read !== null) throw faults.read;
      return written.at(-1) ?? null;
    },
    readPrevious: async () => null,
    write: async (data) => {
      if (faults.write !== null) throw faults.write;
      written.push(data);
    },
    setAside: async () => {
      faults.aside++;
    },
  };
  const clock = new VirtualClock();
  return { written, alerts, faults, clock, counts: new Counts(file, clock, (reason) => alerts.push(reason)) };
}

/** Lets promises that are settled be seen. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

it("the first write is made at once, those that follow together, the last one counts", async () => {
  const { written, clock, counts } = setUp();
  await counts.write(1);
  clock.advance(0);
  await settle();
  for (const data of [2, 3, 4]) {
    await counts.write(data);
    clock.advance(1_000);
  }
  await settle();
  expect(written).toEqual([1]);
  expect(await counts.read()).toBe(4);
  clock.advance(COUNTS_INTERVAL_MS);
  await settle();
  expect(written).toEqual([1, 4]);
  expect(clock.pending).toBe(0);
});

it("a day of writes every second spares the card", async () => {
  const { written, clock, counts } = setUp();
  for (let second = 0; second < 86_400; second++) {
    await counts.write(second);
    clock.advance(1_000);
    if (second % 100 === 0) await settle();
  }
  await counts.flush();
  expect(written.length).toBeLessThanOrEqual(86_400_000 / COUNTS_INTERVAL_MS + 2);
  expect(written.at(-1)).toBe(86_399);
});

it("at the stop what is noted is written, and nothing is left behind", async () => {
  const { written, clock, counts } = setUp();
  await counts.write(1);
  await counts.flush();
  await counts.write(2);
  await counts.flush();
  expect(written).toEqual([1, 2]);
  expect(clock.pending).toBe(0);
});

it("a write that fails is told once and tried again", async () => {
  const { written, alerts, faults, clock, counts } = setUp();
  faults.write = new Error("no space left");
  await counts.write(1);
  for (let times = 0; times < 3; times++) {
    clock.advance(COUNTS_INTERVAL_MS);
    await settle();
  }
  expect(alerts).toEqual(["the counts cannot be kept: no space left"]);
  faults.write = null;
  clock.advance(COUNTS_INTERVAL_MS);
  await settle();
  expect(written).toEqual([1]);
});

it("counts that are lost are put aside and begun anew, which is told", async () => {
  const { alerts, faults, counts } = setUp();
  faults.read = new Error("damaged");
  expect(await counts.read()).toBeNull();
  expect(alerts).toEqual(["the counts are begun anew: damaged"]);
  expect(faults.aside).toBe(1);
});
