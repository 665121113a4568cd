import { describe, expect, it } from "vitest";
import { alawSdp, audioPort, header, parseSip, printSip, repeated } from "./sip-text.ts";

const invite = printSip(
  "INVITE sip:4123@127.0.0.1 SIP/2.0",
  [
    ["Via", "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1"],
    ["From", "<sip:4100@127.0.0.1>;tag=a"],
    ["To", "<sip:4123@127.0.0.1>"],
    ["Call-ID", "one"],
    ["CSeq", "102 INVITE"],
    ["Contact", "<sip:4100@127.0.0.1>"],
  ],
  alawSdp(4_000),
);

describe("the trunk's end of SIP", () => {
  it("reads what it prints", () => {
    const message = parseSip(invite);
    if (message === null) throw new Error("no message");
    expect(message.request).toEqual({ method: "INVITE", uri: "sip:4123@127.0.0.1" });
    expect(header(message, "cseq")).toBe("102 INVITE");
    expect(header(message, "Content-Length")).toBe(String(message.body.length));
    expect(audioPort(message.body)).toBe(4_000);
  });

  it("repeats in a response what belongs there, with a tag, and nothing else", () => {
    const message = parseSip(invite);
    if (message === null) throw new Error("no message");
    const names = repeated(message, "b").map(([name]) => name);
    expect(names).toEqual(["Via", "From", "Call-ID", "CSeq", "To"]);
    expect(repeated(message, "b").at(-1)?.[1]).toBe("<sip:4123@127.0.0.1>;tag=b");
  });

  it("takes a status from a response and nothing from noise", () => {
    expect(parseSip("SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\n\r\n")?.status).toBe(486);
    expect(parseSip("hello\r\n\r\n")).toBeNull();
    expect(parseSip("\r\n")).toBeNull();
  });
});
