import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { REFUSED, refusalsOf } from "./refusals.ts";

/** As nft 1.0.6 lists such a set. */
const listing = (...elements: unknown[]) => [
  { metainfo: { version: "1.0.6", json_schema_version: 1 } },
  { set: { family: "inet", name: "refusals4", elem: elements, stmt: [{ counter: null }] } },
];
const element = (val: string, packets: number) => ({ elem: { val, expires: 9, counter: { packets, bytes: 99 } } });

describe("refusals in the kernel", () => {
  it("are matched by the first bytes of an answer", () => {
    expect(REFUSED.split("0x")[1]).toBe(Buffer.from("SIP/2.0 403").toString("hex"));
    expect(REFUSED).toContain(`,${"SIP/2.0 403".length * 8} `);
  });

  it("are read by address", () => {
    expect(refusalsOf(listing(element("192.0.2.1", 3), element("2001:db8::", 1)))).toEqual(
      new Map([
        ["192.0.2.1", 3],
        ["2001:db8::", 1],
      ]),
    );
  });

  it("are none where there is nothing, and what is not in form is left out", () => {
    expect(refusalsOf(null).size).toBe(0);
    expect(refusalsOf(listing()).size).toBe(0);
    const odd = [
      "192.0.2.1",
      { elem: { val: "192.0.2.1" } },
      { elem: { val: { prefix: {} }, counter: { packets: 1 } } },
    ];
    expect(refusalsOf(listing(...odd, element("192.0.2.2", 1)))).toEqual(new Map([["192.0.2.2", 1]]));
  });

  it("are read from any JSON without an error", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        refusalsOf(value);
        refusalsOf(listing(value));
      }),
    );
  });
});
