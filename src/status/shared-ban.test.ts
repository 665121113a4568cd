import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type IpNetwork, parseNetwork } from "../base/ip.ts";

import {
  canonical,
  initialSharedBans,
  MAX_PER_MINUTE,
  networksOf,
  type SharedBan,
  type SharedBanInput,
  type SharedBanRules,
  type Signer,
  signBan,
  step,
} from "./shared-ban.ts";
import { sharedBanSchema } from "./wire/schema.ts";

const NOW = Date.UTC(2026, 6, 17, 12);
const network = (text: string): IpNetwork => parseNetwork(text) ?? expect.fail(text);
const signer = (key: string): Signer => ({
  sign: (text) => createHmac("sha256", key).update(text).digest("hex"),
  same: (one, other) => one === other,
});
const KEY = signer("a key of the whole fleet");
const rules: SharedBanRules = {
  ownSite: "north",
  accept: new Set(["south", "west"]),
  signer: KEY,
  protects: ["198.51.100.0/24", "203.0.113.5", "2001:db8:1::5"].map(network),
};

let count = 0;
function made(change: Partial<SharedBan> = {}, key = KEY): SharedBan {
  const nonce = (++count).toString(16).padStart(32, "0");
  const plain = {
    v: 1,
    site: "south",
    address: "192.0.2.9",
    reasonCode: "logins",
    minutes: 60,
    atMs: NOW,
    nonce,
  } as const;
  const ban = { ...plain, ...change };
  return { ...ban, mac: change.mac ?? key.sign(canonical(ban)) };
}
const fresh = initialSharedBans(NOW - 1_000_000);
const input = (ban: unknown, change: Partial<SharedBanInput> = {}): SharedBanInput => ({
  site: "south",
  payload: typeof ban === "string" ? ban : JSON.stringify(ban),
  retained: false,
  nowMs: NOW,
  ...change,
});
const outcome = (ban: unknown, change: Partial<SharedBanInput> = {}, own: SharedBanRules = rules) => {
  const { outcome: came } = step(fresh, input(ban, change), own);
  return came.ok ? `${came.ban.address} ${came.minutes}` : came.why;
};

describe("a ban of another site", () => {
  it.each([
    ["192.0.2.9", {}, "192.0.2.9 60"],
    ["a /64", { address: "2001:db8:2::/64" }, "2001:db8:2::/64 60"],
    ["an address of IPv6", { address: "2001:db8:2::7" }, "2001:db8:2::7 60"],
    ["a year", { minutes: 525_600 }, "192.0.2.9 1440"],
    ["two minutes old", { atMs: NOW - 120_000 }, "192.0.2.9 60"],
    ["two minutes early", { atMs: NOW + 120_000 }, "192.0.2.9 60"],
  ] satisfies [string, Partial<SharedBan>, string][])("counts: %s", (_, change, expected) => {
    expect(outcome(made(change))).toBe(expected);
  });

  it.each([
    ["too old", { atMs: NOW - 120_001 }, "stale"],
    ["too early", { atMs: NOW + 120_001 }, "stale"],
    ["a network", { address: "192.0.2.0/24" }, "address"],
    ["a /48", { address: "2001:db8:2::/48" }, "address"],
    ["everything", { address: "::/0" }, "address"],
    ["no canonical address", { address: "2001:0db8::1" }, "address"],
    ["loopback", { address: "127.0.0.1" }, "address"],
    ["loopback of IPv6", { address: "::1" }, "address"],
    ["the /64 of loopback", { address: "::/64" }, "address"],
    ["any", { address: "0.0.0.0" }, "address"],
    ["multicast", { address: "224.0.0.251" }, "address"],
    ["link-local", { address: "fe80::/64" }, "address"],
    ["a mapped address", { address: "::ffff:127.0.0.1" }, "address"],
    ["whoever is allowed or trusted", { address: "198.51.100.77" }, "protected"],
    ["ourselves", { address: "203.0.113.5" }, "protected"],
    ["a /64 that somebody protected lies in", { address: "2001:db8:1::/64" }, "protected"],
  ] satisfies [string, Partial<SharedBan>, string][])("is refused, though signed: %s", (_, change, expected) => {
    expect(outcome(made(change))).toBe(expected);
  });

  it.each([
    ["another key", made({}, signer("a key of somebody else"))],
    ["no key", made({ mac: "0".repeat(64) })],
    ["another address under the signature", { ...made(), address: "192.0.2.10" }],
    ["another length under the signature", { ...made(), minutes: 61 }],
    ["another time under the signature", { ...made(), atMs: NOW + 1 }],
    ["another nonce under the signature", { ...made(), nonce: "f".repeat(32) }],
    ["another reason under the signature", { ...made(), reasonCode: "operator" }],
  ])("is refused for its signature: %s", (_, ban) => {
    expect(outcome(ban)).toBe("mac");
  });

  it.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["a list", "[]"],
    ["null", "null"],
    ["a key more", { ...made(), more: 1 }],
    ["a key less", { ...made(), reasonCode: undefined }],
    ["another version", { ...made(), v: 2 }],
    ["minutes in words", { ...made(), minutes: "60" }],
    ["no minutes", { ...made(), minutes: 0 }],
    ["a fraction", { ...made(), minutes: 1.5 }],
    ["an address with a line break", { ...made(), address: "192.0.2.9\n" }],
    ["a time that is no number", `{"atMs":1e999}`],
    ["another site's", made({ site: "west" })],
    ["much", { ...made(), nonce: "0".repeat(600) }],
  ])("is refused for its form: %s", (_, ban) => {
    expect(outcome(ban)).toBe("form");
  });

  it("is refused from our own site, from sites that are not accepted, and when the broker kept it", () => {
    expect(outcome(made({ site: "north" }), { site: "north" })).toBe("own");
    expect(outcome(made({ site: "east" }), { site: "east" })).toBe("not-accepted");
    expect(outcome(made(), { retained: true })).toBe("retained");
  });

  it("is refused while our own clock is not set", () => {
    const nowMs = Date.UTC(2020, 0, 1);
    const { outcome: came } = step(initialSharedBans(0), input(made({ atMs: nowMs }), { nowMs }), rules);
    expect(came).toEqual({ ok: false, why: "clock" });
  });

  it("counts once, however often it comes", () => {
    const ban = made();
    const first = step(fresh, input(ban), rules);
    expect(first.outcome.ok).toBe(true);
    for (const nowMs of [NOW, NOW + 60_000, NOW + 120_000]) {
      expect(step(first.state, input(ban, { nowMs }), rules).outcome).toEqual({ ok: false, why: "replayed" });
    }
    expect(step(first.state, input(ban, { nowMs: NOW + 120_001 }), rules).outcome).toEqual({ ok: false, why: "stale" });
  });

  it("cannot be sent again after a restart, nor after the clock was put back", () => {
    const ban = made({ atMs: NOW - 1 });
    expect(step(initialSharedBans(NOW), input(ban), rules).outcome).toEqual({ ok: false, why: "stale" });
    const taken = step(fresh, input(ban), rules).state;
    const later = step(taken, input(made({ atMs: NOW + 3_600_000 }), { nowMs: NOW + 3_600_000 }), rules).state;
    const back = step(later, input(ban, { nowMs: NOW + 5 }), rules);
    expect(back.outcome).toEqual({ ok: false, why: "stale" });
  });

  it("counts sixty times a minute from one site, and those of another site meanwhile", () => {
    let state = fresh;
    for (let each = 0; each < MAX_PER_MINUTE; each++) {
      const next = step(state, input(made({ address: `192.0.2.${each}` })), rules);
      expect(next.outcome.ok).toBe(true);
      state = next.state;
    }
    expect(step(state, input(made()), rules).outcome).toEqual({ ok: false, why: "rate" });
    expect(step(state, input(made({ site: "west" }), { site: "west" }), rules).outcome.ok).toBe(true);
    const nowMs = NOW + 60_000;
    expect(step(state, input(made({ atMs: nowMs }), { nowMs }), rules).outcome.ok).toBe(true);
  });

  it("uses up nobody's rate when it is forged, and leaves no memory", () => {
    let state = fresh;
    for (let each = 0; each < 1_000; each++) {
      state = step(state, input(made({}, signer("a key of somebody else"))), rules).state;
    }
    expect(state).toBe(fresh);
  });

  it("is forgotten when it could not count again anyway", () => {
    let state = step(fresh, input(made()), rules).state;
    expect(state.nonces.size).toBe(1);
    const nowMs = NOW + 121_000;
    state = step(state, input(made({ atMs: nowMs }), { nowMs }), rules).state;
    expect(state.nonces.size).toBe(1);
  });
});

describe("a ban of our own", () => {
  const own = { site: "south", source: "192.0.2.9", reason: "logins", untilMs: NOW + 90_500 };
  const nonce = "ab".repeat(16);

  it("is signed so that others take it, and as the topic table says", () => {
    const ban = signBan(own, nonce, NOW, KEY) ?? expect.fail();
    expect(ban.minutes).toBe(2);
    expect(sharedBanSchema.parse(ban)).toEqual(ban);
    expect(outcome(ban)).toBe("192.0.2.9 2");
  });

  it.each([
    ["one that has ended", { untilMs: NOW }, NOW],
    ["one of loopback", { source: "127.0.0.1" }, NOW],
    ["one from before the clock was set", { untilMs: 9e12 }, Date.UTC(2020, 0, 1)],
  ])("is not sent: %s", (_, change, nowMs) => {
    expect(signBan({ ...own, ...change }, nonce, nowMs, KEY)).toBeNull();
  });

  it("is at most a day long", () => {
    expect(signBan({ ...own, untilMs: NOW + 9e9 }, nonce, NOW, KEY)?.minutes).toBe(1_440);
  });
});

it("networks of lists are entries and the addresses of names", () => {
  const names = new Map([["sip.example", ["192.0.2.1", "2001:db8::1"]]]);
  expect(networksOf(["10.0.0.0/8", "sip.example", "other.example"], names)).toEqual(
    ["10.0.0.0/8", "192.0.2.1", "2001:db8::1"].map(network),
  );
});
