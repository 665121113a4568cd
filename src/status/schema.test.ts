import { describe, expect, it } from "vitest";
import { z } from "zod";
import { topics } from "./topics.ts";

/** Places of a JSON Schema that have no end: text, lists and records of any length. */
function endless(schema: unknown, place: string): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { type, maxLength, maxItems, maxProperties, additionalProperties, ...rest } = schema as Record<string, unknown>;
  const open = typeof additionalProperties === "object" && maxProperties === undefined;
  const here =
    (type === "string" && maxLength === undefined && !("enum" in rest) && !("const" in rest)) ||
    (type === "array" && maxItems === undefined) ||
    open;
  const below = Object.entries({ ...rest, additionalProperties }).flatMap(([key, value]) =>
    endless(value, `${place}/${key}`),
  );
  return here ? [place, ...below] : below;
}

/** What others may say of themselves; requests and answers are nobody's but theirs, and no longer than a message. */
const told = topics.filter(({ kind }) => kind !== "request" && kind !== "response");

describe("the payloads", () => {
  it.each(told)("of $pattern have an end in every text, list and record", ({ schema }) => {
    expect(endless(z.toJSONSchema(schema), "")).toEqual([]);
  });

  it("have an end in a record's entries too", () => {
    const schema = topics.find(({ pattern }) => pattern === "guard")?.schema;
    const issues = (count: number) => {
      const counters = Object.fromEntries(Array.from({ length: count }, (_, at) => [`c${at}`, at]));
      return schema?.safeParse({ counters }).error?.issues.filter(({ path }) => path[0] === "counters").length;
    };
    expect([issues(128), issues(129)]).toEqual([0, 1]);
  });
});
