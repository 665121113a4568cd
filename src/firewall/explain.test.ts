import { describe, expect, it } from "vitest";
import { type IpNetwork, parseAddress, parseNetwork } from "../base/ip.ts";
import { explain, type KnownOfSources } from "./explain.ts";
import { nothingBlocked } from "./model.ts";
import { testPolicy } from "./trial-test-policy.ts";
import type { Ban, BlockedSources, FirewallPolicy } from "./types.ts";

const network = (text: string): IpNetwork => parseNetwork(text) ?? expect.fail(text);
const ban = (source: string): Ban => ({ source, reason: "logins", count: 1, sinceMs: 0, untilMs: 1 });

const lists: FirewallPolicy["lists"] = {
  trunks: ["sip.example", "198.51.100.0/24"],
  operators: ["192.168.1.20"],
  allowed: ["10.42.0.0/16", "10.2.0.0/16"],
  management: ["192.168.0.0/16"],
};

interface Given extends Partial<Omit<KnownOfSources, "state">> {
  readonly protect?: FirewallPolicy["protect"];
  readonly mode?: FirewallPolicy["mode"];
  readonly blocked?: BlockedSources;
}

function known({ protect = "host", mode = "allowlist", blocked = nothingBlocked, ...more }: Given): KnownOfSources {
  return {
    state: { policy: testPolicy({ protect, mode, lists }), blocked },
    registered: new Set(["10.2.0.5"]),
    bans: [],
    limited: [],
    addressesOf: (entry) => (entry === "sip.example" ? [network("192.0.2.1")] : [network(entry)]),
    ...more,
  };
}

/** Class and verdict, and of each reason what it points to. */
const short = (address: string, given: Given = {}) => {
  const { verdict, class: of, reasons } = explain(address, known(given));
  return [of, verdict, ...reasons.map((reason) => ("entry" in reason ? reason.entry : reason.kind))];
};

describe("an address", () => {
  it.each([
    ["127.0.0.1", ["local", "accepted"]],
    ["192.0.2.1", ["trusted", "accepted", "sip.example"]],
    ["::ffff:192.0.2.1", ["trusted", "accepted", "sip.example"]],
    ["198.51.100.9", ["trusted", "accepted", "198.51.100.0/24"]],
    ["192.168.1.20", ["trusted", "accepted", "192.168.1.20", "192.168.0.0/16", "192.168.1.20"]],
    ["192.168.1.21", ["stranger", "dropped", "192.168.0.0/16"]],
    ["10.42.3.4", ["allowed", "limited", "10.42.0.0/16"]],
    ["10.2.0.5", ["registered", "accepted", "registered", "10.2.0.0/16"]],
    ["203.0.113.9", ["stranger", "dropped"]],
  ])("%s is explained by where it stands", (address, expected) => {
    expect(short(address)).toEqual(expected);
  });

  it("is told to reach the management ports where these are guarded only", () => {
    expect(short("192.168.1.21", { protect: "gateway" })).toEqual(["stranger", "dropped"]);
  });

  it("that is none is refused", () => {
    for (const text of ["sip.example", "10.0.0.0/8", ""]) expect(() => short(text)).toThrow("no IP address");
  });

  const everything: Given = {
    bans: [ban("192.0.2.1"), ban("10.42.3.4"), ban("10.2.0.5")],
    blocked: {
      addresses4: Uint32Array.of(Number(parseAddress("10.42.3.5")?.first)),
      addresses6: ["2001:db8::5"],
      networks: ["192.0.2.0/24", "10.42.3.4/31"],
    },
    limited: ["192.0.2.1", "10.42.3.4", "10.42.3.5", "10.42.3.6"].map((source) => ({ source, expiresS: 30 })),
  };

  it("that is trusted or registered is accepted, whatever else is known of it", () => {
    const [of, verdict, ...reasons] = short("192.0.2.1", everything);
    expect([of, verdict, reasons]).toEqual(["trusted", "accepted", ["sip.example", "banned", "192.0.2.0/24"]]);
    expect(short("10.2.0.5", everything).slice(0, 4)).toEqual(["registered", "accepted", "registered", "banned"]);
  });

  it("is dropped by the first that counts: its ban, a block list, the kernel's limit", () => {
    const allowed = "10.42.0.0/16";
    expect(short("10.42.3.4", everything)).toEqual(["banned", "dropped", "banned", "10.42.3.4/31", "limited", allowed]);
    expect(short("10.42.3.5", everything)).toEqual([
      "blocked",
      "dropped",
      "10.42.3.5",
      "10.42.3.4/31",
      "limited",
      allowed,
    ]);
    expect(short("10.42.3.6", everything)).toEqual(["limited", "dropped", "limited", allowed]);
  });

  it("of nobody may send SIP in mode open only, and is limited there only", () => {
    const limited = [{ source: "203.0.113.9", expiresS: 5 }];
    expect(short("203.0.113.9", { mode: "open" })).toEqual(["stranger", "limited"]);
    expect(short("203.0.113.9", { mode: "open", limited })).toEqual(["limited", "dropped", "limited"]);
    expect(short("203.0.113.9", { limited })).toEqual(["stranger", "dropped"]);
  });

  it("of IPv6 is banned and limited with its /64, and blocked by itself", () => {
    const given: Given = {
      mode: "open",
      bans: [ban("2001:db8:1::/64")],
      limited: [{ source: "2001:db8:2::", expiresS: 9 }],
      blocked: everything.blocked ?? nothingBlocked,
    };
    expect(short("2001:db8:1::77", given)).toEqual(["banned", "dropped", "banned"]);
    expect(short("2001:db8:2::77", given)).toEqual(["limited", "dropped", "limited"]);
    expect(short("2001:db8:3::77", given)).toEqual(["stranger", "limited"]);
    expect(short("2001:db8::5", given)).toEqual(["blocked", "dropped", "2001:db8::5"]);
  });
});
