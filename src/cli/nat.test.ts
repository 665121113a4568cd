import { describe, expect, it } from "vitest";
import type { NatView } from "../nat/types.ts";
import { textOf } from "./nat.ts";

const nothing: NatView = {
  mode: "none",
  protocol: null,
  router: null,
  external: null,
  stunAddress: null,
  doubleNat: false,
  mappings: [],
  faults: [],
};

describe("what paxgate nat prints", () => {
  it("where nothing is asked of a router", () => {
    const view = { ...nothing, stunAddress: "198.51.100.7", external: { address: "198.51.100.7", sipPort: 5060 } };
    expect(textOf(view)).toEqual([
      "nothing is asked of a router (nat.mode: none)",
      "the world finds us at 198.51.100.7, SIP port 5060",
      "STUN servers see us at 198.51.100.7",
    ]);
  });

  it("of a router that is asked for ports: what failed first, not every one of a range", () => {
    const mappings = Array.from({ length: 12 }, (_, at) => ({
      name: `rtp ${10_000 + at}`,
      externalPort: at === 11 ? null : 10_000 + at,
      expiresS: at === 0 ? null : 3_600,
      fault: at === 11 ? "somebody has it" : null,
    }));
    const view: NatView = {
      ...nothing,
      mode: "upstream",
      protocol: "pcp",
      router: "198.51.100.1",
      doubleNat: true,
      mappings,
      faults: ["one port is not mapped"],
    };
    const text = textOf(view);
    expect(text.slice(0, 5)).toEqual([
      "the router before us is asked for ports",
      "router 198.51.100.1, by pcp",
      "DOUBLE NAT: another router before that one translates too",
      "rtp 10011: not mapped (somebody has it)",
      "rtp 10000: port 10000",
    ]);
    expect(text[5]).toBe("rtp 10001: port 10001, for 3600 s more unless renewed");
    expect(text.slice(-2)).toEqual(["and 4 mappings more", "FAULT: one port is not mapped"]);
    expect(text).toHaveLength(13);
  });

  it("of a machine that is the router", () => {
    const view: NatView = { ...nothing, mode: "router", router: "198.51.100.1", faults: ["eth1 is not there"] };
    expect(textOf(view)).toEqual(["this machine is the router", "router 198.51.100.1", "FAULT: eth1 is not there"]);
  });
});
