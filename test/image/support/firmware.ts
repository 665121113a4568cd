import { join } from "node:path";
import type { Fat } from "./fat.ts";

/** What the Pi's firmware would start. */
export interface BootChoice {
  readonly prefix: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly cmdline: string;
}

/**
 * Reads the boot partition as a Pi's firmware does: config.txt, `os_prefix` before the names of kernel,
 * initrd and command line. Conditional sections (`[pi4]`) other than `[all]` are left out: this board is none of them.
 * Syntax: config.txt's chapter in Raspberry Pi's documentation.
 */
export async function readBootChoice(
  fat: Fat,
): Promise<Omit<BootChoice, "cmdline"> & { readonly cmdlineFile: string }> {
  const settings = new Map<string, string>();
  let ours = true;
  for (const line of (await fat.read("config.txt")).split(/[\r\n]+/)) {
    const text = line.replace(/#.*/, "").trim();
    const section = /^\[(.*)\]$/.exec(text)?.[1];
    if (section !== undefined) ours = section === "all";
    if (!ours || section !== undefined || text === "") continue;
    const initramfs = /^initramfs\s+(\S+)/.exec(text)?.[1];
    if (initramfs !== undefined) settings.set("initramfs", initramfs);
    const [key = "", ...value] = text.split("=");
    if (value.length > 0) settings.set(key.trim(), value.join("=").trim());
  }
  const prefix = settings.get("os_prefix") ?? "";
  const of = (key: string, fallback: string) => `${prefix}${settings.get(key) ?? fallback}`;
  return {
    prefix,
    kernel: of("kernel", "kernel8.img"),
    initrd: of("initramfs", "initrd"),
    cmdlineFile: of("cmdline", "cmdline.txt"),
  };
}

/**
 * Does the firmware's part at a power-on or reset: copies kernel and initrd out of the card. `words` are put after the
 * kernel's command line.
 */
export async function chooseBoot(
  fat: Fat,
  directory: string,
  name: string,
  words: readonly string[],
): Promise<BootChoice> {
  const { prefix, kernel, initrd, cmdlineFile } = await readBootChoice(fat);
  const files = { kernel: join(directory, `${name}.kernel`), initrd: join(directory, `${name}.initrd`) };
  await fat.copyOut(kernel, files.kernel);
  await fat.copyOut(initrd, files.initrd);
  const cmdline = (await fat.read(cmdlineFile)).trim();
  return { prefix, ...files, cmdline: onThisBoard(cmdline, words) };
}

/**
 * The board's serial line is called otherwise than a Pi's, and its sound card is the kernel's loop, which nothing
 * announces. The rest of the command line stays as it is.
 */
function onThisBoard(cmdline: string, words: readonly string[]): string {
  const others = cmdline.split(/\s+/).filter((word) => !/^(console=|quiet$)/.test(word));
  return [...others, "console=ttyAMA0,115200", "modules_load=snd-aloop", ...words].join(" ");
}
