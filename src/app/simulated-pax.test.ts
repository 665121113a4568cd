import { describe, expect, it } from "vitest";
import { type Config, configSchema } from "../config/schema.ts";
import { topologySchema } from "../sim/topology.ts";
import { needsSimulatedPax, simulatedPaxOf } from "./simulated-pax.ts";

const config = (more: Record<string, unknown>): Config => configSchema.parse({ lines: [{ name: "pax1" }], ...more });
const real = { gpio: "pinctrl-bcm2835:17" };

describe("the simulated PAX of a configuration", () => {
  it("has the inputs that are simulated, each following what its name says, and the button and the LED", () => {
    const simulated = simulatedPaxOf(
      config({
        inputs: [
          { name: "register-2", label: "Register 2" },
          { name: "pax1-busy", label: "Tie line taken" },
          { name: "door", label: "Door" },
          { name: "fuse-alarm", label: "Fuse alarm", ...real },
        ],
        button: { gpio: "sim", led: "sim" },
      }),
    );
    const { inputs, button, led } = topologySchema.parse(simulated);
    expect(inputs).toEqual([
      { name: "register-2", follows: { type: "registers", atLeast: 2 } },
      { name: "pax1-busy", follows: { type: "engaged", circuit: "pax1" } },
      { name: "door", follows: null },
    ]);
    expect([button, led]).toEqual([true, true]);
  });

  it("has neither button nor LED where they are real, or not there", () => {
    for (const button of [{}, { ...real, led: "paxgate-status" }]) {
      expect(simulatedPaxOf(config({ button }))).toMatchObject({ button: false, led: false, inputs: [] });
    }
  });

  it("is needed for anything that is simulated, and for nothing else", () => {
    const gpio = { inputs: { loop: "pinctrl:1" }, outputs: { loop: "pax1:loop" }, audio: "hw:0" };
    const lines = [{ name: "pax1", interface: gpio }];
    expect(needsSimulatedPax(config({}))).toBe(true);
    expect(needsSimulatedPax(config({ lines }))).toBe(false);
    expect(needsSimulatedPax(config({ lines, inputs: [{ name: "a", label: "A", ...real }], button: real }))).toBe(
      false,
    );
    expect(needsSimulatedPax(config({ lines, inputs: [{ name: "a", label: "A" }] }))).toBe(true);
    expect(needsSimulatedPax(config({ lines, button: { gpio: "sim" } }))).toBe(true);
    expect(needsSimulatedPax(config({ lines, button: { ...real, led: "sim" } }))).toBe(true);
  });
});
