import { expect, it } from "vitest";
import { paxOverridesSchema, paxProfileNames, paxProfileSchema } from "../config/pax-profile.ts";
import { pax50, resolveProfile } from "./profiles.ts";

it("keeps the PAX50's values equal to the schema's defaults", () => {
  expect(pax50).toEqual(paxProfileSchema.parse({}));
});

it.each(paxProfileNames)("has a %s profile that the schema accepts", (name) => {
  expect(paxProfileSchema.parse(resolveProfile(name))).toEqual(resolveProfile(name));
});

it("changes only what the configuration overrides", () => {
  const overrides = paxOverridesSchema.parse({ clearMs: 400, digitMap: "sweden" });
  expect(resolveProfile("custom", overrides)).toEqual({ ...pax50, clearMs: 400, digitMap: "sweden" });
});

it("does not let an undefined override remove a value", () => {
  expect(resolveProfile("pax50", { clearMs: undefined })).toEqual(pax50);
});
