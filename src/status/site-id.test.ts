import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { siteIdOf } from "./site-id.ts";

describe("the identifier of a site", () => {
  it.each([
    [{ id: "north-field", name: "whatever" }, "north-field"],
    [{ id: "field--2-", name: "whatever" }, "field--2-"],
    [{ name: "PAX gateway" }, "pax-gateway"],
    [{ name: "Zürich – Halle 7" }, "zurich-halle-7"],
    [{ name: "2026 camp" }, "camp"],
    [{ name: "!!!" }, "pax"],
    [{ name: "" }, "pax"],
    [{ id: "", name: "Camp" }, "camp"],
    [{ name: "電話交換機" }, "pax"],
    [{ name: "The very long name of a gateway" }, "the-very-long-name-of-a"],
  ])("of %j is %s", (site, id) => {
    expect(siteIdOf(site)).toBe(id);
  });

  it("is always a level of a topic, whatever the name", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 80 }), (name) => {
        expect(siteIdOf({ name })).toMatch(/^[a-z](?:[a-z0-9-]{0,22}[a-z0-9])?$/);
      }),
    );
  });
});
