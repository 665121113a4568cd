import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contains, formatNetwork, type IpNetwork, overlaps, parseAddress, parseNetwork } from "../base/ip.ts";
import {
  address4,
  covers4,
  formatAddress4,
  has,
  indexNetworks,
  outermost,
  overlapsAny,
  packAddresses,
  sortedUnique,
  uncovered,
  unpackAddresses,
} from "./address-set.ts";
import { isLocal, isUnusable } from "./special-networks.ts";

const address = fc.integer({ min: 0, max: 0xffff_ffff });
/** Close together, so that they meet. */
const network = fc
  .tuple(fc.constantFrom<4 | 6>(4, 6), fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 8 }))
  .map(([family, last, bits]): IpNetwork => {
    const text = family === 4 ? `192.0.2.${last}/${32 - bits}` : `2001:db8::${last.toString(16)}/${128 - bits}`;
    return parsed(text);
  });

function parsed(text: string): IpNetwork {
  const found = parseNetwork(text);
  if (found === null) throw new Error(`not a network: ${text}`);
  return found;
}

describe("sets of addresses", () => {
  it("read IPv4 addresses exactly as the slower parser does", () => {
    const text = fc.oneof(
      address.map(formatAddress4),
      fc.string({ unit: fc.constantFrom(..."0123456789.. "), maxLength: 16 }),
      fc.ipV4(),
    );
    fc.assert(
      fc.property(text, (candidate) => {
        const slow = parseAddress(candidate);
        expect(address4(candidate)).toBe(slow === null ? null : Number(slow.first));
      }),
      { numRuns: 2_000 },
    );
    for (const wrong of ["", "1.2.3", "1.2.3.", "1.2.3.4.", ".1.2.3", "1..2.3", "01.2.3.4", "256.1.1.1", "1.2.3.4.5"]) {
      expect(address4(wrong)).toBe(null);
    }
  });

  it("are sorted, without duplicates, and come back from their short text", () => {
    fc.assert(
      fc.property(fc.array(address), (values) => {
        const set = sortedUnique(values);
        expect([...set]).toEqual([...new Set(values)].sort((a, b) => a - b));
        expect(unpackAddresses(packAddresses(set), 1_000)).toEqual(set);
        for (const value of values) expect(has(set, value)).toBe(true);
      }),
    );
  });

  it.each([null, 7, "1 0", "1 -1", "1  2", " ", "zzzzzzz zzzzzzz", "A", "1;2", "01"])("do not come from %j", (text) => {
    expect(unpackAddresses(text, 100)).toBe(null);
  });

  it("do not come from a text of too many", () => {
    expect(unpackAddresses("1 1 1", 2)).toBe(null);
  });
});

describe("networks", () => {
  it("leave the addresses that none of them covers", () => {
    const near = fc.integer({ min: 0xc000_01f0, max: 0xc000_0310 });
    fc.assert(
      fc.property(fc.array(network), fc.array(near), (networks, values) => {
        const index = indexNetworks(networks);
        const set = sortedUnique(values);
        expect([...uncovered(set, index)]).toEqual([...set].filter((value) => !covers4(index, value)));
      }),
      { numRuns: 500 },
    );
  });

  it("are reduced to those that lie in no other, covering the same", () => {
    fc.assert(
      fc.property(fc.array(network), (networks) => {
        const outer = outermost(networks);
        for (const [at, one] of outer.entries()) {
          for (const other of outer.slice(at + 1)) expect(overlaps(one, other)).toBe(false);
        }
        for (const one of networks) expect(outer.some((other) => contains(other, one))).toBe(true);
        for (const one of outer) expect(networks.map(formatNetwork)).toContain(formatNetwork(one));
      }),
    );
  });

  it("answer whether they overlap as comparing each of them does", () => {
    fc.assert(
      fc.property(fc.array(network), network, (networks, asked) => {
        const index = indexNetworks(networks);
        expect(overlapsAny(index, asked)).toBe(networks.some((one) => overlaps(one, asked)));
        if (asked.family === 4) {
          const first = parsed(formatAddress4(Number(asked.first)));
          expect(covers4(index, Number(asked.first))).toBe(networks.some((one) => contains(one, first)));
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("addresses that mean something else in every network", () => {
  it.each([
    "0.0.0.0",
    "127.0.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "ff02::1",
    "::ffff:127.0.0.1",
  ])("%s is no host's", (text) => {
    expect(isUnusable(parsed(text))).toBe(true);
    expect(isLocal(parsed(text))).toBe(true);
  });
  it.each(["10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1", "fd00::1", "fe80::1", "8.0.0.0/5"])(
    "%s may be our own",
    (text) => {
      expect(isUnusable(parsed(text))).toBe(false);
      expect(isLocal(parsed(text))).toBe(true);
    },
  );
  it.each(["1.1.1.1", "172.32.0.1", "223.255.255.255", "2a01:4f8::1"])("%s is anybody's", (text) => {
    expect(isLocal(parsed(text))).toBe(false);
  });
  it("a network around them counts", () => {
    expect(isUnusable(parsed("0.0.0.0/0"))).toBe(true);
    expect(isUnusable(parsed("::/0"))).toBe(true);
  });
});
