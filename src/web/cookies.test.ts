import { describe, expect, it } from "vitest";
import { setCookie, tokenOf } from "./cookies.ts";

const token = "a".repeat(43);
const other = "b".repeat(43);

describe("cookies", () => {
  it.each([
    [`paxgate_session=${token}`, token],
    [`theme=dark; paxgate_session=${token}; x=y`, token],
    [`  paxgate_session = ${token} `, token],
    [`paxgate_session=${token}; paxgate_session=${other}`, token],
    [`__Host-paxgate_session=${token}`, null],
    [`xpaxgate_session=${token}`, null],
    ["paxgate_session=", null],
    [`paxgate_session=${token}x`, null],
    ["paxgate_session=../../etc/passwd", null],
    [`paxgate_session="${token}"`, null],
    [";;;=;", null],
    ["paxgate_session", null],
    [undefined, null],
  ])("%s", (header, found) => {
    expect(tokenOf(header, "paxgate_session")).toBe(found);
  });

  it("are read by no script and sent by no foreign page; over HTTPS by no unencrypted one", () => {
    expect(setCookie("n", "v", { maxAgeS: 5, secure: false, path: "/" })).toBe(
      "n=v; Path=/; Max-Age=5; HttpOnly; SameSite=Strict",
    );
    expect(setCookie("n", "v", { maxAgeS: 5, secure: true, path: "/" })).toMatch(/; Secure$/);
  });
});
