import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digitOf, stepExchange } from "./exchange.ts";
import {
  type Circuit,
  type ExchangeInput,
  type ExchangeState,
  exchangeAtRest,
  hears,
  partner,
} from "./exchange-state.ts";
import { seededRandom } from "./random.ts";
import { exchangeSchema } from "./topology.ts";

const circuits = ["20", "21", "22", "30", "pax1", "pax2"];
const atRest = () =>
  exchangeAtRest(
    ["20", "21", "22", "30"],
    [
      { name: "pax1", group: "pax" },
      { name: "pax2", group: "pax" },
    ],
  );

const inputArb: fc.Arbitrary<ExchangeInput> = fc.oneof(
  fc.record({
    type: fc.constantFrom("seized", "break", "released", "due"),
    circuit: fc.constantFrom(...circuits),
  }),
  // Digits that lead somewhere, and 0 or 11 impulses that stand for none.
  fc.record({
    type: fc.constant("digit"),
    circuit: fc.constantFrom(...circuits),
    pulses: fc.constantFrom(0, 1, 2, 3, 9, 10, 11),
  }),
  fc.record({ type: fc.constant("busied"), circuit: fc.constantFrom(...circuits), active: fc.boolean() }),
  fc.record({ type: fc.constant("power"), on: fc.boolean() }),
);

/** What must be true of an exchange at any time. */
function expectSound(state: ExchangeState, registers: number): void {
  const at = (id: string) => state.circuits.get(id) as Circuit;
  let engaged = 0;
  for (const circuit of state.circuits.values()) {
    const { state: is } = circuit;
    if (is.type === "register" || is.type === "finding-register") engaged++;
    if (is.type === "calling") expect(at(is.called).state).toEqual({ type: "rung", caller: circuit.id });
    if (is.type === "rung") expect(at(is.caller).state).toEqual({ type: "calling", called: circuit.id });
    if (is.type === "on-tie") expect(at(is.tie).state).toEqual({ type: "out", caller: circuit.id });
    if (is.type === "out") expect(at(is.caller).state).toEqual({ type: "on-tie", tie: circuit.id });
    if (is.type === "talking") {
      const role = is.role === "caller" ? "called" : "caller";
      expect(at(is.with).state).toEqual({ type: "talking", with: circuit.id, role });
    }
    if (is.type === "intruding") expect(partner(at(is.on))).not.toBeNull();
    for (const voice of hears(state, circuit.id).voices) expect(hears(state, voice).voices).toContain(circuit.id);
    if (circuit.group === null) expect(["out", "guard"]).not.toContain(is.type);
    else expect(["rung", "on-tie"]).not.toContain(is.type);
  }
  expect(engaged).toBeLessThanOrEqual(registers);
}

describe("the exchange, whatever happens in whatever order", () => {
  it("keeps both ends of every connection in agreement and never uses more registers than it has", () => {
    fc.assert(
      fc.property(
        fc.array(inputArb, { minLength: 10, maxLength: 120 }),
        fc.constantFrom("busy-tone", "dial-tone", "silence"),
        fc.integer({ min: 1, max: 3 }),
        (inputs, afterClear, registers) => {
          const config = exchangeSchema.parse({ afterClear, registers, intrusion: true });
          const random = seededRandom(1);
          let state = atRest();
          let atMs = 0;
          for (const input of inputs) {
            // Far enough for every timer: `due` then always means it.
            atMs += 25_000;
            // Relays tell nothing while there is no power.
            if (!state.powered && input.type !== "power" && input.type !== "busied") continue;
            state = stepExchange(state, input, atMs, config, random).state;
            expectSound(state, registers);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("comes to rest when everybody clears", () => {
    fc.assert(
      fc.property(fc.array(inputArb, { maxLength: 80 }), (inputs) => {
        const config = exchangeSchema.parse({ intrusion: true });
        const random = seededRandom(1);
        let state = atRest();
        let atMs = 0;
        const step = (input: ExchangeInput) => {
          atMs += 25_000;
          state = stepExchange(state, input, atMs, config, random).state;
        };
        for (const input of inputs) if (input.type !== "power") step(input);
        for (const circuit of circuits) step({ type: "released", circuit });
        for (const circuit of circuits) step({ type: "due", circuit });
        expect([...state.circuits.values()].map((circuit) => circuit.state.type)).toEqual(circuits.map(() => "idle"));
      }),
      { numRuns: 300 },
    );
  });
});

it("knows the digit maps of three countries, and no digit for 0 or 11 impulses", () => {
  expect([digitOf(1, "uk"), digitOf(10, "uk")]).toEqual(["1", "0"]);
  expect([digitOf(1, "sweden"), digitOf(10, "sweden")]).toEqual(["0", "9"]);
  expect([digitOf(1, "new-zealand"), digitOf(10, "new-zealand")]).toEqual(["9", "0"]);
  expect([digitOf(0, "uk"), digitOf(11, "uk")]).toEqual([null, null]);
});
