import { expect, it } from "vitest";
import { literals } from "./model.ts";
import { TrustedSources } from "./trusted-sources.ts";

it("answers by every list, and anew once one of them is another", () => {
  const sources = new TrustedSources();
  const trunks = literals(["192.0.2.0/28"]);
  const phones = literals(["2001:db8::5"]);
  const ask = (...lists: (typeof trunks)[]) =>
    ["192.0.2.7", "2001:db8::/64", "198.51.100.1"].map((source) => sources.has(source, ...lists));
  for (let times = 0; times < 2; times++) expect(ask(trunks, phones)).toEqual([true, true, false]);
  expect(ask(trunks, [])).toEqual([true, false, false]);
  expect(ask([], literals(["198.51.100.0/24"]))).toEqual([false, false, true]);
});

it("keeps no more answers than there can be questions of ours, and stays right", () => {
  const sources = new TrustedSources();
  const lists = [literals(["10.0.0.0/16"])];
  for (let at = 0; at < 40_000; at++) {
    expect(sources.has(`10.${at >> 14}.${(at >> 7) & 127}.${at & 127}`, ...lists)).toBe(at < 16_384);
  }
});
