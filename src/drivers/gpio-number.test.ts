import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { gpioNumber } from "./gpio-number.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "gpio-"));
});
afterEach(() => rm(root, { recursive: true }));

async function chip(base: number, label: string, lines = 8): Promise<void> {
  const directory = join(root, `gpiochip${base}`);
  await mkdir(directory);
  for (const [name, value] of Object.entries({ base, label, ngpio: lines })) {
    await writeFile(join(directory, name), `${value}\n`);
  }
}

describe("the kernel's number of a GPIO line", () => {
  it("is the base of the chip with that label, and the offset, whatever the bases are", async () => {
    await chip(512, "pinctrl-bcm2711", 58);
    await chip(570, "raspberrypi-exp-gpio");
    expect(await gpioNumber("pinctrl-bcm2711:17", root)).toBe(529);
    expect(await gpioNumber("raspberrypi-exp-gpio:0", root)).toBe(570);
  });

  it.each([
    ["pinctrl-rp1:3", /no GPIO chip pinctrl-rp1; there are: pinctrl-bcm2711, twice/],
    ["pinctrl-bcm2711:58", /has lines 0 to 57/],
    ["twice:0", /2 GPIO chips are called twice/],
    ["GPIO17", /CHIP-LABEL:OFFSET/],
  ])("refuses %s in words that help", async (place, words) => {
    await chip(512, "pinctrl-bcm2711", 58);
    await chip(600, "twice");
    await chip(700, "twice");
    await expect(gpioNumber(place, root)).rejects.toMatchObject({
      code: "contact-unavailable",
      message: expect.stringMatching(words),
    });
  });

  it("says that a kernel without that interface has none", async () => {
    await expect(gpioNumber("a:1", join(root, "none"))).rejects.toThrow(/CONFIG_GPIO_SYSFS/);
    await expect(gpioNumber("a:1", root)).rejects.toThrow(/there are: none/);
  });
});
