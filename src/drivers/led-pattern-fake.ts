import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { VirtualClock } from "../base/virtual-clock.ts";
import { writeAttribute } from "./led-pattern.ts";
import { PatternTrigger } from "./led-pattern-kernel.ts";

/** For tests: directories like those under /sys/class/leds, with the modelled kernel behind their attributes. */
export class FakeLeds {
  readonly root: string;
  readonly #clock: VirtualClock;
  readonly #leds = new Map<string, PatternTrigger>();
  /** Every write, as `LED/ATTRIBUTE TEXT`. */
  readonly writes: string[] = [];
  /** Called before every write: a process may be held up there for as long as the scheduler likes. */
  beforeWrite: () => void = () => undefined;

  constructor(root: string, clock: VirtualClock) {
    this.root = root;
    this.#clock = clock;
  }

  add(name: string, lateMs?: () => number, trigger = "[none] timer pattern"): PatternTrigger {
    const directory = join(this.root, name);
    const brightness = join(directory, "brightness");
    const led = new PatternTrigger(this.#clock, lateMs, () => {
      if (this.#leds.get(name) === led) writeFileSync(brightness, `${led.brightness}\n`);
    });
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "trigger"), `${trigger}\n`);
    writeFileSync(brightness, "0\n");
    for (const attribute of ["hr_pattern", "repeat"]) writeFileSync(join(directory, attribute), "");
    if (trigger.includes("[pattern]")) led.write("trigger", "pattern");
    this.#leds.set(name, led);
    return led;
  }

  remove(name: string): void {
    this.#leds.delete(name);
    rmSync(join(this.root, name), { recursive: true });
  }

  /** To be given to the driver: writes the file, as the driver does by itself, and lets the kernel see it. */
  readonly write = (path: string, text: string): void => {
    this.beforeWrite();
    writeAttribute(path, text);
    const name = basename(dirname(path));
    this.writes.push(`${name}/${basename(path)} ${text.trim()}`);
    this.#leds.get(name)?.write(basename(path), text);
  };

  advance(ms: number): void {
    this.#clock.advance(ms);
  }
}
