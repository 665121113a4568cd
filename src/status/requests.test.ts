import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { admit, freshRate, LONGEST_REQUEST, parseRequest } from "./requests.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const codeOf = (topic: string, payload: Uint8Array) => {
  const request = parseRequest(topic, payload)?.request;
  return request === undefined ? "nothing" : request.ok ? "ok" : request.fault.code;
};

describe("a request", () => {
  it("is a JSON object: transaction apart, the rest are parameters", () => {
    expect(parseRequest("line/block", bytes('{"line":"1","transaction":"a b"}'))).toEqual({
      answerTo: "line/block",
      transaction: "a b",
      request: { ok: true, name: "line/block", params: { line: "1" } },
    });
    expect(parseRequest("guard/refresh", bytes("{}"))?.transaction).toBeNull();
  });

  it.each([
    ["nothing at all", "", "nothing"],
    ["an array", "[]", "invalid-request"],
    ["null", "null", "invalid-request"],
    ["no JSON", "{line:1}", "invalid-request"],
    ["a transaction that is none", '{"transaction":5}', "invalid-request"],
    ["an empty transaction", '{"transaction":""}', "invalid-request"],
    ["a transaction of 65 characters", `{"transaction":"${"x".repeat(65)}"}`, "invalid-request"],
    ["a transaction with a line's end", '{"transaction":"a\\nb"}', "invalid-request"],
  ])("that is %s is refused", (_, payload, code) => {
    expect(codeOf("line/block", bytes(payload))).toBe(code);
  });

  it("has at most 4 KB, and is UTF-8", () => {
    const padded = (length: number) => bytes(`{"a":"${"x".repeat(length - 8)}"}`);
    expect(padded(LONGEST_REQUEST).length).toBe(LONGEST_REQUEST);
    expect(codeOf("line/block", padded(LONGEST_REQUEST))).toBe("ok");
    expect(codeOf("line/block", padded(LONGEST_REQUEST + 1))).toBe("invalid-request");
    expect(codeOf("line/block", new Uint8Array([0x7b, 0xff, 0x7d]))).toBe("invalid-request");
  });

  it("never makes an answer's topic that is not plain, whatever its name and payload are", () => {
    fc.assert(
      fc.property(fc.string(), fc.uint8Array({ maxLength: 100 }), (topic, payload) => {
        const parsed = parseRequest(topic, payload);
        if (parsed !== null) expect(parsed.answerTo).toMatch(/^[a-z0-9-]{1,32}(?:\/[a-z0-9-]{1,32})?$/);
      }),
    );
  });
});

it("the rate admits 20 at once, then ten a second, never more", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 200 }), (gaps) => {
      let [state, nowMs, admitted] = [freshRate, 0, 0];
      for (const gap of gaps) {
        nowMs += gap;
        const next = admit(state, nowMs);
        state = next.state;
        if (next.admitted) admitted += 1;
      }
      expect(admitted).toBeLessThanOrEqual(20 + (nowMs / 1_000) * 10);
      expect(admitted).toBeGreaterThanOrEqual(Math.min(gaps.length, 20));
    }),
  );
});
