import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Edge, Options, ValueCallback } from "onoff";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type GpioConstructor, OnoffContact, type OnoffContactOptions } from "./onoff-contact.ts";

/** The kernel's files of one chip with one exported line, number 517; the class does with them what onoff 6 does. */
let root: string;
let fake: FakeGpio | null;
const line = () => join(root, "gpio517");

class FakeGpio {
  readonly options: Options;
  readonly edges: Edge | undefined;
  listener: ValueCallback | null = null;
  unexported = false;
  constructor(_number: number, direction: string, edge?: Edge, options: Options = {}) {
    this.options = options;
    this.edges = edge;
    this.#put("direction", direction);
    this.#put("edge", edge ?? "none");
    this.#put("active_low", options.activeLow === true ? "1" : "0");
    fake = this;
  }
  /** onoff swallows what a line that was exported already refuses. */
  #put(name: string, text: string) {
    if (readFileSync(join(line(), name), "utf8") !== "fixed") writeFileSync(join(line(), name), text);
  }
  readSync() {
    const high = readFileSync(join(line(), "value"), "utf8")[0] === "1";
    return high !== this.activeLow() ? 1 : 0;
  }
  watch(listener: ValueCallback) {
    this.listener = listener;
  }
  unwatchAll() {
    this.listener = null;
  }
  direction = () => readFileSync(join(line(), "direction"), "utf8");
  edge = () => readFileSync(join(line(), "edge"), "utf8");
  activeLow = () => readFileSync(join(line(), "active_low"), "utf8") === "1";
  unexport() {
    this.unwatchAll();
    this.unexported = true;
  }
  /** What epoll's callback does: reads without catching, then tells. */
  interrupt() {
    const value = this.readSync() as 0 | 1;
    this.listener?.(null, value);
  }
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "onoff-"));
  fake = null;
  const chip = join(root, "gpiochip512");
  for (const directory of [chip, line()]) mkdirSync(directory);
  for (const [name, text] of Object.entries({ base: "512", label: "pinctrl", ngpio: "54" })) {
    writeFileSync(join(chip, name), `${text}\n`);
  }
  for (const [name, text] of Object.entries({ value: "1\n", direction: "in", edge: "none", active_low: "0" })) {
    writeFileSync(join(line(), name), text);
  }
});
afterEach(() => rmSync(root, { recursive: true }));

function contact(more: Partial<OnoffContactOptions> = {}) {
  const load = async () => FakeGpio as unknown as GpioConstructor;
  const made = new OnoffContact({ gpio: "pinctrl:5", activeLow: true, root, load, ...more });
  const told: unknown[] = [];
  made.onChange((active) => told.push(active));
  made.onLost((error) => told.push(error.message));
  return { contact: made, told };
}
const put = (level: 0 | 1) => {
  writeFileSync(join(line(), "value"), `${level}\n`);
  fake?.interrupt();
};

describe("a contact at a GPIO line", () => {
  it("is opened as an input with both edges, inverted by the kernel, and not debounced twice", async () => {
    const { contact: pressed } = contact();
    await pressed.open();
    expect(fake?.options).toEqual({ debounceTimeout: 0, activeLow: true });
    expect(fake?.edges).toBe("both");
    expect(await pressed.active()).toBe(false);
    await pressed.close();
    expect(fake?.unexported).toBe(true);
    await expect(pressed.active()).rejects.toMatchObject({ code: "contact-unavailable" });
  });

  it("tells changes, once each, however often the kernel interrupts", async () => {
    const { contact: pressed, told } = contact();
    await pressed.open();
    put(0);
    put(0);
    put(1);
    expect(told).toEqual([true, false]);
    expect(await pressed.active()).toBe(false);
  });

  it("is lost, and ends nothing, when its chip goes while it is read; and can be opened again", async () => {
    const { contact: pressed, told } = contact();
    await pressed.open();
    rmSync(join(line(), "value"));
    expect(() => fake?.interrupt()).not.toThrow();
    await Promise.resolve();
    expect(told).toEqual([expect.stringMatching(/^pinctrl:5: the contact is lost/)]);
    writeFileSync(join(line(), "value"), "0\n");
    await pressed.open();
    expect(await pressed.active()).toBe(true);
  });

  it("reads nothing and tells nothing any more once it is closed", async () => {
    const { contact: pressed, told } = contact();
    await pressed.open();
    const late = fake;
    await pressed.close();
    rmSync(join(line(), "value"));
    expect(() => late?.interrupt()).not.toThrow();
    expect(told).toEqual([]);
  });

  it("refuses a line that does not take its settings", async () => {
    writeFileSync(join(line(), "direction"), "fixed");
    await expect(contact().contact.open()).rejects.toThrow(/does not take its settings/);
    expect(fake?.unexported).toBe(true);
  });

  it("asks for a line that is not exported, and waits until it is there", async () => {
    rmSync(line(), { recursive: true });
    const { contact: pressed } = contact();
    const opened = pressed.open();
    while (!existsSync(join(root, "export"))) await new Promise(setImmediate);
    expect(readFileSync(join(root, "export"), "utf8")).toBe("517");
    mkdirSync(line());
    for (const name of ["value", "direction", "edge", "active_low"]) writeFileSync(join(line(), name), "0");
    await opened;
    expect(await pressed.active()).toBe(true);
  });

  it("says that a line without interrupts can't be watched", async () => {
    rmSync(join(line(), "edge"));
    let now = 0;
    const at = (atMs: number, fire: () => void) => {
      now = atMs;
      fire();
      return () => undefined;
    };
    const clock = { now: () => now, at };
    await expect(contact({ clock }).contact.open()).rejects.toThrow(/no interrupts/);
  });

  it("says what is missing when onoff cannot be loaded", async () => {
    const load = () => Promise.reject(new Error("no epoll.node"));
    await expect(contact({ load }).contact.open()).rejects.toThrow(/install-modules compiles it/);
  });

  it("lets go of a line that was closed while it was opened", async () => {
    const { contact: pressed } = contact();
    const opened = pressed.open();
    await pressed.close();
    await expect(opened).rejects.toThrow(/closed while it was opened/);
  });
});
