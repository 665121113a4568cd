import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AmiParser } from "./ami-parser.ts";

const GREETING = "Asterisk Call Manager/5.0.4\r\n";
const ANSWER =
  "Response: Success\r\nActionID: p1\r\nMessage: Command output follows\r\nOutput: one\r\nOutput: \r\nOutput: a: b\r\n\r\n";

describe("answers of Asterisk's manager", () => {
  it("are read however the stream is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 8 }), (cuts) => {
        const text = `${GREETING}Event: FullyBooted\r\nStatus: x\r\n\r\n${ANSWER}`;
        const places = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
        const parser = new AmiParser();
        const found = places.slice(1).flatMap((end, index) => parser.push(text.slice(places[index], end)));
        expect(found.filter((each) => each !== null)).toEqual([
          {
            actionId: "p1",
            response: "Success",
            message: "Command output follows",
            output: ["one", "", "a: b"],
            challenge: "",
          },
        ]);
      }),
    );
  });

  it.each([
    ["a key twice", "Response: Success\r\nResponse: Error\r\n\r\n"],
    ["two ActionIDs", "Response: Success\r\nActionID: 1\r\nActionID: 2\r\n\r\n"],
    ["an unexpected key", "Response: Success\r\nRemoteAddress: IPV4/UDP/8.8.8.8/5060\r\n\r\n"],
    ["an event's text after an answer's head", "Response: Success\r\nEvent: InvalidPassword\r\n\r\n"],
    ["no Response", "ActionID: 1\r\n\r\n"],
    ["a line without key", "Response: Success\r\nnothing\r\n\r\n"],
  ])("are refused with %s", (_, text) => {
    expect(() => new AmiParser().push(GREETING + text)).toThrow(expect.objectContaining({ code: "ami-protocol" }));
  });

  it("are refused from something that is not Asterisk", () => {
    expect(() => new AmiParser().push("HTTP/1.1 400 Bad Request\r\n")).toThrow(/greeting/);
  });
});
