import { describe, expect, it } from "vitest";
import { isSpecial } from "./address.ts";
import { type HandConfig, type HandObserved, judgeHand } from "./hand.ts";

const config: HandConfig = {
  externalAddress: null,
  resolved: null,
  sipPort: 5080,
  tcp: true,
  rtp: { from: 10_000, to: 10_199 },
  localNetworks: ["192.168.0.0/16"],
  trunkAddresses: [],
};
const observed: HandObserved = { ownAddress: "192.168.1.9", stun: new Map(), arrived: 5, countedS: 1_000 };
const seen = (...addresses: readonly string[]) => new Map(addresses.map((address, at) => [`stun${at}`, { address }]));
const judge = (of: Partial<HandConfig>, saw: Partial<HandObserved>) =>
  judgeHand({ ...config, ...of }, { ...observed, ...saw });

describe("a forwarding made by hand", () => {
  it("is in order when the address is the one that the world sees, and something arrives", () => {
    const is = judge({ externalAddress: "8.8.8.8" }, { stun: seen("8.8.8.8") });
    expect(is).toEqual({ stunAddress: "8.8.8.8", doubleNat: false, faults: [] });
  });

  it("is not needed with a public address", () => {
    expect(judge({}, { ownAddress: "8.8.8.8", stun: seen("8.8.8.8"), arrived: 0 }).faults).toEqual([]);
  });

  it("is not needed when all trunks are on our side", () => {
    expect(judge({ trunkAddresses: ["192.168.7.7"] }, { arrived: 0 }).faults).toEqual([]);
    expect(judge({ trunkAddresses: ["192.168.7.7", "9.9.9.9"] }, {}).faults).toHaveLength(1);
  });

  it.each([
    [{}, {}, /192\.168\.1\.9 is not reachable .* is not set: set it to our public address/],
    [{}, { stun: seen("8.8.8.8") }, /not set: set it to 8\.8\.8\.8/],
    [{ externalAddress: "9.9.9.9" }, { stun: seen("8.8.8.8") }, /is 9\.9\.9\.9, but we are seen as 8\.8\.8\.8/],
    [
      { externalAddress: "home.example", resolved: "9.9.9.9" },
      { stun: seen("8.8.8.8") },
      /is home\.example \(9\.9\.9\.9\), but/,
    ],
    [{ externalAddress: "home.example" }, {}, /home\.example cannot be looked up/],
    [
      { externalAddress: "8.8.8.8" },
      { stun: seen("8.8.8.8", "9.9.9.9") },
      /different addresses: 8\.8\.8\.8, 9\.9\.9\.9/,
    ],
    [{ externalAddress: "8.8.8.8" }, { ownAddress: null }, /no default route/],
    [{ externalAddress: "8.8.8.8" }, { stun: new Map([["stun0", { fault: "no answer" }]]) }, /stun0: no answer/],
    [
      { externalAddress: "8.8.8.8" },
      { arrived: 0 },
      /in 16 minutes: static forwarding of UDP and TCP port 5080 and UDP ports 10000 to 10199 to 192\.168\.1\.9, with/,
    ],
  ] as const)("with %o and %o is at fault", (of, saw, words) => {
    const { faults } = judge(of, saw);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(words);
  });

  it("behind a second router has a public address that is none", () => {
    const is = judge({ externalAddress: "100.64.3.4" }, { stun: seen("8.8.8.8") });
    expect(is.doubleNat).toBe(true);
    expect(is.faults).toHaveLength(1);
  });

  it("is not judged by silence too early, nor when nobody counts", () => {
    expect(judge({ externalAddress: "8.8.8.8" }, { arrived: 0, countedS: 899 }).faults).toEqual([]);
    expect(judge({ externalAddress: "8.8.8.8" }, { arrived: null }).faults).toEqual([]);
  });
});

it.each([
  ["10.1.2.3", true],
  ["172.31.255.255", true],
  ["172.32.0.0", false],
  ["100.127.0.1", true],
  ["169.254.1.1", true],
  ["8.8.8.8", false],
  ["fd00::1", false],
  ["nonsense", false],
])("%s is special: %s", (address, is) => {
  expect(isSpecial(address)).toBe(is);
});
