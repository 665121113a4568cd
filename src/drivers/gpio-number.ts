import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { GatewayError } from "../base/errors.ts";

/** Where the kernel has its older user interface to GPIO, which onoff uses. */
export const GPIO_SYSFS = "/sys/class/gpio";

/**
 * The kernel's global number of a GPIO line given as `CHIP-LABEL:OFFSET`: the chip's base and the offset. The base is
 * looked up each time, for it is whatever the kernel had free (512 and up on recent ones) and may change with a boot.
 *
 * @throws GatewayError `contact-unavailable`: with what is missing and how to get it
 */
export async function gpioNumber(place: string, root = GPIO_SYSFS): Promise<number> {
  const [, label, offsetText] = /^(.+):(\d{1,5})$/.exec(place) ?? [];
  if (label === undefined) throw unavailable(`${place}: a GPIO line is given as CHIP-LABEL:OFFSET`);
  const offset = Number(offsetText);
  const chips = await chipsAt(root);
  const found = chips.filter((chip) => chip.label === label);
  const [chip] = found;
  if (chip === undefined) {
    const there = [...new Set(chips.map((one) => one.label))].join(", ");
    throw unavailable(`${place}: there is no GPIO chip ${label}; there are: ${there === "" ? "none" : there}`);
  }
  if (found.length > 1) throw unavailable(`${place}: ${found.length} GPIO chips are called ${label}`);
  if (offset >= chip.lines) throw unavailable(`${place}: ${label} has lines 0 to ${chip.lines - 1}`);
  return chip.base + offset;
}

interface Chip {
  readonly label: string;
  readonly base: number;
  readonly lines: number;
}

async function chipsAt(root: string): Promise<Chip[]> {
  let names: string[];
  try {
    names = await readdir(root);
  } catch (cause) {
    throw unavailable(`this kernel has no ${root} (CONFIG_GPIO_SYSFS), which GPIO inputs need`, cause);
  }
  const chips = names.filter((name) => /^gpiochip\d+$/.test(name)).sort();
  // Chips that go while we look are none.
  const read = await Promise.all(chips.map((name) => chipAt(join(root, name)).catch(() => null)));
  return read.filter((chip) => chip !== null);
}

async function chipAt(directory: string): Promise<Chip> {
  const [label = "", base, lines] = await Promise.all(
    ["label", "base", "ngpio"].map(async (name) => (await readFile(join(directory, name), "utf8")).trim()),
  );
  return { label, base: Number(base), lines: Number(lines) };
}

const unavailable = (message: string, cause?: unknown) => new GatewayError("contact-unavailable", message, { cause });
