import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AmiEventParser } from "./ami-event-parser.ts";

const GREETING = "Asterisk Call Manager/5.0.4\r\n";

const HEAD = {
  Event: "InvalidPassword",
  Privilege: "security,all",
  EventTV: "2026-01-01T00:00:00.000+0000",
  Severity: "Error",
  Service: "SIP",
  EventVersion: "2",
  AccountID: "kitchen",
  SessionID: "0x7f6b18006800",
  LocalAddress: "IPV4/UDP/127.0.0.1/5060",
  RemoteAddress: "IPV4/UDP/192.0.2.1/40000",
};
const PROOF = { Challenge: "330ac647", ReceivedChallenge: "330AC647", ReceivedHash: "0123" };
const EVENT = { ...HEAD, ...PROOF };

function text(fields: Record<string, string>): string {
  return `${Object.entries(fields)
    .map(([key, value]) => `${key}: ${value}\r\n`)
    .join("")}\r\n`;
}

function read(...texts: string[]) {
  return new AmiEventParser().push(GREETING + texts.join("")).slice(1);
}

const failure = { type: "InvalidPassword", service: "SIP", address: "192.0.2.1", port: 40_000, transport: "udp" };

describe("a security event", () => {
  it("is read however the stream is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { maxLength: 8 }), (cuts) => {
        const whole = GREETING + text(EVENT);
        const places = [0, ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b), whole.length];
        const parser = new AmiEventParser();
        const items = places.slice(1).flatMap((end, at) => parser.push(whole.slice(places[at], end)));
        expect(items).toEqual([{ type: "greeting" }, { type: "event", event: { ...failure, proven: true } }]);
      }),
    );
  });

  it("proves something only as a wrong answer to a challenge of ours", () => {
    const proven = (differences: Record<string, string>, without: readonly string[] = []) =>
      read(
        text(
          Object.fromEntries(Object.entries({ ...EVENT, ...differences }).filter(([key]) => !without.includes(key))),
        ),
      );
    const fact = (value: boolean) => [{ type: "event", event: expect.objectContaining({ proven: value }) }];
    expect(proven({})).toEqual(fact(true));
    expect(proven({ ReceivedChallenge: "12345678" })).toEqual(fact(false));
    expect(proven({ Challenge: "", ReceivedChallenge: "" })).toEqual(fact(false));
    expect(proven({ Service: "AMI" })).toEqual(fact(false));
    expect(proven({}, Object.keys(PROOF))).toEqual(fact(false));
    expect(read(text({ ...HEAD, Event: "ChallengeSent", Challenge: "a" }))).toEqual(fact(false));
    expect(read(text({ ...HEAD, Event: "FailedACL", ACLName: "x" }))).toEqual(fact(false));
  });

  it.each([
    ["IPV4/TCP/192.0.2.1/1", "192.0.2.1"],
    ["IPV6/UDP/2001:DB8::1/5060", "2001:db8::1"],
    ["IPV6/UDP/fe80::1%eth0/5060", "fe80::1"],
    ["IPV6/TLS/::ffff:192.0.2.9/5061", "192.0.2.9"],
  ])("may come from %s", (place, address) => {
    expect(read(text({ ...EVENT, RemoteAddress: place }))).toMatchObject([{ type: "event", event: { address } }]);
  });

  it.each([
    ["IPV4/UDP/192.0.2.256/5060"],
    ["IPV4/UDP/192.0.2.1/65536"],
    ["IPV4/UDP/192.0.2.1/"],
    ["IPV4/UDP/2001:db8::1/5060"],
    ["IPV4/SCTP/192.0.2.1/5060"],
    ["IPV4/UDP/192.0.2.1/5060 "],
    ["IPV4/UDP/192.0.2.1/5060\nRemoteAddress: IPV4/UDP/192.0.2.2/5060"],
    [""],
  ])("is refused from %j", (place) => {
    expect(read(text({ ...EVENT, RemoteAddress: place }))).toMatchObject([{ type: "refused" }]);
  });

  const lines = text(EVENT).trimEnd().split("\r\n");
  it.each(lines.map((line, at) => [line.split(":")[0] ?? "", at] as const))("is refused with %s twice", (_, at) => {
    const twice = [...lines.slice(0, at + 1), lines[at] ?? "", ...lines.slice(at + 1)].join("\r\n");
    expect(read(`${twice}\r\n\r\n`)).toMatchObject([{ type: "refused" }]);
  });

  it.each(Object.keys(HEAD))("is refused without %s", (key) => {
    const { [key]: _left, ...rest } = EVENT as Record<string, string>;
    expect(read(text(rest))).toMatchObject([{ type: "refused" }]);
  });

  it.each([
    ["an unknown key", { ...EVENT, Extra: "x" }],
    ["a key of another event", { ...EVENT, ACLName: "x" }],
    ["a key missing", { ...HEAD, Event: "ChallengeResponseFailed", Challenge: "a", Response: "b" }],
    ["an unknown name", { ...EVENT, Event: "Registry" }],
    ["another privilege", { ...EVENT, Privilege: "system,all" }],
    ["another time", { ...EVENT, EventTV: "now" }],
    ["another service", { ...EVENT, Service: "SIP\nAccountID: x" }],
    ["another session", { ...EVENT, SessionID: "0xg" }],
    ["another order", Object.fromEntries(Object.entries(EVENT).reverse())],
  ])("is refused with %s", (_, fields) => {
    expect(read(text(fields))).toMatchObject([{ type: "refused" }]);
  });

  it("that was refused does not keep the next from being read, and none of its text is told", () => {
    const items = read(text({ ...EVENT, "Evil\u0007": "attack" }), text(EVENT));
    expect(items).toMatchObject([{ type: "refused" }, { type: "event" }]);
    expect(JSON.stringify(items[0])).not.toMatch(/attack|Evil/);
  });

  it("never makes the parser throw but for a stream without end, whatever its text", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300, unit: "binary" }), (account) => {
        const items = read(text({ ...EVENT, AccountID: account }), text(EVENT));
        expect(items.at(-1)).toMatchObject({ type: "event" });
      }),
    );
    expect(() => read("x".repeat(140_000))).toThrow(/without end/);
    expect(() => new AmiEventParser().push("HTTP/1.1 400 Bad Request\r\n")).toThrow(/greeting/);
  });
});
