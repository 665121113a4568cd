import { describe, expect, it } from "vitest";
import { isPublic } from "./address.ts";
import { readMemory } from "./memory.ts";
import { initialState, note, type UpstreamInput, type UpstreamState } from "./plan.ts";
import { describe as describeNat } from "./view.ts";

const SIP = {
  name: "sip",
  protocol: "udp",
  internalPort: 5060,
  count: 1,
  externalPort: 5060,
  otherPort: true,
} as const;
const RTP = { ...SIP, name: "rtp", internalPort: 10_000, count: 2, externalPort: 10_000, otherPort: false } as const;
const WANTED = [SIP, RTP];
const ROUTE = { interface: "eth0", gateway: "192.168.1.1", address: "192.168.1.9" };

function state(...inputs: UpstreamInput[]): UpstreamState {
  return inputs.reduce((before, input) => note(before, input, 0), initialState(["upnp"], WANTED, 600));
}
const mapped = (slot: number, externalPort: number): UpstreamInput => ({
  kind: "mapped",
  slot,
  externalPort,
  leaseS: 600,
  address: null,
});
const view = (
  of: UpstreamState,
  stun: (string | null)[] = [],
  nowMs = 0,
  trunkServers: string[] = ["10.0.0.5", "81.2.69.1"],
) => describeNat(of, WANTED, { route: ROUTE, stun, trunkServers }, nowMs);

describe("the view", () => {
  it("has no fault when all is mapped and everybody agrees", () => {
    const good = state({ kind: "opened", address: "81.2.69.2" }, mapped(0, 6000), mapped(1, 10_000), mapped(2, 10_001));
    expect(view(good, ["81.2.69.2"], 10_000)).toEqual({
      mode: "upstream",
      protocol: "upnp",
      router: "192.168.1.1",
      external: { address: "81.2.69.2", sipPort: 6000 },
      stunAddress: "81.2.69.2",
      doubleNat: false,
      mappings: [
        { name: "sip", externalPort: 6000, expiresS: 590, fault: null },
        { name: "rtp", externalPort: 10_000, expiresS: 590, fault: null },
      ],
      faults: [],
    });
  });

  it("shows a range as mapped only when all of it is", () => {
    const half = state({ kind: "opened", address: "81.2.69.2" }, mapped(0, 5060), mapped(1, 10_000));
    expect(view(half).mappings[1]?.externalPort).toBeNull();
  });

  it.each([
    { address: "192.168.0.4", stun: [], why: "a private address" },
    { address: "100.70.1.1", stun: [], why: "an address of a provider's own" },
    { address: "", stun: [], why: "no address" },
    { address: "81.2.69.2", stun: ["81.2.70.1"], why: "another address than the Internet sees" },
  ])("finds a second router: $why", ({ address, stun }) => {
    const double = view(state({ kind: "opened", address }, mapped(0, 5060)), stun);
    expect(double.doubleNat).toBe(true);
    expect(double.faults.join()).toContain("a second router is in the way");
  });

  it("has no fault on an event's private network where all trunks are, and says who reaches us", () => {
    const event = state(
      { kind: "opened", address: "10.42.0.7" },
      mapped(0, 5060),
      mapped(1, 10_000),
      mapped(2, 10_001),
    );
    const seen = view(event, ["81.2.69.2"], 0, ["10.42.0.1", "192.168.7.1"]);
    expect(seen).toMatchObject({ doubleNat: false, faults: [], external: { address: "10.42.0.7", sipPort: 5060 } });
    expect(seen.advice).toContain("not from the Internet");
  });

  it.each([[], ["sip.example.org"], ["10.42.0.1", "81.2.69.1"]])(
    "finds a second router when trunks may be beyond it: %j",
    (...servers) => {
      const seen = view(state({ kind: "opened", address: "10.42.0.7" }, mapped(0, 5060)), [], 0, servers);
      expect(seen.doubleNat).toBe(true);
      expect(seen.advice).toBeUndefined();
    },
  );

  it("finds one when the router has no address at all, wherever the trunks are", () => {
    expect(view(state({ kind: "opened", address: "" }), [], 0, ["10.42.0.1"]).doubleNat).toBe(true);
  });

  it("does not find one because a STUN server on our side tells a private address", () => {
    const near = view(state({ kind: "opened", address: "81.2.69.2" }, mapped(0, 5060)), ["192.168.1.9"]);
    expect(near.doubleNat).toBe(false);
    expect(near.external?.address).toBe("81.2.69.2");
  });

  it("says so when STUN servers do not answer, or do not agree", () => {
    const good = state({ kind: "opened", address: "81.2.69.2" }, mapped(0, 5060));
    expect(view(good, [null, null]).faults).toEqual(["no STUN server answers"]);
    expect(view(good, ["81.2.69.2", null]).faults).toEqual([]);
    expect(view(good, ["81.2.69.2", "81.2.69.3"]).faults[0]).toContain("different addresses");
  });

  it("has no place outside when nothing is mapped and nobody told an address", () => {
    expect(view(state({ kind: "opened", address: "81.2.69.2" })).external).toBeNull();
    expect(view(state({ kind: "open-refused", why: "no-answer" }), ["81.2.69.2"]).external).toEqual({
      address: "81.2.69.2",
      sipPort: 5060,
    });
  });

  it("loses the place when the lease has ended", () => {
    const good = state({ kind: "opened", address: "81.2.69.2" }, mapped(0, 5060));
    expect(view(good, [], 599_999).external).not.toBeNull();
    expect(view(good, [], 600_000).external).toBeNull();
  });

  it("names the remedy for a router that does not answer", () => {
    expect(view(state({ kind: "open-refused", why: "no-answer" })).faults).toEqual([
      "the router 192.168.1.1 does not answer to UPnP: switch one of them on there, or forward the ports by hand and set nat.mode to none",
    ]);
  });

  it("says that there is no default route", () => {
    const lost = describeNat(state(), WANTED, { route: null, stun: [], trunkServers: [] }, 0);
    expect(lost.faults).toEqual(["there is no default route: nothing leads to a router"]);
  });
});

describe("a public address", () => {
  it.each(["81.2.69.2", "1.1.1.1", "172.32.0.1", "100.128.0.1"])("is %s", (address) => {
    expect(isPublic(address)).toBe(true);
  });
  it.each(["10.1.2.3", "172.31.255.255", "192.168.1.1", "100.64.0.1", "127.0.0.1", "0.0.0.0", "224.0.0.1", "x", "::1"])(
    "is not %s",
    (address) => {
      expect(isPublic(address)).toBe(false);
    },
  );
});

describe("the memory", () => {
  const seed = "0f".repeat(32);
  it("is read back as it was written", () => {
    const memory = {
      version: 1,
      seed,
      router: { gateway: "192.168.1.1", identity: "uuid:a" },
      ports: { "udp 5060": 6000 },
    };
    expect(readMemory(JSON.parse(JSON.stringify(memory)))).toEqual(memory);
  });
  it.each([null, 3, {}, { version: 2, seed }, { version: 1, seed: "short" }, { version: 1, seed: 4 }])(
    "is not %j",
    (value) => expect(readMemory(value)).toBeNull(),
  );
  it("forgets a router that is none, and keeps the seed", () => {
    expect(readMemory({ version: 1, seed, router: { gateway: 4 } })).toEqual({
      version: 1,
      seed,
      router: null,
      ports: {},
    });
  });
  it("leaves out ports that are none", () => {
    const ports = { "udp 5060": 6000, "udp 1": 0, "udp 2": "3", "sctp 1": 4 };
    expect(readMemory({ version: 1, seed, ports })?.ports).toEqual({ "udp 5060": 6000 });
  });
});
