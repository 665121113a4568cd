import { isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contains, formatNetwork, overlaps, parseAddress, parseNetwork } from "./ip.ts";

const net = (text: string) => {
  const parsed = parseNetwork(text);
  if (parsed === null) throw new Error(`${text} is no network`);
  return parsed;
};

describe("addresses", () => {
  it("are accepted exactly when Node accepts them, but for mapped ones, zones and leading zeros", () => {
    const any = fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{1,20}$/));
    fc.assert(fc.property(any, (text) => (parseAddress(text) !== null) === (isIPv4(text) || isIPv6(text))));
  });
  it.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "1.2.3.256",
    "::1%eth0",
    "1::2::3",
    "[::1]",
    "1.2.3.4:5060",
    " 1.2.3.4",
  ])("are not %j", (text) => expect(parseAddress(text)).toBeNull());
  it.each([
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["::", "::"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ])("write %s as %s", (text, canonical) => expect(formatNetwork(net(text))).toBe(canonical));
  it("keep their meaning when they are written and read again", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const once = net(text);
        expect(net(formatNetwork(once))).toEqual(once);
      }),
    );
  });
});

describe("networks", () => {
  it.each([
    ["192.168.1.77/24", "192.168.1.0/24"],
    ["10.0.0.1/32", "10.0.0.1"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["2001:db8:ffff::1/33", "2001:db8:8000::/33"],
  ])("clear what stands behind the prefix: %s is %s", (text, canonical) => {
    expect(formatNetwork(net(text))).toBe(canonical);
  });
  it.each(["1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3.4/-1", "1.2.3.4/08", "::ffff:1.2.3.0/120", "1.2.3.4/8/8"])(
    "are not %s",
    (text) => expect(parseNetwork(text)).toBeNull(),
  );
  it("contain what they should, and nothing of the other family", () => {
    expect(contains(net("10.0.0.0/8"), net("10.255.0.0/16"))).toBe(true);
    expect(contains(net("10.255.0.0/16"), net("10.0.0.0/8"))).toBe(false);
    expect(contains(net("0.0.0.0/0"), net("::1"))).toBe(false);
    expect(contains(net("::/0"), net("1.2.3.4"))).toBe(false);
    expect(overlaps(net("10.255.0.0/16"), net("10.0.0.0/8"))).toBe(true);
    expect(overlaps(net("10.1.0.0/16"), net("10.2.0.0/16"))).toBe(false);
  });
});
