import { describe, expect, it } from "vitest";
import { dialString, refusalOf } from "./event-numbers.ts";
import { type EventRenderOptions, renderEventNetwork } from "./event-render.ts";
import type { PhoneBehaviour } from "./event-types.ts";

const accounts = [
  { number: "4100", password: "a", numbers: ["41XX", "50000"] },
  { number: "4101", password: "b" },
];

describe("a number on the event network", () => {
  it.each([
    ["4100", "SIP/4100"],
    ["4101", "SIP/4101"],
    ["4121", "SIP/4121@4100"],
    ["50000", "SIP/50000@4100"],
    ["5000", null],
    ["410", null],
    ["4121&SIP/4101", null],
  ])("%s is dialled as %s", (number, dialled) => {
    expect(dialString(accounts, number)).toBe(dialled);
  });

  it.each<[PhoneBehaviour, number, string | null]>([
    [{ kind: "answer", afterMs: 0 }, 0, null],
    [{ kind: "answer", afterMs: 0 }, 1, "busy"],
    [{ kind: "no-answer" }, 0, null],
    [{ kind: "echo" }, 0, null],
    [{ kind: "busy" }, 0, "busy"],
    [{ kind: "reject" }, 0, "rejected"],
    [{ kind: "congestion" }, 0, "congestion"],
  ])("whose telephone is to %j, engaged in %i calls, refuses with %s", (behaviour, engaged, cause) => {
    expect(refusalOf({ number: "4200", behaviour }, engaged)).toBe(cause);
  });

  it("that nobody has is unobtainable", () => {
    expect(refusalOf(undefined, 0)).toBe("unobtainable");
  });
});

describe("the network's configuration", () => {
  const options: EventRenderOptions = {
    accounts,
    bindAddress: "127.0.0.1",
    sipPort: 5070,
    httpPort: 8090,
    rtpFrom: 20_000,
    rtpTo: 20_399,
    ariPassword: "secret",
  };

  it.each(["x\n[evil]", "a;b", "a]b", "a b", ""])("refuses the password %j", (password) => {
    expect(() => renderEventNetwork({ ...options, accounts: [{ number: "4100", password }] })).toThrow(/password/);
  });

  it.each(["410", "general", "4100]\n[x"])("refuses the account %j", (number) => {
    expect(() => renderEventNetwork({ ...options, accounts: [{ number, password: "a" }] })).toThrow(/digits/);
  });

  it("loads RTP before SIP, and nothing by itself", () => {
    const modules = renderEventNetwork(options).get("modules.conf") ?? "";
    expect(modules).toContain("autoload=no");
    expect(modules.indexOf("res_rtp_asterisk.so")).toBeLessThan(modules.indexOf("chan_sip.so"));
    expect(modules.indexOf("res_pjproject.so")).toBeLessThan(modules.indexOf("res_rtp_asterisk.so"));
  });
});
