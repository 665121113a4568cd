import { expect, it } from "vitest";
import { compileNumberPlan } from "../../src/calls/number-plan.ts";
import { checkRules } from "../../src/config/rules.ts";
import { configSchema } from "../../src/config/schema.ts";

it("a configuration passes its check exactly when the number plan can be made of it", () => {
  const dials = ["1", "1X", "[12]3", "4XXX", "4[5-9]", "[5-2]"];
  const numbers = ["41XX", "41X1", "411X", "4111"];
  const extensions = ["2", "X", "XX"];
  let refused = 0;
  for (const [a, b] of pairs(dials)) {
    for (const [c, d] of pairs(numbers)) {
      for (const extension of extensions) {
        const config = configSchema.parse({
          lines: [{ name: "tie" }],
          numberPlan: {
            fromPax: [a, b].map((dial) => ({ dial, service: "echo" })),
            toPax: [c, d].map((number) => ({ number, extension })),
          },
        });
        const accepted = checkRules(config).length === 0;
        expect(compileNumberPlan(config).ok, `${a} ${b} / ${c} ${d} -> ${extension}`).toBe(accepted);
        if (!accepted) refused++;
      }
    }
  }
  expect(refused).toBeGreaterThan(0);
});

it("what else the check refuses of a rule makes no number plan either", () => {
  const trunk = { name: "emf", server: "sip.example", username: "4100", password: "x" };
  const fromPax = [
    { dial: "1" },
    { dial: "1", trunk: "moon" },
    { dial: "1", service: "echo", account: "desk" },
    { dial: "4X", trunk: "emf", strip: 2 },
    { dial: "4XXX", trunk: "emf" },
  ];
  const toPax = [
    { number: "4123" },
    { number: "4123", extension: "1", secondStage: true },
    { number: "4123", secondStage: true, secondStageDigits: ["2X", "21"] },
    { number: "4123", secondStage: true, secondStageDigits: ["[5-2]"] },
    { number: "4123", secondStage: true, secondStageDigits: ["2X", "3"] },
  ];
  const plans = [...fromPax.map((rule) => ({ fromPax: [rule] })), ...toPax.map((rule) => ({ toPax: [rule] }))];
  const accepted = plans.map((numberPlan) => {
    const parts = { lines: [{ name: "tie" }], trunks: [trunk], accounts: [{ name: "desk" }], numberPlan };
    const config = configSchema.parse(parts);
    const passes = checkRules(config).length === 0;
    expect(compileNumberPlan(config).ok, JSON.stringify(numberPlan)).toBe(passes);
    return passes;
  });
  expect(accepted.filter(Boolean)).toHaveLength(2);
});

function pairs<T>(items: readonly T[]): [T, T][] {
  return items.flatMap((a) => items.map((b): [T, T] => [a, b]));
}
