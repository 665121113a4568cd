import { describe, expect, it } from "vitest";
import { editDistance, nearest } from "./nearest.ts";

describe("the nearest known word", () => {
  it.each([
    ["nmae", ["name", "number"], "name"],
    ["call_limit", ["callLimit", "port"], "callLimit"],
    ["Port", ["port"], "port"],
    ["tieline", ["tie-line", "subscriber"], "tie-line"],
    ["externalAdress", ["externalAddress", "bindAddress"], "externalAddress"],
    ["codec", ["codecs"], "codecs"],
  ])("to %s of %j is %s", (written, known, expected) => {
    expect(nearest(written, known)).toBe(expected);
  });

  it.each(["banana", "xyz", "", "n".repeat(100_000)])("is none when nothing is near (%#)", (written) => {
    expect(nearest(written, ["name", "port", "username"])).toBeUndefined();
  });

  it("counts a swap of neighbours as one slip", () => {
    expect([editDistance("nmae", "name"), editDistance("abc", "abc"), editDistance("", "abc")]).toEqual([1, 0, 3]);
  });
});
