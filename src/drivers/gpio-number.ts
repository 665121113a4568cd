import { access, readdir, readFile, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { GatewayError } from "../base/errors.ts";
import { type GpioTools, runTool, systemTools } from "./gpio-child.ts";
import { type GpioPlace, parseGpiodetect, parseGpioinfo, parseGpioName } from "./gpio-events.ts";
import { NAME_REMEDY, REMEDY } from "./gpio-places.ts";

/** Where the kernel has its older user interface to GPIO, which onoff uses. */
export const GPIO_SYSFS = "/sys/class/gpio";

/**
 * The kernel's global number of a GPIO line given by its name or as `CHIP-LABEL:OFFSET`: the chip's base and the offset.
 * The base is looked up each time, for it is whatever the kernel had free (512 and up on recent ones) and may change with
 * a boot. A line is found by its name whether or not it is in use.
 *
 * @throws GatewayError `contact-unavailable`: with what is missing and how to get it
 */
export async function gpioNumber(place: string, root = GPIO_SYSFS, tools: GpioTools = systemTools): Promise<number> {
  const name = parseGpioName(place);
  if (name.kind === "name") return numberOfName(name.name, root, tools);
  const { label, offset } = name;
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

async function numberOfName(name: string, root: string, tools: GpioTools): Promise<number> {
  const { chip, offset } = await placeOfName(name, tools);
  const detected = parseGpiodetect((await runTool(tools.gpiodetect, [])).stdout).find((one) => one.chip === chip);
  // Several chips may share a label, or a device: only both together, and the count of lines, tell which one it is.
  const alike = (await chipsAt(root)).filter((one) => one.label === detected?.label && one.lines === detected.lines);
  const ours = await Promise.all(alike.map((one) => isChip(one.directory, chip)));
  const [found, ...others] = alike.filter((_, at) => ours[at]);
  if (found === undefined) throw unavailable(`${name}: ${root} does not show its chip, ${chip}`);
  if (others.length > 0) {
    throw unavailable(`${name}: its chip, ${chip}, can't be told from ${others.length} more in ${root}`);
  }
  return found.base + offset;
}

async function placeOfName(name: string, tools: GpioTools): Promise<GpioPlace> {
  // `--strict`: look at every line, so that a name that occurs twice is seen.
  const answer = await runTool(tools.gpioinfo, ["--strict", name]);
  if (answer.missing) throw unavailable(`${name}: there is no ${tools.gpioinfo}, which finds lines by name: ${REMEDY}`);
  const places = parseGpioinfo(answer.stdout).flatMap((line) => (line.name === name ? [line.place] : []));
  const [place] = places;
  if (place === undefined) {
    const said = answer.stderr === "" ? "" : ` (${answer.stderr})`;
    throw unavailable(`${name}: no GPIO line is called that${said}: ${NAME_REMEDY}`);
  }
  if (places.length > 1) {
    const all = places.map((one) => `${one.chip} ${one.offset}`).join(", ");
    throw unavailable(`${name}: it is not unique (${all}): use CHIP-LABEL:OFFSET`);
  }
  return place;
}

/** Whether a chip of the older interface, which is called after its base, is the `gpiochipN` of the newer one. */
async function isChip(directory: string, chip: string): Promise<boolean> {
  const device = join(directory, "device");
  try {
    // The device that both belong to, or, for a chip without one, the newer interface's chip itself.
    if (basename(await realpath(device)) === chip) return true;
    await access(join(device, chip));
    return true;
  } catch {
    return false;
  }
}

interface Chip {
  readonly directory: string;
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
  return { directory, label, base: Number(base), lines: Number(lines) };
}

const unavailable = (message: string, cause?: unknown) => new GatewayError("contact-unavailable", message, { cause });
