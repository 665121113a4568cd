import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answersMap, decodePcp, encodeAnnounce, encodeMap, type PcpMapRequest, refusesVersion } from "./pcp-codec.ts";
import { natPmpLost, pcpLost } from "./pcp-epoch.ts";
import { ADDRESS_QUESTION, decodeNatPmp, encodeNatPmpMap } from "./pcp-nat-pmp-codec.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => new Uint8Array(Buffer.from(text.replace(/\s/g, ""), "hex"));

const REQUEST: PcpMapRequest = {
  client: "10.77.0.2",
  protocol: "udp",
  internalPort: 5060,
  externalPort: 5062,
  lifetimeS: 3600,
  nonce: bytes("000102030405060708090a0b"),
  preferFailure: false,
};

/** An answer as RFC 6887 figures 3 and 10 draw it. */
const ANSWER = bytes(`02 81 00 00 00000e10 0000002a 000000000000000000000000
  000102030405060708090a0b 11 000000 13c4 13c6 00000000000000000000ffff51450202`);

describe("PCP", () => {
  it("writes a MAP request as RFC 6887 sections 7.1 and 11.1 draw it", () => {
    expect(hex(encodeMap(REQUEST))).toBe(
      "0201000000000e10" +
        "00000000000000000000ffff0a4d0002" +
        "000102030405060708090a0b" +
        "1100000013c413c6" +
        "00000000000000000000ffff00000000",
    );
  });

  it("adds the option to rather refuse", () => {
    expect(hex(encodeMap({ ...REQUEST, preferFailure: true })).slice(120)).toBe("02000000");
  });

  it("writes an ANNOUNCE request", () => {
    expect(hex(encodeAnnounce("10.77.0.2"))).toBe("020000000000000000000000000000000000ffff0a4d0002");
  });

  it("reads an answer to MAP", () => {
    const answer = decodePcp(ANSWER);
    expect(answer).toMatchObject({ result: 0, lifetimeS: 3600, epochS: 42 });
    expect(answer?.map).toMatchObject({ externalPort: 5062, internalPort: 5060, address: "81.69.2.2" });
    expect(answer?.map && answersMap(REQUEST, answer.map)).toBe(true);
  });

  it("takes an answer with another nonce, port or protocol for somebody else's", () => {
    const map = decodePcp(ANSWER)?.map;
    if (map === null || map === undefined) throw new Error("no answer");
    expect(answersMap({ ...REQUEST, nonce: bytes("000102030405060708090a0c") }, map)).toBe(false);
    expect(answersMap({ ...REQUEST, internalPort: 5061 }, map)).toBe(false);
    expect(answersMap({ ...REQUEST, protocol: "tcp" }, map)).toBe(false);
  });

  it("does not take a request, another version or a cut answer for an answer", () => {
    expect(decodePcp(encodeMap(REQUEST))).toBeNull();
    expect(decodePcp(new Uint8Array([1, ...ANSWER.subarray(1)]))).toBeNull();
    for (let length = 0; length < ANSWER.length; length++) expect(decodePcp(ANSWER.subarray(0, length))).toBeNull();
  });

  it("knows a refusal of its version by either protocol", () => {
    expect(refusesVersion(bytes("0080000100000000"))).toBe(true);
    expect(refusesVersion(bytes("02810001"))).toBe(true);
    expect(refusesVersion(ANSWER)).toBe(false);
  });

  it("survives any bytes, also such as begin well", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_200 }), fc.boolean(), (junk, well) => {
        const datagram = well ? new Uint8Array([2, 129, ...junk]) : junk;
        const answer = decodePcp(datagram);
        if (answer?.map) {
          expect(answer.map.address).toMatch(/^[0-9a-f:.]+$/);
          expect(answer.map.nonce.length).toBe(12);
        }
        refusesVersion(datagram);
      }),
    );
  });
});

describe("NAT-PMP", () => {
  it("writes its questions as RFC 6886 sections 3.2 and 3.3 draw them", () => {
    expect(hex(ADDRESS_QUESTION)).toBe("0000");
    const map = { protocol: "udp", internalPort: 5060, externalPort: 5062, lifetimeS: 3600 } as const;
    expect(hex(encodeNatPmpMap(map))).toBe("0001000013c413c600000e10");
    expect(hex(encodeNatPmpMap({ ...map, protocol: "tcp" })).slice(0, 4)).toBe("0002");
  });

  it("reads both answers, and a refusal", () => {
    expect(decodeNatPmp(bytes("00800000 0000002a 51450202"))).toEqual({
      kind: "address",
      result: 0,
      epochS: 42,
      address: "81.69.2.2",
    });
    expect(decodeNatPmp(bytes("00810000 0000002a 13c413c6 00000e10"))).toEqual({
      kind: "map",
      result: 0,
      epochS: 42,
      protocol: "udp",
      internalPort: 5060,
      externalPort: 5062,
      lifetimeS: 3600,
    });
    expect(decodeNatPmp(bytes("00800005 00000001"))).toEqual({ kind: "refused", result: 5 });
  });

  it("survives any bytes, and takes no question for an answer", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (junk) => {
        const answer = decodeNatPmp(junk);
        if (answer !== null) expect(junk[1]).toBeGreaterThanOrEqual(128);
      }),
    );
  });
});

describe("the router's clock", () => {
  const at = (serverS: number, heardMs: number) => ({ serverS, heardMs });

  it("says nothing at first, nor when it runs as ours does", () => {
    for (const lost of [pcpLost, natPmpLost]) {
      expect(lost(null, at(5, 0))).toBe(false);
      expect(lost(at(1_000, 0), at(1_060, 60_000))).toBe(false);
      expect(lost(at(1_000, 0), at(1_000, 900))).toBe(false);
      expect(lost(at(1_000, 0), at(1_058, 60_000))).toBe(false);
    }
  });

  it("shows a restart by going back", () => {
    for (const lost of [pcpLost, natPmpLost]) expect(lost(at(1_000, 0), at(3, 60_000))).toBe(true);
  });

  it("shows a restart by running slow: it began again in between", () => {
    expect(pcpLost(at(10, 0), at(30, 60_000))).toBe(true);
    expect(natPmpLost(at(10, 0), at(30, 60_000))).toBe(true);
  });

  it("shows by running too fast that it is another one, in PCP", () => {
    expect(pcpLost(at(10, 0), at(200, 60_000))).toBe(true);
    expect(natPmpLost(at(10, 0), at(200, 60_000))).toBe(false);
  });

  it("allows for 1/16, and 1/8 in NAT-PMP, and two seconds", () => {
    expect(pcpLost(at(0, 0), at(1_500 - 90, 1_500_000))).toBe(false);
    expect(pcpLost(at(0, 0), at(1_500 - 100, 1_500_000))).toBe(true);
    expect(natPmpLost(at(0, 0), at(1_600 - 200, 1_600_000))).toBe(false);
    expect(natPmpLost(at(0, 0), at(1_600 - 205, 1_600_000))).toBe(true);
  });
});
