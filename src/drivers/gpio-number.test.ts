import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeTools } from "./gpio-fake-tools.ts";
import { gpioNumber } from "./gpio-number.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "gpio-"));
});
afterEach(() => rm(root, { recursive: true }));

/** A chip of the older interface; `newer` is what its device has of the newer one. */
async function chip(base: number, label: string, lines = 8, newer: readonly string[] = []): Promise<void> {
  const directory = join(root, `gpiochip${base}`);
  await mkdir(directory);
  for (const name of newer) await mkdir(join(directory, "device", name), { recursive: true });
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

describe("the kernel's number of a GPIO line given by its name", () => {
  let fake: FakeTools;
  beforeEach(async () => {
    fake = new FakeTools(await mkdtemp(join(tmpdir(), "gpio-tools-")));
  });
  afterEach(() => fake.close());
  const number = (name: string) => gpioNumber(name, root, fake.tools);

  it("is that on its own chip, when another has the same label", async () => {
    await chip(512, "pinctrl-bcm2711", 58, ["gpiochip3"]);
    await chip(600, "pinctrl-bcm2711", 58, ["gpiochip0"]);
    expect(await number("tie-1-loop")).toBe(617);
    expect(await number("a-rather-long-line-name")).toBe(604);
  });

  it("is found when a device has several chips, and when a chip has no device", async () => {
    await chip(512, "mcp23017", 16, ["gpiochip0", "gpiochip1"]);
    await chip(600, "pinctrl-bcm2711", 58, ["gpiochip0", "gpiochip1"]);
    expect(await number("tie-1-loop")).toBe(617);
    await rm(join(root, "gpiochip600", "device"), { recursive: true });
    await mkdir(join(root, "devices", "gpiochip0"), { recursive: true });
    await symlink(join(root, "devices", "gpiochip0"), join(root, "gpiochip600", "device"));
    expect(await number("tie-1-loop")).toBe(617);
  });

  it("is not guessed when chips cannot be told apart, or the chip is not shown", async () => {
    await expect(number("tie-1-loop")).rejects.toThrow(/does not show its chip, gpiochip0/);
    await chip(512, "pinctrl-bcm2711", 58, ["gpiochip0", "gpiochip1"]);
    await chip(600, "pinctrl-bcm2711", 58, ["gpiochip0", "gpiochip1"]);
    await expect(number("tie-1-loop")).rejects.toThrow(/can't be told from 1 more/);
  });

  it.each([
    ["tie-9-loop", /^tie-9-loop: no GPIO line is called that: is the overlay loaded/],
    ["twice", /not unique \(gpiochip0 5, gpiochip1 5\): use CHIP-LABEL:OFFSET/],
  ])("refuses %s in words that help", async (name, words) => {
    await expect(number(name)).rejects.toMatchObject({
      code: "contact-unavailable",
      message: expect.stringMatching(words),
    });
  });

  it("says what to install where there is no gpioinfo", async () => {
    const tools = { ...fake.tools, gpioinfo: join(root, "gpioinfo") };
    await expect(gpioNumber("tie-1-loop", root, tools)).rejects.toThrow(/there is no .*install libgpiod 2/);
  });
});
