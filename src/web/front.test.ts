import { describe, expect, it } from "vitest";
import { isHeap } from "./front.ts";

describe("requests in one packet", () => {
  const one = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  it.each([
    ["one", one, false],
    ["one with a body that has empty lines", `${one}{\n\n"a": 1,\r\n\r\n"b": 2}`, false],
    ["a beginning", "GET / HTTP/1.1\r\nHost: x\r", false],
    ["nothing", "", false],
    ["a heap", one.repeat(5), true],
    ["a heap with bare line feeds", "GET / HTTP/1.1\nHost: x\n\n".repeat(5), true],
    ["a heap with both", "GET / HTTP/1.1\nHost: x\n\r\n".repeat(5), true],
    ["line feeds alone", "\n".repeat(6), true],
  ])("%s", (_name, text, heap) => {
    expect(isHeap(Buffer.from(text))).toBe(heap);
  });
});
