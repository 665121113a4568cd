import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { banScript, releaseScript } from "./ban-scripts.ts";
import type { StaticSet } from "./layout.ts";
import { disjoint, literals } from "./model.ts";
import { difference, type InKernel, nothingKnown, plan, staticRules, type Wanted } from "./plan.ts";
import type { Elements } from "./render.ts";

const wantedOf = (sets: [StaticSet, Elements][], rest: Partial<Wanted> = {}): Wanted => ({
  rules: "RULES\n",
  sets: new Map(sets),
  bans: null,
  registeredS: 600,
  ...rest,
});
const kernelOf = (sets: [StaticSet, Elements][], rest: Partial<InKernel> = {}): InKernel => ({
  table: "ours",
  rules: "RULES\n",
  sets: new Map(sets),
  ...rest,
});
const numbers = fc.uniqueArray(fc.nat(2 ** 32 - 1), { maxLength: 200 }).map((all) => Uint32Array.from(all).sort());

describe("a plan", () => {
  it("is empty when everything is as wanted", () => {
    const sets: [StaticSet, Elements][] = [["trusted4", ["192.0.2.1"]]];
    expect(plan(wantedOf(sets), kernelOf(sets)).script).toBe("");
  });
  it("touches only the set that differs, and the rules not at all", () => {
    const kernel = kernelOf([
      ["trusted4", ["192.0.2.1"]],
      ["allowed4", ["10.0.0.0/8"]],
    ]);
    const wanted = wantedOf([
      ["trusted4", ["192.0.2.1", "192.0.2.2"]],
      ["allowed4", ["10.0.0.0/8"]],
    ]);
    expect(plan(wanted, kernel).script).toBe(
      "flush set inet paxgate trusted4\nadd element inet paxgate trusted4 { 192.0.2.1, 192.0.2.2 }\n",
    );
  });
  it("empties a set whose content is not known, and leaves bans alone that nobody gave", () => {
    const { script } = plan(wantedOf([["trusted4", []]]), nothingKnown("ours"));
    expect(script).toBe("RULES\nflush set inet paxgate trusted4\n");
  });
  it("deletes a table that is not as ours first", () => {
    expect(plan(wantedOf([]), nothingKnown("foreign")).script).toBe("delete table inet paxgate\nRULES\n");
  });
  it("gives the elements of registered phones their time", () => {
    expect(plan(wantedOf([["registered4", ["192.0.2.1"]]]), nothingKnown("ours")).script).toContain(
      "{ 192.0.2.1 timeout 600s }",
    );
  });
  it("replaces bans, leaving out what is none", () => {
    const bans = [
      { source: "192.0.2.1", seconds: 9.2 },
      { source: "2001:db8:1:2::/64", seconds: 60 },
      { source: "10.0.0.0/8", seconds: 60 },
      { source: "192.0.2.2", seconds: 0 },
      { source: "192.0.2.3 } ; flush ruleset", seconds: 60 },
    ];
    expect(plan(wantedOf([], { bans }), kernelOf([])).script).toBe(
      "flush set inet paxgate banned4\nadd element inet paxgate banned4 { 192.0.2.1 timeout 10s }\n" +
        "flush set inet paxgate banned6\nadd element inet paxgate banned6 { 2001:db8:1:2:: timeout 60s }\n",
    );
  });
  it("sends of a long list only what changed, and nft need not check the list", () => {
    const before = Uint32Array.from({ length: 5_000 }, (_, n) => 0x0b00_0000 + n);
    const after = before.with(17, 0x0a00_0001).sort();
    const { script, check } = plan(wantedOf([["blocked4", after]]), kernelOf([["blocked4", before]]));
    expect(script).toBe(
      "delete element inet paxgate blocked4 { 11.0.0.17 }\nadd element inet paxgate blocked4 { 10.0.0.1 }\n",
    );
    expect(check).toBe("");
  });
});

describe("the difference of two lists", () => {
  it("makes the one of the other", () => {
    fc.assert(
      fc.property(numbers, numbers, (known, wanted) => {
        const { added, removed } = difference(known, wanted);
        const gone = new Set(removed);
        const left = [...known].filter((value) => !gone.has(value));
        expect(Uint32Array.from([...left, ...added]).sort()).toEqual(wanted);
      }),
    );
  });
});

describe("networks for an interval set", () => {
  it("don't overlap and keep their meaning", () => {
    expect(disjoint(literals(["10.1.0.0/16", "10.0.0.0/8", "10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]), 4)).toEqual([
      "10.0.0.0/8",
      "192.0.2.1",
    ]);
    expect(disjoint(literals(["2001:db8:1::/48", "2001:db8::/32", "::1"]), 6)).toEqual(["::1", "2001:db8::/32"]);
  });
});

describe("scripts", () => {
  it("hold no text of a source that is not a canonical address", () => {
    const text = fc.oneof(
      fc.string(),
      fc.ipV4(),
      fc.ipV6(),
      fc.ipV6().map((address) => `${address}/64`),
    );
    fc.assert(
      fc.property(text, (source) => {
        let script = "";
        try {
          script = banScript(source, 60, true) + releaseScript(source).whole;
        } catch (error) {
          expect(error).toMatchObject({ code: "bad-source" });
        }
        expect(script).toMatch(
          /^(?:(?:add|delete) element inet paxgate [a-z]+[46] \{ [0-9a-f:.]+(?: timeout 60s)? \}\n)*$/,
        );
      }),
    );
  });
  it("for the boot name no network that has to be looked up", () => {
    const policy = {
      protect: "host",
      sip: { port: 5060, tcp: false },
      rtp: { from: 10_000, to: 10_099 },
      localPorts: [],
      managementPorts: [22],
      router: null,
      lists: { operators: ["desk.example.org"], management: ["10.0.0.0/8"] },
    } as const;
    expect(staticRules(policy)).toContain("add element inet paxgate management4 { 10.0.0.0/8 }");
    expect(staticRules(policy)).not.toContain("example");
    expect(staticRules(null)).toContain("policy drop");
  });
});
