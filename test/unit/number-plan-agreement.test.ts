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

function pairs<T>(items: readonly T[]): [T, T][] {
  return items.flatMap((a) => items.map((b): [T, T] => [a, b]));
}
