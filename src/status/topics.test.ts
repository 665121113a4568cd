import { describe, expect, it } from "vitest";
import { specOf, topics } from "./topics.ts";
import { operationNames } from "./types.ts";

describe("the table of topics", () => {
  it("finds the topic of every kind by its pattern", () => {
    for (const spec of topics) {
      const topic = spec.pattern.replace("<operation>", "line/block").replace(/<[a-z]+>/, "tie-1");
      expect(specOf(topic), topic).toBe(spec);
    }
  });

  it.each(operationNames)("has request and response of %s", (name) => {
    expect(specOf(`request/${name}`)?.kind).toBe("request");
    expect(specOf(`response/${name}`)?.kind).toBe("response");
  });

  it.each([
    "",
    "line",
    "lines",
    "lines/",
    "lines/+",
    "lines/#",
    "lines/tie-1/",
    "lines/Tie",
    "lines/tie-1/digit/more",
    "lines/a/b",
    "gateway ",
    "gateway\n",
    "request",
    "request/a/b/c",
    `alerts/${"a".repeat(65)}`,
  ])("has no topic %j", (topic) => {
    expect(specOf(topic)).toBeUndefined();
  });

  it("retains states, and nothing else but the availability", () => {
    for (const { pattern, kind, retained } of topics) {
      expect(retained, pattern).toBe(kind === "state" || kind === "text");
    }
  });

  it("names each topic once", () => {
    expect(new Set(topics.map(({ pattern }) => pattern)).size).toBe(topics.length);
  });
});
