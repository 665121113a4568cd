import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBinding, encodeBinding, parseStunServer } from "./stun-codec.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text.replace(/\s/g, ""), "hex"));

/** The IPv4 response of RFC 5769 section 2.2, whose mapped address is 192.0.2.1:32853. */
const SAMPLE = bytes(`0101003c 2112a442 b7e7a701bc34d686fa87dfae
  8022000b 7465737420766563746f7220
  00200008 0001a147e112a643
  00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7
  80280004 c07d4c96`);
const TRANSACTION = bytes("b7e7a701bc34d686fa87dfae");

describe("STUN", () => {
  it("writes a binding request without attributes", () => {
    expect(Buffer.from(encodeBinding(TRANSACTION)).toString("hex")).toBe("000100002112a442b7e7a701bc34d686fa87dfae");
  });

  it("reads the sample response of RFC 5769", () => {
    expect(decodeBinding(SAMPLE, TRANSACTION)).toBe("192.0.2.1");
  });

  it("takes the answer to another question for none", () => {
    for (let at = 0; at < 12; at++) {
      const other = TRANSACTION.map((byte, n) => (n === at ? byte ^ 1 : byte));
      expect(decodeBinding(SAMPLE, other)).toBeNull();
    }
  });

  it("takes a request, an error and a cut answer for none", () => {
    expect(decodeBinding(encodeBinding(TRANSACTION), TRANSACTION)).toBeNull();
    expect(decodeBinding(bytes(`01110000 2112a442 b7e7a701bc34d686fa87dfae`), TRANSACTION)).toBeNull();
    for (let length = 0; length < SAMPLE.length; length++) {
      expect(decodeBinding(SAMPLE.subarray(0, length), TRANSACTION)).toBeNull();
    }
  });

  it("survives any attributes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (junk) => {
        const datagram = new Uint8Array([...SAMPLE.subarray(0, 20), ...junk]);
        new DataView(datagram.buffer).setUint16(2, junk.length);
        const address = decodeBinding(datagram, TRANSACTION);
        if (address !== null) expect(address).toMatch(/^(?:\d{1,3}\.){3}\d{1,3}$/);
        decodeBinding(junk, TRANSACTION);
      }),
    );
  });
});

describe("a STUN server's name", () => {
  it("has port 3478 unless it says otherwise", () => {
    expect(parseStunServer("stun.example.org")).toEqual({ host: "stun.example.org", port: 3478 });
    expect(parseStunServer("192.0.2.1:19302")).toEqual({ host: "192.0.2.1", port: 19_302 });
  });

  it.each(["", ":3478", "a:0", "a:65536", "a:b", "a:1:2"])("is not %j", (text) => {
    expect(parseStunServer(text)).toBeNull();
  });
});
