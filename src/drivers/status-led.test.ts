import { existsSync, mkdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Log, silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import type { LedPattern } from "../credentials/types.ts";
import { writeAttribute } from "./led-pattern.ts";
import { StatusLed } from "./status-led.ts";

/** The kernel's LED class, as far as it matters: a trigger's attributes come and go with it; 0 takes the trigger off. */
let root: string;
let triggers: readonly string[];
let writes: string[];
const at = (name: string) => join(root, "status", name);
const attributes: Readonly<Record<string, readonly string[]>> = {
  pattern: ["pattern", "hr_pattern", "repeat"],
  timer: ["delay_on", "delay_off"],
};

function select(trigger: string): void {
  for (const name of Object.values(attributes).flat()) if (existsSync(at(name))) unlinkSync(at(name));
  for (const name of attributes[trigger] ?? []) writeFileSync(at(name), "");
  writeFileSync(at("trigger"), triggers.map((name) => (name === trigger ? `[${name}]` : name)).join(" "));
}

function write(path: string, text: string): void {
  const name = basename(path);
  writes.push(`${name}=${text.trim()}`);
  if (name === "trigger") {
    if (!triggers.includes(text.trim())) throw new Error("EINVAL");
    return select(text.trim());
  }
  writeAttribute(path, text);
  if (name === "brightness" && text.trim() === "0") select("none");
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "led-"));
  mkdirSync(join(root, "status"));
  writeFileSync(at("max_brightness"), "255\n");
  writeFileSync(at("brightness"), "0\n");
  triggers = ["none", "timer", "pattern"];
  writes = [];
  select("none");
});
afterEach(() => rmSync(root, { recursive: true }));

const led = (log: Log = silentLog) => new StatusLed({ name: "status", root, write, log });
const text = (name: string) => readFileSync(at(name), "utf8").trim();

describe("the status LED", () => {
  it("is switched on and off without any trigger, also after it blinked", async () => {
    const one = led();
    await one.show("identify");
    await one.show("on");
    expect([text("trigger"), text("brightness")]).toEqual(["[none] timer pattern", "255"]);
    await one.show("off");
    expect([text("trigger"), text("brightness")]).toEqual(["[none] timer pattern", "0"]);
  });

  it("has the kernel blink in steps, for ever, each pattern unlike the others", async () => {
    const one = led();
    await one.show("identify");
    expect([text("pattern"), text("repeat")]).toEqual(["255 100 255 0 0 100 0 0", "-1"]);
    const patterns: LedPattern[] = ["identify", "armed-reset", "armed-factory", "busy", "fault"];
    const seen = new Set<string>();
    for (const pattern of patterns) {
      await one.show(pattern);
      seen.add(text("pattern"));
    }
    expect(seen.size).toBe(patterns.length);
    expect(writes.filter((each) => each.startsWith("trigger"))).toHaveLength(1);
  });

  it("makes do with the timer trigger, and with none", async () => {
    triggers = ["none", "timer"];
    select("none");
    await led().show("armed-reset");
    expect([text("delay_on"), text("delay_off")]).toEqual(["500", "500"]);
    triggers = ["none"];
    select("none");
    await led().show("armed-reset");
    expect(text("brightness")).toBe("255");
  });

  it("shows the latest of several that were asked for at once", async () => {
    const one = led();
    await Promise.all([one.show("identify"), one.show("busy"), one.show("armed-factory")]);
    expect(text("pattern")).toBe("255 100 255 0 0 100 0 0 255 100 255 0 0 700 0 0");
  });

  it("says once that it does not work, fails nothing, and works when it is there again", async () => {
    const said: string[] = [];
    const one = led({ ...silentLog, warn: (_, fields) => said.push(String(fields?.["error"])) });
    rmSync(at("trigger"));
    await one.show("on");
    await one.show("identify");
    expect(said).toEqual([expect.stringMatching(/trigger cannot be read: is there such an LED\?/)]);
    select("none");
    await one.show("on");
    expect(text("brightness")).toBe("255");
    one.close();
  });

  it("shows what it could not as soon as there is an LED, or it may write to it, until it is closed", async () => {
    const clock = new VirtualClock();
    let mayWrite = false;
    const guarded = (path: string, written: string) => {
      if (!mayWrite) throw new Error("EACCES");
      write(path, written);
    };
    const one = new StatusLed({ name: "status", root, write: guarded, clock });
    rmSync(at("trigger"));
    await one.show("fault");
    select("none");
    clock.advance(2_000);
    await one.show("fault");
    expect(text("trigger")).toBe("[none] timer pattern");
    mayWrite = true;
    clock.advance(1_999);
    expect(writes).toEqual([]);
    clock.advance(1);
    await expect.poll(() => clock.pending).toBe(0);
    expect([text("trigger"), text("repeat")]).toEqual(["none timer [pattern]", "-1"]);
    mayWrite = false;
    await one.show("on");
    expect(clock.pending).toBe(1);
    one.close();
    await one.show("off");
    expect(clock.pending).toBe(0);
  });
});
