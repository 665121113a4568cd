import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  constants,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { type GpioTools, systemTools } from "./gpio-child.ts";

/**
 * For tests: programs that behave like libgpiod's and ALSA's towards the driver. Their input is a named pipe, so that
 * the test decides what they say; they are real processes, to be stopped and killed.
 */
export class FakeTools {
  readonly #directory: string;
  readonly #pipes = new Map<string, number>();
  readonly tools: GpioTools;

  constructor(directory: string, version = "gpiomon (libgpiod) v2.2.1") {
    this.#directory = directory;
    const script = (name: string, body: string): string => {
      const path = this.#path(name);
      writeFileSync(path, `#!/bin/sh\ncd '${directory}' || exit\necho "$$ $*" >> '${name}.calls'\n${body}`);
      chmodSync(path, 0o755);
      writeFileSync(this.#path(`${name}.calls`), "");
      return path;
    };
    this.tools = {
      ...systemTools,
      gpiomon: script(
        "gpiomon",
        `if [ "$1" = --version ]; then echo '${version}'; exit; fi
while [ "$1" != --chip ]; do shift; done; chip=$2
if [ -e busy ]; then echo "gpiomon: unable to request lines on chip $chip: Device or resource busy" >&2; exit 1; fi
shift 2; echo "Monitoring lines '$*'..."
exec cat "$chip.edges"
`,
      ),
      gpioget: script(
        "gpioget",
        `shift 3; for offset in "$@"; do cat "level-$offset" || exit 1; done | tr '\\n' ' '\n`,
      ),
      gpiodetect: script("gpiodetect", "cat chips\n"),
      gpioinfo: script("gpioinfo", `shift; for name in "$@"; do grep -F "\\"$name\\"" lines; done\n`),
      arecord: script(
        "arecord",
        "if [ -e no-device ]; then echo 'arecord: main:831: audio open error' >&2; exit 1; fi\ncase \"$*\" in *--samples=160) head -c 320 /dev/zero; exit;; esac\nexec cat capture\n",
      ),
      aplay: script("aplay", '[ "$1" = --version ] && exit\nexec cat > played\n'),
    };
    writeFileSync(this.#path("chips"), "gpiochip0 [pinctrl-bcm2711] (58 lines)\ngpiochip1 [mcp23017] (16 lines)\n");
    const lines = [
      'gpiochip0 17\t"tie-1-loop"    \tinput',
      'gpiochip0 4\t"a-rather-long-line-name"\tinput',
      'gpiochip0 5\t"twice"         \tinput',
      'gpiochip1 5\t"twice"         \tinput',
    ];
    writeFileSync(this.#path("lines"), `${lines.join("\n")}\n`);
    for (let offset = 0; offset < 32; offset++) this.level(offset, false);
    for (const pipe of ["gpiochip0.edges", "gpiochip1.edges", "capture"]) this.#makePipe(pipe);
  }

  /** What gpioget reads. */
  level(offset: number, active: boolean): void {
    writeFileSync(this.#path(`level-${offset}`), active ? "1\n" : "0\n");
  }

  /** gpiomon's report of an edge. */
  edge(offset: number, active: boolean, atMs: number, chip = "gpiochip0"): void {
    this.level(offset, active);
    const seconds = Math.floor(atMs / 1e3);
    const nanoseconds = String(Math.round((atMs - 1e3 * seconds) * 1e6)).padStart(9, "0");
    this.say(`${offset} ${active ? 1 : 2} ${seconds}.${nanoseconds}\n`, `${chip}.edges`);
  }

  say(text: string | Uint8Array, pipe = "gpiochip0.edges"): void {
    const file = this.#pipes.get(pipe) ?? -1;
    if (typeof text === "string") writeSync(file, text);
    else writeSync(file, text);
  }

  flag(name: "busy" | "no-device", on: boolean): void {
    if (on) appendFileSync(this.#path(name), "");
    else rmSync(this.#path(name), { force: true });
  }

  /** Process ids and arguments of a program's runs so far. */
  calls(program: keyof GpioTools): { pid: number; args: string }[] {
    const text = readFileSync(this.#path(`${program}.calls`), "utf8").trim();
    return text === ""
      ? []
      : text.split("\n").map((line) => ({ pid: Number.parseInt(line, 10), args: line.replace(/^\d+ /, "") }));
  }

  get played(): Uint8Array {
    return readFileSync(this.#path("played"));
  }

  close(): void {
    for (const file of this.#pipes.values()) closeSync(file);
    rmSync(this.#directory, { recursive: true });
  }

  #makePipe(name: string): void {
    execFileSync("mkfifo", [this.#path(name)]);
    // Held open for reading too, so that a program that has died leaves neither an end of file nor a broken pipe.
    this.#pipes.set(name, openSync(this.#path(name), constants.O_RDWR | constants.O_NONBLOCK));
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }
}

/** Whether a process is there and not a zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
