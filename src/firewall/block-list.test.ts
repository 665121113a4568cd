import { describe, expect, it } from "vitest";
import { formatNetwork, type IpNetwork, parseNetwork } from "../base/ip.ts";
import { formatAddress4 } from "./address-set.ts";
import { type ListEntries, ListReader, packEntries, parseList, unlikeList, unpackEntries } from "./block-list.ts";
import { protection, sameBlocked, unite } from "./blocked-union.ts";

const texts = ({ addresses4, addresses6, networks }: ListEntries) => [
  ...Array.from(addresses4, formatAddress4),
  ...addresses6,
  ...networks.map((network) => formatNetwork(network)),
];
const networks = (...list: string[]): IpNetwork[] => list.flatMap((text) => parseNetwork(text) ?? []);

describe("a plain block list", () => {
  it("is an address or a network on each line, with comments, blank lines and any line end", () => {
    const list = parseList(
      "\ufeff# of ours\r\n45.0.0.1\r\n\r\n  45.0.1.0/24  ; a nest\n2A01:4F8::1#one\n::ffff:45.0.0.2\n45.0.0.1\n45.0.1.0/25\n45.0.0.9/32",
      "stranger",
    );
    expect(texts(list)).toEqual(["45.0.0.1", "45.0.0.2", "45.0.0.9", "2a01:4f8::1", "45.0.1.0/24", "45.0.1.0/25"]);
    expect(list).toMatchObject({ refused: 0, duplicates: 1, lines: 7 });
  });

  it("tells which lines it refuses and why", () => {
    const list = parseList(
      "45.0.0.1\nnonsense\n45.0.0.256\n0.0.0.0/0\n45.0.0.0/7\n2a00::/12\n127.0.0.1\n::1\n10.0.0.1\n45.0.0.0/33\n45.1.0.0/16 extra",
      "stranger",
    );
    expect(texts(list)).toEqual(["45.0.0.1"]);
    expect(list.faults).toEqual([
      { line: 2, fault: "malformed" },
      { line: 3, fault: "malformed" },
      { line: 4, fault: "too-wide" },
      { line: 5, fault: "too-wide" },
      { line: 6, fault: "too-wide" },
      { line: 7, fault: "unusable" },
      { line: 8, fault: "unusable" },
      { line: 9, fault: "private" },
      { line: 10, fault: "malformed" },
      { line: 11, fault: "malformed" },
    ]);
    expect(list.refused).toBe(10);
  });

  it("may name private addresses if it is the operator's own, but no loopback and no widest network", () => {
    const list = parseList("10.0.0.1\n192.168.0.0/16\nfd00::/16\n127.0.0.0/8\n224.0.0.1\n::/1", "operator");
    expect(texts(list)).toEqual(["10.0.0.1", "192.168.0.0/16", "fd00::/16"]);
    expect(list.refused).toBe(3);
  });

  it("is the same read in portions", () => {
    const text = Array.from({ length: 1_000 }, (_, at) =>
      at % 7 === 0 ? "junk" : formatAddress4(0x2d00_0000 + at),
    ).join("\n");
    const reader = new ListReader(text, "stranger");
    let portions = 1;
    while (reader.read(13)) portions++;
    expect(portions).toBe(77);
    expect(reader.result()).toEqual(parseList(text, "stranger"));
  });

  it("is bounded in entries and in what it says of faults", () => {
    const many = Array.from({ length: 200_010 }, (_, at) => formatAddress4(0x2d00_0000 + at)).join("\n");
    const list = parseList(many, "stranger");
    expect(list.addresses4).toHaveLength(200_000);
    expect(list.refused).toBe(10);
    const junk = parseList("junk\n".repeat(1_000), "stranger");
    expect(junk.faults).toHaveLength(20);
    expect(junk.refused).toBe(1_000);
    expect(parseList(`45.0.0.1${" ".repeat(5_000)}junk`, "stranger").refused).toBe(1);
  });

  it("is told from a page about a fault, and from nothing", () => {
    const unlike = (text: string) => unlikeList(parseList(text, "stranger"), text);
    expect(unlike("<html>\n<h1>503</h1>\n</html>")).not.toBe(null);
    expect(unlike(" \r\n")).not.toBe(null);
    expect(unlike("# nobody today\n")).toBe(null);
    expect(unlike("45.0.0.1\n45.0.0.2\njunk")).toBe(null);
  });

  it("comes back from what is stored of it", () => {
    const list = parseList("45.0.0.1\n46.0.0.1\n2a01:4f8::1\n45.0.1.0/24\n2a02::/32", "stranger");
    const back = unpackEntries(JSON.parse(JSON.stringify(packEntries(list))));
    expect(back === null ? null : texts(back)).toEqual(texts(list));
  });

  it.each([
    null,
    7,
    {},
    { v4: "1", v6: [], networks: "x" },
    { v4: "1", v6: [7], networks: [] },
    // 127.0.0.1 and everybody, smuggled into the state file.
    { v4: (0x7f00_0001).toString(36), v6: [], networks: [] },
    { v4: "", v6: [], networks: ["0.0.0.0/0"] },
  ])("does not come from %j", (stored) => {
    expect(unpackEntries(stored)).toBe(null);
  });
});

describe("all lists together", () => {
  const guard = protection({
    trusted: networks("45.0.0.1", "47.0.0.0/24"),
    allowed: networks("46.0.0.0/16", "2a02::/32"),
  });
  const stranger = (text: string) => ({ entries: parseList(text, "stranger"), origin: "stranger" as const });
  const operator = (text: string) => ({ entries: parseList(text, "operator"), origin: "operator" as const });

  it("hold everything once, and no address that a network covers", () => {
    const { blocked } = unite(
      [
        stranger("48.0.0.1\n48.0.0.2\n2a03::1"),
        operator("48.0.0.2\n48.0.1.0/24\n48.0.1.9"),
        stranger("48.0.1.8\n48.0.1.0/25\n2a03::/32"),
      ],
      guard,
    );
    expect([...blocked.addresses4].map(formatAddress4)).toEqual(["48.0.0.1", "48.0.0.2"]);
    expect(blocked.addresses6).toEqual([]);
    expect(blocked.networks).toEqual(["48.0.1.0/24", "2a03::/32"]);
  });

  it("leave out whom we trust, and count that", () => {
    const { blocked, counts } = unite(
      [
        stranger("45.0.0.1\n45.0.0.2\n47.0.0.0/28\n47.0.0.0/16\n47.0.9.0/24\n46.0.0.7\n2a02::7\n48.0.0.1"),
        operator("45.0.0.1\n46.0.0.8\n46.0.0.0/15\n2a02:0:1::/48"),
      ],
      guard,
    );
    expect([...blocked.addresses4].map(formatAddress4)).toEqual(["45.0.0.2", "46.0.0.8", "48.0.0.1"]);
    expect(blocked.networks).toEqual(["47.0.9.0/24", "2a02:0:1::/48"]);
    expect(counts).toEqual([
      { blocked: 3, skipped: 5, over: 0 },
      { blocked: 2, skipped: 2, over: 0 },
    ]);
  });

  it("are bounded together, the first list first", () => {
    const list = (from: number) => ({
      entries: {
        addresses4: Uint32Array.from({ length: 150_000 }, (_, at) => from + at),
        addresses6: ["2a05::1"],
        networks: [],
      },
      origin: "stranger" as const,
    });
    const { blocked, counts } = unite([list(0x5000_0000), list(0x6000_0000)], guard);
    expect(blocked.addresses4).toHaveLength(199_999);
    expect(counts.map(({ over }) => over)).toEqual([0, 100_002]);
  });

  it("are the same only if nothing differs", () => {
    const { blocked } = unite([stranger("48.0.0.1\n2a03::1\n48.0.1.0/24")], guard);
    expect(sameBlocked(blocked, { ...blocked, networks: [...blocked.networks] })).toBe(true);
    expect(sameBlocked(blocked, { ...blocked, networks: ["48.0.1.0/25"] })).toBe(false);
    expect(sameBlocked(blocked, { ...blocked, addresses6: [] })).toBe(false);
    expect(sameBlocked(blocked, { ...blocked, addresses4: Uint32Array.of(1) })).toBe(false);
  });
});
