import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { paxProfileSchema } from "../../src/config/pax-profile.ts";
import { type GpioEvent, newGpioTrack, trackEvent } from "../../src/drivers/gpio-events.ts";
import { type DecoderOutput, decoderStep, newDecoder } from "../../src/line/decoder.ts";
import type { Edge } from "../../src/line/port.ts";

/** What the gpiomon driver says of lost edges, and what the decoder makes of it: two rooms, joined only here. */

const profile = paxProfileSchema.parse({});
const SEIZED_MS = 1_000;

/** Seizure, then digits at 10 ips with 800 ms between them. */
function dialled(digits: readonly number[]): GpioEvent[] {
  const edges = [SEIZED_MS];
  let atMs = SEIZED_MS + 1_000;
  for (const pulses of digits) {
    for (let pulse = 0; pulse < pulses; pulse++, atMs += 100) edges.push(atMs, atMs + 67);
    atMs += 800;
  }
  return edges.map((at, index) => ({ offset: 17, active: index % 2 === 0, atMs: at }));
}

function decode(edges: readonly Edge[]): DecoderOutput[] {
  const decoder = newDecoder(profile);
  const out = edges.flatMap(({ active, atMs }) => decoderStep(decoder, { type: "edge", closed: active, atMs }));
  return [...out, ...decoderStep(decoder, { type: "time", atMs: 1e9 })];
}

const digitsOf = (out: readonly DecoderOutput[]) => out.flatMap((one) => (one.type === "digit" ? [one.pulses] : []));

/** The driver's edges when the monitor is held up: the kernel keeps the newest 16. `keep` thins them out further. */
function heard(events: readonly GpioEvent[], fromMs: number, toMs: number): { edges: Edge[]; lost: boolean } {
  const track = newGpioTrack([{ input: "loop", offset: 17, level: false }]);
  const stalled = events.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  const lost = stalled.slice(0, -track.capacity);
  const edges = events
    .filter((event) => !lost.includes(event))
    .flatMap((event) => trackEvent(track, event, stalled.includes(event) ? toMs : event.atMs)?.edges ?? []);
  return { edges, lost: lost.length > 0 };
}

const digits = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 6 });

describe("a hold-up of the monitor", () => {
  it("of 400 ms in the middle of a six changes nothing", () => {
    const { edges } = heard(dialled([6]), SEIZED_MS + 1_150, SEIZED_MS + 1_550);
    expect(digitsOf(decode(edges))).toEqual([6]);
  });

  it("that lost edges ends in an error, not in another number", () => {
    fc.assert(
      fc.property(
        digits,
        fc.integer({ min: 100, max: 8_000 }),
        fc.integer({ min: 0, max: 4_000 }),
        (sent, from, ms) => {
          const { edges, lost } = heard(dialled(sent), SEIZED_MS + from, SEIZED_MS + from + ms);
          const out = decode(edges);
          if (lost) expect(out.map(({ type }) => type)).toContain("error");
          else if (out.every(({ type }) => type !== "error")) expect(digitsOf(out)).toEqual(sent);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("that lost any one edge ends in an error or a clear, or in the right number", () => {
    fc.assert(
      fc.property(digits, fc.nat(), (sent, which) => {
        const events = dialled(sent);
        const missing = 1 + (which % (events.length - 2));
        const track = newGpioTrack([{ input: "loop", offset: 17, level: false }]);
        const decoder = newDecoder(profile);
        // Delivered promptly: the line has decided everything up to now when the edge comes.
        const out = events.flatMap((event, at) => {
          if (at === missing) return [];
          const before = decoderStep(decoder, { type: "time", atMs: event.atMs });
          const edges = trackEvent(track, event, event.atMs)?.edges ?? [];
          return [
            ...before,
            ...edges.flatMap(({ active, atMs }) => decoderStep(decoder, { type: "edge", closed: active, atMs })),
          ];
        });
        out.push(...decoderStep(decoder, { type: "time", atMs: 1e9 }));
        // A lost make between digits looks like a clear: then the call is over, and nothing wrong has been dialled.
        const end = out.findIndex(({ type }) => type === "error" || type === "clear");
        if (end < 0) expect(digitsOf(out)).toEqual(sent);
        else expect(sent.slice(0, digitsOf(out.slice(0, end)).length)).toEqual(digitsOf(out.slice(0, end)));
      }),
      { numRuns: 1_000 },
    );
  });
});
