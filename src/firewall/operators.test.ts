import { expect, it } from "vitest";
import { remoteOperators } from "./operators.ts";

it("an operator is whoever is connected from elsewhere, in either family, once", () => {
  expect(
    remoteOperators([
      "127.0.0.1",
      "127.9.9.9",
      "::1",
      "::ffff:127.0.0.1",
      "192.168.1.20",
      "::ffff:192.168.1.20",
      "FE80::1",
    ]),
  ).toEqual(["192.168.1.20", "fe80::1"]);
  expect(remoteOperators(["", "nonsense"])).toEqual([]);
});
