import fc from "fast-check";
import { expect, it } from "vitest";
import { VirtualClock } from "../base/virtual-clock.ts";
import { Contact } from "./contact.ts";
import { dialSteps } from "./dial.ts";
import { type RelayEvent, relaysAtRest, relaysDueMs, stepRelays } from "./loop-relays.ts";
import { seededRandom } from "./random.ts";
import { playSteps } from "./sequence.ts";
import { dialSchema } from "./topology.ts";

/** What the relays do with a loop that is worked on a clock. */
function relayBench(seed: number, bounceMs: number) {
  const clock = new VirtualClock();
  const events: RelayEvent[] = [];
  let relays = relaysAtRest;
  const take = (input: Parameters<typeof stepRelays>[1]) => {
    const { state, effects } = stepRelays(relays, input, clock.now());
    relays = state;
    events.push(...effects);
    const dueMs = relaysDueMs(state);
    if (dueMs !== null) clock.at(dueMs, () => relaysDueMs(relays) === dueMs && take({ type: "due" }));
  };
  const loop = new Contact(
    clock,
    seededRandom(seed),
    () => bounceMs,
    (closed) => take({ type: "loop", closed }),
  );
  return { clock, events, loop };
}

it("count the impulses of any dial from 7 to 12 a second, 55 to 75 % break, 5 ms bounce", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 31 }),
      fc.double({ min: 7, max: 12, noNaN: true }),
      fc.double({ min: 55, max: 75, noNaN: true }),
      fc.stringMatching(/^[0-9]{1,4}$/),
      (seed, ips, breakPercent, digits) => {
        const { clock, events, loop } = relayBench(seed, 5);
        loop.move(true);
        clock.advance(100);
        const dial = dialSchema.parse({ ips, breakPercent });
        playSteps(
          clock,
          dialSteps(digits, dial, "uk"),
          (closed) => loop.move(closed),
          () => undefined,
        );
        clock.advance(12_000);
        const counted = events.flatMap((event) => (event.type === "digit" ? [event.pulses % 10] : []));
        expect(counted.join("")).toBe(digits);
        expect(events.filter((event) => event.type === "seized")).toHaveLength(1);
      },
    ),
    { numRuns: 150 },
  );
});

it("hold through a break of 200 ms, and release a quarter of a second after the loop has gone", () => {
  const { clock, events, loop } = relayBench(1, 0);
  loop.move(true);
  clock.advanceTo(1_000);
  loop.move(false);
  clock.advanceTo(1_200);
  loop.move(true);
  clock.advanceTo(2_000);
  loop.move(false);
  clock.advanceTo(3_000);
  expect(events).toEqual([
    { type: "seized", atMs: 6 },
    { type: "break", atMs: 1_006 },
    { type: "make", atMs: 1_206 },
    { type: "digit", pulses: 1, atMs: 1_386 },
    { type: "break", atMs: 2_006 },
    { type: "released", atMs: 2_256 },
  ]);
});

it("do not notice a hit of a few milliseconds", () => {
  const { clock, events, loop } = relayBench(1, 0);
  loop.move(true);
  clock.advanceTo(1_000);
  loop.move(false);
  clock.advanceTo(1_004);
  loop.move(true);
  clock.advanceTo(2_000);
  expect(events).toEqual([{ type: "seized", atMs: 6 }]);
});
