import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BrokerUser, mayPublish, maySubscribe, roleOf, WrongPasswords } from "./embedded-broker-access.ts";

const rules = { root: "paxgate/test", alsoPublish: ["homeassistant/status"] };
const users: readonly BrokerUser[] = [
  { username: "viewer", secret: "see", role: "viewer" },
  { username: "operator", secret: "work", role: "operator" },
];

describe("who it is", () => {
  it("is known by username and password together", () => {
    expect(roleOf(users, "viewer", Buffer.from("see"))).toBe("viewer");
    expect(roleOf(users, "operator", Buffer.from("work"))).toBe("operator");
    expect(roleOf(users, "viewer", Buffer.from("work"))).toBeNull();
    expect(roleOf(users, undefined, Buffer.from("see"))).toBeNull();
    expect(roleOf(users, "viewer", undefined)).toBeNull();
  });

  it("is nobody where no secret was issued", () => {
    expect(roleOf([{ username: "viewer", secret: "", role: "viewer" }], "viewer", Buffer.from(""))).toBeNull();
  });
});

describe("what one may", () => {
  it("viewers publish nothing, operators requests of this site and what is named", () => {
    fc.assert(fc.property(fc.string(), (topic) => !mayPublish("viewer", topic, rules)));
    expect(mayPublish("operator", "paxgate/test/request/line/block", rules)).toBe(true);
    expect(mayPublish("operator", "homeassistant/status", rules)).toBe(true);
    expect(mayPublish("operator", "homeassistant/status/x", rules)).toBe(false);
    expect(mayPublish("operator", "paxgate/test/requests", rules)).toBe(false);
    expect(mayPublish("operator", "paxgate/testing/request/x", rules)).toBe(false);
  });

  it("everything is read but the broker's own topics", () => {
    expect(maySubscribe("#")).toBe(true);
    expect(maySubscribe("$SYS/#")).toBe(false);
    expect(maySubscribe("$share/x/#")).toBe(false);
    expect(maySubscribe("x".repeat(257))).toBe(false);
  });
});

describe("wrong passwords", () => {
  it("are told of at the fifth in a minute, by address", () => {
    const wrong = new WrongPasswords();
    const told = (address: string, from: number, count: number) =>
      Array.from({ length: count }, (_, at) => wrong.count(address, from + at)).lastIndexOf(true);
    expect(told("192.0.2.1", 0, 4)).toBe(-1);
    expect(told("192.0.2.2", 10, 1)).toBe(-1);
    expect(told("192.0.2.1", 20, 100)).toBe(0);
    expect(told("192.0.2.1", 60_000, 4)).toBe(-1);
    expect(told("192.0.2.1", 60_010, 1)).toBe(0);
  });

  it("count together for an IPv6 host, whichever of its addresses it takes", () => {
    const wrong = new WrongPasswords();
    for (let at = 0; at < 4; at += 1) wrong.count(`2001:db8:0:1::${at}`, 0);
    expect(wrong.count("2001:db8:0:2::1", 1)).toBe(false);
    expect(wrong.count("::1", 1)).toBe(false);
    expect(wrong.count("2001:db8::1:a:b:c:d", 1)).toBe(true);
  });
});
