import { expect, it } from "vitest";
import { KnownAddresses } from "./known-addresses.ts";

it("remembers the latest 32 addresses", () => {
  const known = new KnownAddresses();
  for (let at = 0; at < 1_000; at++) {
    known.add("192.0.2.1");
    known.add(`10.0.${at >> 8}.${at & 255}`);
  }
  expect(known.size).toBe(32);
  expect(known.has("192.0.2.1")).toBe(true);
  expect(known.has("10.0.3.231")).toBe(true);
  expect(known.has("10.0.0.0")).toBe(false);
});
