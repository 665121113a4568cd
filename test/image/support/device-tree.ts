import { writeFile } from "node:fs/promises";
import { run } from "./command.ts";
import { BOARD } from "./machine.ts";

/** Path of the GPIO controller in QEMU's own device tree. */
export const CONTROLLER = "/pl061@9030000";

/** Writes the emulated board's own device tree with `additions` (source text after its root node), compiled, to `file`. */
export async function makeDeviceTree(file: string, memoryMb: number, additions: string): Promise<void> {
  const dump = `${file}.virt`;
  // The kernel's arguments are put in by QEMU when it starts; the rest is as dumped.
  const [machine, board, ...rest] = BOARD;
  await run([
    "qemu-system-aarch64",
    machine,
    `${board},dumpdtb=${dump}`,
    ...rest,
    "-m",
    String(memoryMb),
    "-nodefaults",
  ]);
  const source = await run(["dtc", "-q", "-I", "dtb", "-O", "dts", dump]);
  if (!source.includes(`${CONTROLLER.slice(1)} {`)) throw new Error(`QEMU's device tree has no ${CONTROLLER}`);
  // The power key stands on a pin of the same controller, which has eight: ours are worth more.
  await writeFile(`${file}.dts`, `${source}\n/delete-node/ &{/gpio-keys};\n${additions}\n`);
  // Warnings about QEMU's own nodes are not ours to mend; an error ends it all the same.
  await run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", file, `${file}.dts`]);
}
