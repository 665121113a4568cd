import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { within } from "../../../src/base/lifecycle.ts";
import { SerialConsole } from "./console.ts";
import { GpioPins } from "./gpio.ts";
import { Qmp } from "./qmp.ts";

/** What a machine is made of. Paths of files that stay there while it runs. */
export interface MachineParts {
  readonly kernel: string;
  readonly initrd: string;
  readonly cmdline: string;
  readonly deviceTree: string;
  /** Socket of a `Card`. */
  readonly card: string;
  /** Words that run a program in the network that the machine is plugged into, and its tap device there. */
  readonly inside: readonly string[];
  readonly tap: string | null;
  readonly memoryMb: number;
  /** Its clock at power-on: `utc`, or a date, as QEMU's `-rtc base=`. */
  readonly clock: string;
  /** For its sockets, and the console's log. */
  readonly directory: string;
  readonly name: string;
  /** Levels that the inputs of the GPIO controller have from the first moment; the others are low. */
  readonly highPins: readonly number[];
}

/** The emulated board, as near to a Pi as what QEMU can take up from outside: interrupt controller, cores, GPIO. */
export const BOARD = ["-M", "virt,gic-version=2", "-cpu", "cortex-a72", "-smp", "2"] as const;
/** Of the machine's Ethernet port: the network's DHCP server knows it. */
export const MAC = "52:54:00:70:61:78";

const START_LIMIT_MS = 20_000;

/** One run of the emulated machine, from power-on to its end: a reset ends it too, as the firmware has its turn then. */
export class Machine {
  readonly console: SerialConsole;
  readonly qmp: Qmp;
  readonly pins: GpioPins;
  /** Resolves when it has ended, by itself or not. */
  readonly ended: Promise<void>;
  readonly startedMs: number;
  readonly #child: ChildProcess;
  #over = false;

  private constructor(child: ChildProcess, ended: Promise<void>, serial: SerialConsole, qmp: Qmp, pins: GpioPins) {
    this.#child = child;
    this.console = serial;
    this.qmp = qmp;
    this.pins = pins;
    this.startedMs = performance.now();
    this.ended = ended.then(() => {
      this.#over = true;
      qmp.close();
      pins.close();
    });
  }

  /** Powers it on. Throws with QEMU's words when it does not run. */
  static async start(parts: MachineParts): Promise<Machine> {
    const socket = (kind: string) => join(parts.directory, `${parts.name}.${kind}`);
    const [program = "", ...args] = [...parts.inside, "qemu-system-aarch64", ...argumentsOf(parts, socket)];
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    const words: string[] = [];
    child.stderr?.setEncoding("utf8").on("data", (text: string) => words.push(text));
    const ended = new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", (error) => {
        words.push(String(error));
        resolve();
      });
    });
    const log = new SerialConsole(child.stdout, socket("console.log"));
    const failed = ended.then(() => {
      throw new Error(`QEMU does not run: ${words.join("")}\n${log.tail(5)}`);
    });
    failed.catch(() => undefined);
    const open = async () => {
      const qmp = await Qmp.open(socket("qmp"));
      const pins = await GpioPins.open(socket("qtest"), qmp);
      for (const pin of parts.highPins) await pins.put(pin, true);
      const machine = new Machine(child, ended, log, qmp, pins);
      await qmp.execute("cont");
      return machine;
    };
    try {
      return await within(START_LIMIT_MS, Promise.race([open(), failed]), "QEMU did not start");
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  /** Pulls the plug. */
  async kill(): Promise<void> {
    if (!this.#over && this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, "exit");
      this.#child.kill("SIGKILL");
      await gone;
    }
    await this.ended;
  }

  /** Plugs the network cable in or out. */
  async setCable(plugged: boolean): Promise<void> {
    await this.qmp.execute("set_link", { name: "ethernet", up: plugged });
  }

  /** The promise's outcome; rejects with the console's end when it takes too long or the machine ends meanwhile. */
  async expect<T>(what: string, limitMs: number, promise: Promise<T>): Promise<T> {
    const over = this.ended.then(() => {
      throw new Error("the machine has ended");
    });
    over.catch(() => undefined);
    try {
      return await within(limitMs, Promise.race([promise, over]), `${what}: not`);
    } catch (cause) {
      throw new Error(`${what}: ${String(cause)}\n${this.console.tail()}`, { cause });
    }
  }
}

function argumentsOf(parts: MachineParts, socket: (kind: string) => string): readonly string[] {
  const network =
    parts.tap === null
      ? ["-nic", "none"]
      : ["-netdev", `tap,id=net,ifname=${parts.tap},script=no,downscript=no`].concat(
          "-device",
          `virtio-net-pci,id=ethernet,netdev=net,mac=${MAC},romfile=`,
        );
  return [
    ...BOARD,
    ...["-m", String(parts.memoryMb), "-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot", "-S"],
    ...["-accel", "tcg,thread=multi", "-qtest", `unix:${socket("qtest")},server=on,wait=off`],
    ...["-qtest-log", "none", "-qmp", `unix:${socket("qmp")},server=on,wait=off`, "-serial", "stdio"],
    ...["-rtc", `base=${parts.clock}`, "-object", "rng-random,id=rng,filename=/dev/urandom"],
    ...["-device", "virtio-rng-pci,rng=rng"],
    ...["-blockdev", `driver=nbd,node-name=card,export=card,server.type=unix,server.path=${parts.card}`],
    ...["-device", "virtio-blk-pci,drive=card", ...network],
    ...["-kernel", parts.kernel, "-initrd", parts.initrd, "-append", parts.cmdline, "-dtb", parts.deviceTree],
  ];
}
