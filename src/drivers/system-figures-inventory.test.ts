import { totalmem } from "node:os";
import { expect, it } from "vitest";
import { machineInventory } from "./system-figures-inventory.ts";

it("tells what machine this is, as node itself does as far as it knows", async () => {
  const { memoryMb, processors, os, kernel } = await machineInventory();
  expect(Math.abs(memoryMb - totalmem() / 1e6)).toBeLessThan(1);
  expect(processors).toBeGreaterThan(0);
  expect(os).not.toBe("");
  expect(kernel).toMatch(/^\d+\.\d+/);
});
