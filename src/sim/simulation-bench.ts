import { expect } from "vitest";
import type { Dispose } from "../base/events.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import { decoderStep, newDecoder } from "../line/decoder.ts";
import { encodeDigit } from "../line/encoder.ts";
import { type Edge, type PatternStep, REFRESH_MS } from "../line/port.ts";
import { pax50 } from "../line/profiles.ts";
import type { LineEnd } from "./line-end.ts";
import { Simulation } from "./simulation.ts";
import type { Telephone } from "./telephone.ts";
import { type TopologyInput, topologySchema } from "./topology.ts";
import { type Hearing, hear, type PhoneCondition, watch } from "./watch.ts";

type TieLine = Extract<NonNullable<TopologyInput["lines"]>[number], { type: "tie-line" }>;

export const tieLine = (name: string, more: Partial<TieLine> = {}): TieLine => ({ name, type: "tie-line", ...more });

/** An exchange in virtual time, with shorthand for what people do at it. */
export function bench(topology: TopologyInput = { lines: [tieLine("pax1")] }, seed = 7) {
  const clock = new VirtualClock(1_000_000);
  const simulation = new Simulation(clock, topologySchema.parse(topology), seed);
  const phone = (number: string) => simulation.telephones.get(number) as Telephone;
  const line = (id: string) => simulation.lines.get(id) as LineEnd;
  const edges = (id: string) => {
    const seen: Edge[] = [];
    line(id).onEdge((edge) => seen.push(edge));
    return seen;
  };
  /** Lets time pass until the condition holds; fails when it does not within `limitMs`. */
  const until = (number: string, condition: PhoneCondition, limitMs = 10_000) => {
    let held = false;
    const stop = watch(simulation, number, condition, () => {
      held = true;
    });
    for (const end = clock.now() + limitMs; !held && clock.now() < end; ) clock.advance(5);
    stop();
    expect(held, `${number} ${condition}: ${JSON.stringify(simulation.circuit(number)?.state)}`).toBe(true);
  };
  const dial = (number: string, digits: string) => {
    let complete = false;
    const done = (all: boolean) => {
      complete = all;
    };
    expect(phone(number).dialNumber(digits, "uk", done)).toBe(true);
    for (let i = 0; i < 4_000 && !complete; i++) clock.advance(5);
    expect(complete).toBe(true);
  };
  const call = (from: string, digits: string) => {
    phone(from).lift();
    until(from, "dial-tone");
    dial(from, digits);
  };
  const listen = (number: string, ms: number, frequenciesHz: number[]): Hearing => {
    let heard: Hearing | undefined;
    hear(simulation, number, { ms, frequenciesHz }, (hearing) => {
      heard = hearing;
    });
    clock.advance(ms + 40);
    expect(heard).toBeDefined();
    return heard as Hearing;
  };
  /** Keeps a line's outputs energised, as a living gateway does. */
  const keepAlive = (id: string): Dispose => {
    const again = (): Dispose => {
      line(id).outputLatch.refresh();
      return clock.at(clock.now() + REFRESH_MS, () => {
        cancel = again();
      });
    };
    let cancel = again();
    return () => cancel();
  };
  const hold = (id: string, ms: number) => {
    const stop = keepAlive(id);
    clock.advance(ms);
    stop();
  };
  const send = (id: string, digits: number[]) => {
    const steps = digits.flatMap((digit): PatternStep[] => [
      ...encodeDigit(digit, pax50),
      { closed: true, ms: pax50.interDigitalPauseMs },
    ]);
    line(id).outputLatch.playPattern(steps);
    hold(
      id,
      steps.reduce((sum, step) => sum + step.ms, 0),
    );
  };
  return { clock, simulation, phone, line, edges, until, dial, call, listen, keepAlive, hold, send };
}

/** The digits that the gateway's own decoder makes of a line's edges. */
export function decoded(edges: readonly Edge[]): string {
  const state = newDecoder(pax50, false, 0);
  const inputs = [
    ...edges.map(({ active, atMs }) => ({ type: "edge" as const, closed: active, atMs })),
    { type: "time" as const, atMs: (edges.at(-1)?.atMs ?? 0) + 5_000 },
  ];
  return inputs
    .flatMap((input) => decoderStep(state, input))
    .flatMap((out) => (out.type === "digit" ? [String(out.digit)] : out.type === "error" ? [out.reason] : []))
    .join(" ");
}

export const loops = (edges: readonly Edge[]) => edges.filter((edge) => edge.input === "loop");
