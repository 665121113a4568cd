import { expect, it } from "vitest";
import { handedOut, handoutText, softphoneUri } from "./handout.ts";
import { FILE_MARK } from "./port.ts";

const account = { username: "desk-a2b3c4", secret: "Secret" };
const issued = {
  accounts: new Map([["desk", account]]),
  dashboard: "PageSecret",
  broker: {
    viewer: { username: "viewer-a", secret: "ViewerSecret" },
    operator: { username: "operator-a", secret: "OperatorSecret" },
  },
};

it.each([
  ["192.168.1.2", "sip:desk-a2b3c4:Secret@192.168.1.2:5060"],
  ["fd00::2", "sip:desk-a2b3c4:Secret@[fd00::2]:5060"],
  ["pax.local", "sip:desk-a2b3c4:Secret@pax.local:5060"],
  [null, null],
])("a softphone is told where the gateway is: %s", (host, uri) => {
  expect(softphoneUri(account, { host, port: 5060 })).toBe(uri);
});

it("only SIP accounts have a URI, and everything that was issued is there", () => {
  const items = handedOut(issued, { host: "192.168.1.2", port: 5070 });
  expect(items.filter(({ uri }) => uri !== null).map(({ name }) => name)).toEqual(["desk"]);
  expect(items.map(({ secret }) => secret)).toEqual(["PageSecret", "Secret", "ViewerSecret", "OperatorSecret"]);
});

it("the file begins with our mark, holds everything, and its lines end as every computer can show them", () => {
  const text = handoutText(handedOut(issued, { host: null, port: 5060 }), 10);
  expect(text.startsWith(`${FILE_MARK}\r\n`)).toBe(true);
  for (const part of ["10 minutes", "Telephone desk", "desk-a2b3c4", "Secret", "PageSecret", "viewer-a"]) {
    expect(text).toContain(part);
  }
  expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
  expect(text).not.toContain("sip:");
});
