import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameGuard, isQos2 } from "./mqtt-link-frames.ts";

const guard = (longest = 100) =>
  new FrameGuard({ longest: () => longest, wants: (type, flags) => !isQos2(type, flags) });

/** A packet with a body of so many bytes. */
function packet(bytes: number, first = 0x30): Uint8Array {
  const header = [first];
  for (let left = bytes; ; left >>= 7) {
    header.push(left < 128 ? left : (left & 0x7f) | 0x80);
    if (left < 128) break;
  }
  return new Uint8Array([...header, ...Array<number>(bytes).fill(0x34)]);
}

describe("packets", () => {
  it("of any length up to the longest pass, however they are cut", () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 8 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 5_000 }), (all, cut) => {
        const stream = Buffer.concat(all.map((length) => packet(length)));
        const one = guard(20_000);
        for (let at = 0; at < stream.length; at += cut) expect(one.take(stream.subarray(at, at + cut))).toBeNull();
      }),
    );
  });

  it("that are one byte too long do not, as soon as their length is there", () => {
    expect(guard(200).take(packet(200))).toBeNull();
    const one = guard(200);
    const header = packet(201).subarray(0, 3);
    expect(one.take(header.subarray(0, 2))).toBeNull();
    expect(one.take(header.subarray(2))).toBe("too-long");
  });

  it("whose length does not end are malformed; the longest length is too long", () => {
    expect(guard().take(new Uint8Array([0x30, 0x80, 0x80, 0x80, 0x80]))).toBe("malformed");
    expect(guard().take(new Uint8Array([0x30, 0xff, 0xff, 0xff, 0x7f]))).toBe("too-long");
  });

  it("of QoS 2 are not wanted, wherever they stand", () => {
    const one = guard();
    expect(one.take(Buffer.concat([packet(5), packet(0, 0xc0), packet(5, 0x32)]))).toBeNull();
    expect(one.take(packet(5, 0x34))).toBe("not-wanted");
  });

  it("are measured by the limit of the moment", () => {
    let longest = 10;
    const one = new FrameGuard({ longest: () => longest, wants: () => true });
    expect(one.take(packet(10))).toBeNull();
    longest = 50;
    expect(one.take(packet(50))).toBeNull();
  });
});
