import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchDigits, parseDigitPattern } from "../base/digit-pattern.ts";
import { type Config, configSchema } from "../config/schema.ts";
import { compileNumberPlan, type NumberPlan } from "./number-plan.ts";

type Input = Parameters<typeof configSchema.parse>[0];
const trunks = [
  { name: "emf", group: "event", server: "sip.example", username: "4100", password: "x" },
  { name: "emf-b", group: "event", server: "sip.example", username: "4101", password: "x" },
];

function config(numberPlan: unknown, lines: unknown = [{ name: "tie" }]): Config {
  return configSchema.parse({ lines, trunks, accounts: [{ name: "desk" }], numberPlan } as Input);
}

function plan(numberPlan: unknown, lines?: unknown): NumberPlan {
  const compiled = compileNumberPlan(config(numberPlan, lines));
  if (!compiled.ok) return expect.fail(JSON.stringify(compiled.error));
  return compiled.value;
}

/** Places of the rules of which no plan can be made; why, is said by the configuration's check. */
function unusable(numberPlan: unknown, lines?: unknown): string[] {
  const compiled = compileNumberPlan(config(numberPlan, lines));
  return compiled.ok ? [] : compiled.error.map((fault) => fault.place);
}

describe("from the PAX", () => {
  const dialling = plan({
    fromPax: [
      { dial: "[1-4]XXX", trunk: "event" },
      { dial: "51", trunk: "emf", number: "4123" },
      { dial: "52", account: "desk" },
      { dial: "53", service: "echo" },
      { dial: "999", trunk: "emf", emergency: true },
    ],
  });

  it("routes a number the moment it is complete and not before", () => {
    expect(["", "4", "41", "412"].map((digits) => dialling.advance(digits).type)).toEqual(Array(4).fill("incomplete"));
    expect(dialling.advance("4123")).toMatchObject({
      type: "complete",
      target: { kind: "trunk", trunk: "event", number: "4123" },
      trunks: ["emf", "emf-b"],
      emergency: false,
    });
  });

  it("gives up at the first digit that no listed number has", () => {
    expect(["6", "50", "998", "41234"].map((digits) => dialling.advance(digits).type)).toEqual(
      Array(4).fill("impossible"),
    );
  });

  it("reaches speed codes, local accounts, services and emergency numbers", () => {
    expect(dialling.advance("51")).toMatchObject({ target: { kind: "trunk", number: "4123" }, trunks: ["emf"] });
    expect(dialling.advance("52")).toMatchObject({ target: { kind: "account", account: "desk" }, trunks: [] });
    expect(dialling.advance("53")).toMatchObject({ target: { kind: "service", service: "echo" } });
    expect(dialling.advance("999")).toMatchObject({ emergency: true });
  });

  it("leaves out and puts in front the digits that the rule says", () => {
    const stripped = plan({ fromPax: [{ dial: "9XXXX", trunk: "emf", strip: 1, prefix: "88" }] });
    expect(stripped.advance("94123")).toMatchObject({ target: { number: "884123" } });
  });

  it("is not made of a number that begins another", () => {
    expect(
      unusable({
        fromPax: [
          { dial: "4XXX", trunk: "emf" },
          { dial: "41", account: "desk" },
        ],
      }),
    ).toEqual(["numberPlan.fromPax[1]"]);
  });

  it("is not made of a destination that is not there, of none, or of two", () => {
    expect(
      unusable({
        fromPax: [{ dial: "1", trunk: "moon" }, { dial: "2" }, { dial: "3", account: "desk", service: "echo" }],
      }),
    ).toEqual([0, 1, 2].map((at) => `numberPlan.fromPax[${at}]`));
  });

  it("never routes digits that no rule lists, and never two ways", () => {
    const position = fc.constantFrom("0", "1", "2", "X", "Z", "N", "[1-3]", "[02]");
    const dial = fc.array(position, { minLength: 1, maxLength: 4 }).map((positions) => positions.join(""));
    fc.assert(
      fc.property(
        fc.array(dial, { minLength: 1, maxLength: 5 }),
        fc.stringMatching(/^[0-9]{0,5}$/),
        (dials, dialled) => {
          const compiled = compileNumberPlan(
            config({ fromPax: dials.map((text) => ({ dial: text, service: "echo" })) }),
          );
          if (!compiled.ok) return;
          const listing = dials.filter((text) => matchDigits(parseDigitPattern(text) ?? [], dialled) === "whole");
          const outcome = compiled.value.advance(dialled);
          expect(listing.length).toBe(outcome.type === "complete" ? 1 : 0);
          if (outcome.type === "complete") expect(outcome.rule.dial).toBe(listing[0]);
          // What is complete cannot be continued: nothing has to wait for a further digit.
          if (outcome.type === "complete") {
            for (const digit of "0123456789") expect(compiled.value.advance(dialled + digit).type).toBe("impossible");
          }
        },
      ),
    );
  });
});

describe("to the PAX", () => {
  it("prefers the exact number to a pattern, and the narrower pattern to the wider", () => {
    const called = plan({
      toPax: [
        { number: "41XX", extension: "XX" },
        { number: "412X", extension: "3X" },
        { number: "4125", secondStage: true, group: "ties" },
      ],
    });
    expect(called.lookup("4199")).toMatchObject({ extension: "99", group: "pax" });
    expect(called.lookup("4127")).toMatchObject({ extension: "37" });
    expect(called.lookup("4125")).toMatchObject({ extension: null, group: "ties" });
    expect(["4299", "412", "41255", "", "41a9"].map((number) => called.lookup(number))).toEqual(Array(5).fill(null));
  });

  it("takes the wildcards' digits from the right", () => {
    const called = plan({ toPax: [{ number: "4X1X", extension: "X2" }] });
    expect(called.lookup("4718")).toMatchObject({ extension: "82" });
    const both = plan({ toPax: [{ number: "4X1X", extension: "X0X" }] });
    expect(both.lookup("4718")).toMatchObject({ extension: "708" });
  });

  it("is not made of patterns that overlap while neither is more specific", () => {
    expect(
      unusable({
        toPax: [
          { number: "41X1", extension: "21" },
          { number: "411X", extension: "22" },
        ],
      }),
    ).toEqual(["numberPlan.toPax[1]"]);
  });

  it("is not made of more X's than wildcards, neither or both of extension and second stage, or unclear keys", () => {
    expect(
      unusable({
        toPax: [
          { number: "412X", extension: "XX" },
          { number: "4200" },
          { number: "4300", extension: "21", secondStage: true },
          { number: "4400", secondStage: true, secondStageDigits: ["2", "21"] },
        ],
      }),
    ).toEqual([0, 1, 2, 3].map((at) => `numberPlan.toPax[${at}]`));
  });

  it("answers by the most specific of all rules that match", () => {
    const position = fc.constantFrom("4", "1", "X", "Z", "[14]");
    const number = fc.array(position, { minLength: 4, maxLength: 4 }).map((positions) => positions.join(""));
    fc.assert(
      fc.property(
        fc.array(number, { minLength: 1, maxLength: 5 }),
        fc.stringMatching(/^[0-4]{4}$/),
        (rules, called) => {
          const compiled = compileNumberPlan(
            config({ toPax: rules.map((text) => ({ number: text, secondStage: true })) }),
          );
          if (!compiled.ok) return;
          const size = (text: string) =>
            (parseDigitPattern(text) ?? []).reduce(
              (product, set) => product * set.toString(2).replaceAll("0", "").length,
              1,
            );
          const matching = rules.filter((text) => matchDigits(parseDigitPattern(text) ?? [], called) === "whole");
          const narrowest = matching.sort((a, b) => size(a) - size(b))[0];
          expect(compiled.value.lookup(called)?.rule.number).toBe(narrowest);
        },
      ),
    );
  });
});

describe("a hotline", () => {
  const subscriber = (hotline: unknown) => [{ name: "sub", type: "subscriber", hotline }];

  it("leads to its one destination", () => {
    const ringing = plan({}, subscriber({ trunk: "event", number: "4123" }));
    expect(ringing.hotline("sub")).toMatchObject({ target: { number: "4123" }, emergency: false });
    expect(ringing.hotline("other")).toBeNull();
  });

  it("needs a number on a trunk, for nothing has been dialled", () => {
    expect(unusable({}, subscriber({ trunk: "event" }))).toEqual(["lines[0].hotline"]);
  });
});
