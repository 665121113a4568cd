import { describe, expect, it } from "vitest";
import { renderHosts } from "./asterisk-names.ts";

describe("Asterisk's table of hosts", () => {
  it("has the configuration's names before the machine's own, IPv4 first", () => {
    const names = new Map([["sip.example", ["2001:db8::1", "192.0.2.1"]]]);
    expect(renderHosts(names, "192.0.2.9 sip.example\n").split("\n")).toEqual([
      "127.0.0.1 localhost",
      "192.0.2.1 sip.example",
      "2001:db8::1 sip.example",
      "192.0.2.9 sip.example",
      "",
    ]);
  });

  it("has nothing that is no name or no address", () => {
    const names = new Map([
      ["evil\n192.0.2.66 bank.example", ["192.0.2.1"]],
      ["sip.example", ["192.0.2.1 other.example", "192.0.2.2"]],
    ]);
    expect(renderHosts(names, "")).toBe("127.0.0.1 localhost\n192.0.2.2 sip.example\n");
  });
});
