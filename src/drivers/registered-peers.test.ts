import { describe, expect, it } from "vitest";
import { RegisteredPeers, readAddress } from "./registered-peers.ts";

const peer = (place: string, name = "kitchen-abcd") => [
  "",
  "",
  `  * Name       : ${name}`,
  "  Description  : ",
  "  Secret       : <Set>",
  `  Addr->IP     : ${place}`,
  "  Defaddr->IP  : (null)",
  "  Useragent    : some phone",
  "  Reg. Contact : sip:kitchen-abcd@127.0.0.1:5060",
];

describe("where a phone is registered", () => {
  it.each([
    ["192.0.2.1:5060", "192.0.2.1"],
    ["[2001:db8::1]:5060", "2001:db8::1"],
    ["[fe80::1%eth0]:5060", "fe80::1"],
    ["(null)", null],
    ["0.0.0.0:0", null],
    ["192.0.2.300:5060", null],
    ["192.0.2.1:5060 x", null],
  ])("is read from %s", (place, address) => {
    expect(readAddress(peer(place), "kitchen-abcd")).toBe(address);
  });

  it("is not taken from another peer, nor from a text that says two things", () => {
    expect(readAddress(peer("192.0.2.1:5060", "other"), "kitchen-abcd")).toBeNull();
    expect(readAddress([...peer("192.0.2.1:5060"), "  Addr->IP     : 192.0.2.2:5060"], "kitchen-abcd")).toBeNull();
    expect(readAddress(["Peer kitchen-abcd not found."], "kitchen-abcd")).toBeNull();
  });

  it("is told by the account's name, of those who are registered", async () => {
    const answers = new Map([
      ["sip show peer kitchen-abcd", peer("192.0.2.1:5060")],
      ["sip show peer bar-efgh", peer("(null)", "bar-efgh")],
    ]);
    const commands = { command: async (text: string) => answers.get(text) ?? [] };
    const accounts = [
      { name: "kitchen", username: "kitchen-abcd" },
      { name: "bar", username: "bar-efgh" },
    ];
    expect(await new RegisteredPeers(commands, () => accounts).registered()).toEqual(
      new Map([["kitchen", "192.0.2.1"]]),
    );
  });
});
