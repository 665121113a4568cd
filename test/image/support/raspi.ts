import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { within } from "../../../src/base/lifecycle.ts";
import { SerialConsole } from "./console.ts";
import type { Fat } from "./fat.ts";
import { readBootChoice } from "./firmware.ts";
import { MAC } from "./machine.ts";
import { type Outside, TAP } from "./outside.ts";

/** Name of the Pi 3B's device tree among the kernel's. */
const DEVICE_TREE = "bcm2837-rpi-3-b.dtb";

/**
 * QEMU's own Raspberry Pi 3B, with the image's kernel, initrd, command line and device tree, the card in its SD slot and a
 * network adapter in its USB port. It has no firmware either: overlays are not applied. Its watchdog resets the machine the
 * moment that it is started, as QEMU's has no timer: systemd is told to leave it alone.
 */
export class RaspberryPi {
  readonly console: SerialConsole;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(child: ChildProcess, ended: Promise<void>, serial: SerialConsole) {
    this.#child = child;
    this.#ended = ended;
    this.console = serial;
  }

  static async start(card: string, fat: Fat, outside: Outside): Promise<RaspberryPi> {
    const { prefix, kernel, initrd, cmdlineFile } = await readBootChoice(fat);
    const file = (name: string) => join(outside.directory, `pi-${name}`);
    await fat.copyOut(kernel, file("kernel"));
    await fat.copyOut(initrd, file("initrd"));
    await fat.copyOut(`${prefix}${DEVICE_TREE}`, file("dtb"));
    const cmdline = `${(await fat.read(cmdlineFile)).trim()} systemd.watchdog_sec=0`;
    const [program = "", ...args] = [
      ...outside.inside,
      ...["qemu-system-aarch64", "-M", "raspi3b", "-display", "none", "-monitor", "none", "-no-reboot"],
      ...["-serial", "null", "-serial", "stdio", "-drive", `if=sd,format=raw,file=${card}`],
      ...["-usb", "-device", `usb-net,netdev=net,mac=${MAC}`],
      ...["-netdev", `tap,id=net,ifname=${TAP},script=no,downscript=no`],
      ...["-kernel", file("kernel"), "-initrd", file("initrd"), "-dtb", file("dtb"), "-append", cmdline],
    ];
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(child, "exit").then(() => undefined);
    return new RaspberryPi(child, ended, new SerialConsole(child.stdout, file("console.log")));
  }

  /** Rejects with the console's end when the promise takes too long or the machine ends. */
  async expect<T>(what: string, limitMs: number, promise: Promise<T>): Promise<T> {
    const over = this.#ended.then(() => {
      throw new Error("the machine has ended");
    });
    over.catch(() => undefined);
    return within(limitMs, Promise.race([promise, over]), what).catch((cause: unknown) => {
      throw new Error(`${what}: ${String(cause)}\n${this.console.tail()}`, { cause });
    });
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}
