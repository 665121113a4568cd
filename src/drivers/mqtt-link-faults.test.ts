import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { waitAfter } from "./mqtt-link-backoff.ts";
import { faultOf, plainUrl } from "./mqtt-link-faults.ts";

describe("why there is no connection", () => {
  it.each([
    [Object.assign(new Error("x"), { code: 5 }), /username or password/],
    [Object.assign(new Error("x"), { code: 134 }), /username or password/],
    [Object.assign(new Error("x"), { code: 250 }), /reason 250/],
    [Object.assign(new Error("x"), { code: "ECONNREFUSED" }), /nobody listens/],
    [Object.assign(new Error("x"), { code: "EWHATEVER" }), /EWHATEVER/],
  ])("is said in words", (error, words) => {
    expect(faultOf(error)).toMatch(words);
  });

  it("never holds a stranger's text", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4 }), fc.string({ minLength: 4 }), (message, code) => {
        fc.pre(!/^[A-Z0-9_]{1,64}$/.test(code));
        expect(faultOf(Object.assign(new Error(message), { code }))).toBe("the connection failed");
      }),
    );
    expect(faultOf("text")).toBe("the connection failed");
  });

  it("shows the broker's address without a username or a password", () => {
    expect(plainUrl("mqtts://pax:secret@broker.example:8883")).toBe("mqtts://broker.example:8883");
    expect(plainUrl("wss://broker.example/mqtt?token=secret#x")).toBe("wss://broker.example/mqtt");
    expect(plainUrl("nonsense secret")).toBe("invalid");
  });
});

it("the wait doubles from a second to a minute, and is spread over its upper half", () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8, 1_000_000].map((failures) => waitAfter(failures, 1))).toEqual([
    1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000,
  ]);
  expect(waitAfter(3, 0)).toBe(2_000);
});
