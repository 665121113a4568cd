import { describe, expect, it } from "vitest";
import { countersOf, packetsOf, readTable, sourcesOf } from "./counters.ts";
import { MARKER, ourObjects } from "./layout.ts";

const objects = [...ourObjects].map((each) => {
  const [kind = "", name = ""] = each.split(" ");
  return { [kind]: { family: "inet", table: "paxgate", name, handle: 3, packets: 1, bytes: 2 } };
});
const rule = (handle: number, expr: unknown) => ({ rule: { chain: "guard", handle, expr } });
const without = (name: string) => objects.filter((object) => Object.values(object)[0]?.name !== name);

describe("the table as nft tells it", () => {
  it("is ours when it holds what ours holds, and nothing else", () => {
    expect(readTable(null).table).toBe("absent");
    expect(readTable(objects).table).toBe("ours");
    expect(readTable([...objects, { chain: { name: "back", handle: 9 } }]).table).toBe("foreign");
    expect(readTable([...objects, { flowtable: { name: "fast" } }]).table).toBe("foreign");
    expect(readTable(without(MARKER)).table).toBe("foreign");
    expect(readTable(without("banned4")).table).toBe("foreign");
  });
  it("reads the same whatever was counted, and other when a rule differs", () => {
    const counted = objects.map((object) =>
      Object.fromEntries(Object.entries(object).map(([kind, fields]) => [kind, { ...fields, handle: 5, packets: 7 }])),
    );
    expect(readTable([...counted, rule(8, "a")]).text).toBe(readTable([...objects, rule(1, "a")]).text);
    expect(readTable([...objects, rule(1, "b")]).text).not.toBe(readTable([...objects, rule(1, "a")]).text);
  });
  it("gives the counters in the order of the rules", () => {
    const counter = (name: string, packets: unknown) => ({ counter: { name, packets, bytes: 10 } });
    const listing = [counter("banned", 3), counter("spoofed", 1), counter("theirs", 9), counter("outside", "many")];
    expect([...countersOf(listing)]).toEqual([
      ["spoofed", { packets: 1, bytes: 10 }],
      ["banned", { packets: 3, bytes: 10 }],
    ]);
  });
  it("gives sources and counts, and leaves out what is not in form", () => {
    const elem = [
      { elem: { val: "10.42.0.1", timeout: 600, expires: 599, counter: { packets: 2, bytes: 9 } } },
      { elem: { val: "2001:db8:1:2::", expires: 5 } },
      { elem: { val: { prefix: { addr: "10.0.0.0", len: 8 } } } },
      { elem: { val: "nonsense" } },
      "10.42.0.2",
    ];
    const listing = [{ metainfo: {} }, { set: { name: "limited4", elem } }];
    expect(sourcesOf(listing)).toEqual([
      { source: "10.42.0.1", expiresS: 599 },
      { source: "2001:db8:1:2::/64", expiresS: 5 },
    ]);
    expect(packetsOf(listing)).toEqual([["10.42.0.1", 2]]);
    for (const broken of [null, 7, [null], [{ set: null }], [{ set: { elem: 7 } }]])
      expect(sourcesOf(broken)).toEqual([]);
  });
});
