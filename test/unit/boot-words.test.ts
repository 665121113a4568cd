import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { BOOT_STATE } from "../../src/drivers/boot-state.ts";
import { bootAlerts } from "../../src/status/boot.ts";

/** What the start's scripts say has to be understood by the gateway. */

const LAYERS = join(import.meta.dirname, "../../image/layers");
const initrd = readFileSync(join(LAYERS, "30-boot/initrd/init"), "utf8");
const trial = readFileSync(join(LAYERS, "50-update/overlay/usr/lib/paxgate/trial"), "utf8");

it.each([
  ["the initrd", initrd],
  ["the trial's end", trial],
])("an update that %s gives up is known as one", (_, script) => {
  const [said] = /echo "[^"]*"(?= *\\?\s*[|>][^\n]*UPDATE-FAILED\.txt)/.exec(script.replace(/\|\n/g, "| ")) ?? [];
  const words = said?.slice('echo "'.length, -1) ?? "";
  expect(bootAlerts([words])).toMatchObject([
    { severity: "warning", text: expect.stringContaining("the update failed: ") },
  ]);
});

it("is looked for where the scripts leave it", () => {
  expect(initrd).toContain(`boot=${BOOT_STATE} `);
  expect(trial).toContain(`:-${BOOT_STATE}}`);
});
