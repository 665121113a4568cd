import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeTools } from "../drivers/gpio-fake-tools.ts";
import { testParts } from "./line-test-parts.ts";

let fake: FakeTools;
let ledRoot: string;

beforeEach(() => {
  fake = new FakeTools(mkdtempSync(join(tmpdir(), "parts-")));
  ledRoot = mkdtempSync(join(tmpdir(), "leds-"));
});
afterEach(() => fake.close());

function led(name: string, trigger = "none timer [pattern]"): void {
  const directory = join(ledRoot, name);
  mkdirSync(directory);
  for (const [file, text] of Object.entries({ trigger, brightness: "0", hr_pattern: "", repeat: "" })) {
    writeFileSync(join(directory, file), text);
  }
}

const wiring = {
  inputs: { loop: "tie-1-loop", current: "pinctrl-bcm2711:6" },
  outputs: { loop: "tie-1:loop", busy: "tie-1:busy" },
  audio: "paxgate_left",
};
const look = (changes: Partial<typeof wiring> = {}) =>
  testParts({ ...wiring, ...changes }, { tools: fake.tools, ledRoot });

describe("the parts of a line's interface", () => {
  it("are each found good", async () => {
    led("tie-1:loop");
    led("tie-1:busy");
    const findings = await look();
    expect(findings.map(({ step, verdict }) => [step, verdict])).toEqual([
      ["output loop", "ok"],
      ["output busy", "ok"],
      ["gpiomon", "ok"],
      ["input loop", "ok"],
      ["input current", "ok"],
      ["sound", "ok"],
    ]);
  });

  it("that are missing are all told at once, each with what to do", async () => {
    led("tie-1:busy", "[none] timer");
    fake.flag("no-device", true);
    const findings = await look({ inputs: { loop: "tie-9-loop", current: "pinctrl-bcm2711:6" } });
    const failed = findings.filter(({ verdict }) => verdict === "failed");
    expect(failed.map(({ step }) => step)).toEqual(["output loop", "output busy", "input loop", "sound"]);
    expect(failed.map(({ says }) => says)).toEqual([
      expect.stringContaining("is the overlay"),
      expect.stringContaining("modules-load.d"),
      expect.stringContaining("gpioinfo"),
      expect.stringContaining("arecord -l"),
    ]);
  });
});
