import { expect, it } from "vitest";
import { VirtualClock } from "../base/virtual-clock.ts";
import type { LineOutput } from "../line/port.ts";
import { Outputs } from "./outputs.ts";

function bench() {
  const clock = new VirtualClock();
  const log: string[] = [];
  const note = (output: LineOutput, active: boolean) => log.push(`${output} ${active ? "on" : "off"} ${clock.now()}`);
  return { clock, log, outputs: new Outputs(clock, note) };
}

const digitTwo = [
  { closed: false, ms: 67 },
  { closed: true, ms: 33 },
  { closed: false, ms: 67 },
  { closed: true, ms: 33 },
];

it("opens every output 0.900 s after the last refresh", () => {
  const { clock, log, outputs } = bench();
  outputs.set("loop", true);
  outputs.set("busy", true);
  clock.advanceTo(400);
  outputs.refresh();
  clock.advanceTo(5_000);
  expect(log).toEqual(["loop on 0", "busy on 0", "loop off 1300", "busy off 1300"]);
  expect(clock.pending).toBe(0);
});

it("finishes a pattern at its own times, refreshed or not, and then holds for the dead-man's time", () => {
  const { clock, log, outputs } = bench();
  outputs.set("loop", true);
  clock.advanceTo(500);
  outputs.playPattern(digitTwo);
  clock.advanceTo(550);
  outputs.refresh();
  clock.advanceTo(5_000);
  expect(log).toEqual(["loop on 0", "loop off 500", "loop on 567", "loop off 600", "loop on 667", "loop off 1600"]);
});

it("ends a pattern when the loop is set", () => {
  const { clock, log, outputs } = bench();
  outputs.set("loop", true);
  outputs.playPattern(digitTwo);
  clock.advanceTo(70);
  outputs.set("loop", false);
  clock.advanceTo(5_000);
  expect(log).toEqual(["loop on 0", "loop off 0", "loop on 67", "loop off 70"]);
});

it("leaves the loop closed after an empty pattern", () => {
  const { clock, log, outputs } = bench();
  outputs.playPattern([]);
  clock.advanceTo(5_000);
  expect(log).toEqual(["loop on 0", "loop off 900"]);
});

it("takes no impulses once the loop has fallen off, until it is set again", () => {
  const { clock, log, outputs } = bench();
  outputs.set("loop", true);
  clock.advanceTo(1_000);
  outputs.playPattern(digitTwo);
  clock.advanceTo(3_000);
  expect(log).toEqual(["loop on 0", "loop off 900"]);
  outputs.set("loop", true);
  outputs.playPattern(digitTwo);
  clock.advanceTo(3_070);
  expect(log.slice(2)).toEqual(["loop on 3000", "loop off 3000", "loop on 3067"]);
});
