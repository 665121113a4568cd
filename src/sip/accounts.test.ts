import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forgottenPeers, withAccounts } from "./accounts.ts";
import { md5 } from "./accounts-md5.ts";
import { renderSip } from "./render-sip.ts";
import { exampleModel } from "./test-model.ts";

describe("MD5", () => {
  it.each([
    ["", "d41d8cd98f00b204e9800998ecf8427e"],
    ["abc", "900150983cd24fb0d6963f7d28e17f72"],
    ["abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"],
  ])("of RFC 1321's example %j", (text, hash) => {
    expect(md5(text)).toBe(hash);
  });

  it("of any text is what another implementation makes of it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        expect(md5(text)).toBe(createHash("md5").update(text).digest("hex"));
      }),
    );
  });
});

describe("accounts with new credentials", () => {
  const given = new Map([
    ["kitchen", { username: "kitchen-new", secret: "another" }],
    ["elsewhere", { username: "elsewhere-a", secret: "x" }],
  ]);

  it("replace the old ones everywhere, and nothing else", () => {
    const model = withAccounts(exampleModel(), given);
    expect(model.accounts).toEqual([{ ...exampleModel().accounts[0], ...given.get("kitchen") }]);
    expect({ ...model, accounts: [] }).toEqual(exampleModel({ accounts: [] }));
    expect(renderSip(model)).not.toContain("kitchen-qwertz");
  });

  it("are refused whole when one is missing, without telling a secret", () => {
    expect(() => withAccounts(exampleModel(), new Map())).toThrow(
      expect.objectContaining({ code: "sip-secret-missing" }),
    );
  });

  it("stand in the file as a hash only", () => {
    const text = renderSip(withAccounts(exampleModel(), given));
    expect(text).not.toContain("another");
    expect(text).toContain(createHash("md5").update("kitchen-new:PBX:another").digest("hex"));
  });
});

it("what AstDB remembers of peers that are gone is found, of trunks and accounts that are there not", () => {
  const lines = [
    "/SIP/Registry/kitchen-qwertz                      : 192.168.1.9:5060:60:kitchen-qwertz:sip:x@192.168.1.9",
    "/SIP/Registry/kitchen-old                         : 192.168.1.9:5060:60:kitchen-old:sip:x@192.168.1.9",
    "/SIP/Registry/trunk-event                         : 192.168.1.9:5060",
    "/SIP/Registry/a b; core stop now                  : 192.168.1.9:5060",
    "/SIP/PeerMethods/other                            : 1",
    "2 results found.",
  ];
  expect(forgottenPeers(lines, "SIP/Registry", exampleModel())).toEqual(["kitchen-old"]);
  expect(forgottenPeers(lines, "SIP/PeerMethods", exampleModel())).toEqual(["other"]);
});
