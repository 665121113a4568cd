import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { generateAll } from "./generate.ts";
import { parseConfig } from "./parse.ts";
import { findSetting, type Setting, settings } from "./settings.ts";

const example = generateAll().get("paxgate.example.yaml") ?? "";
const directory = join(import.meta.dirname, "generated");

/** Every setting that has a key, at any depth. */
function allSettings(setting: Setting = settings()): Setting[] {
  const below = setting.item === undefined ? setting.children : [...setting.children, ...setting.item.children];
  return below.flatMap((child) => [child, ...allSettings(child)]);
}

describe("generated documents", () => {
  it.each([...generateAll()])("%s is as the schema says", (name, text) => {
    expect(readFileSync(join(directory, name), "utf8"), "run: npm run generate").toBe(text);
  });

  it("explain every setting: meaning, what is allowed, and when a change applies", () => {
    expect(allSettings().length).toBeGreaterThan(80);
    for (const setting of allSettings()) {
      expect(setting.description, setting.path).not.toBe("");
      expect(setting.allowed, setting.path).not.toMatch(/undefined|^text$/);
      if (setting.kind === "value") expect(setting.apply, setting.path).toBeDefined();
      if (setting.kind === "value" && !setting.required && setting.byDefault === undefined) {
        expect(setting.example, `${setting.path} has neither default nor example`).toBeDefined();
      }
    }
  });

  it("name every setting", () => {
    const page = generateAll().get("settings.md") ?? "";
    for (const { key, path } of allSettings()) {
      expect(example, path).toMatch(new RegExp(`\\b${key}:`));
      expect(page).toContain(path.includes(".") || path.includes("[]") ? `\`${path}\`` : `## ${path}`);
    }
  });

  it("give profile values the unit that their key ends in", () => {
    expect(findSetting(["pax", "overrides", "debounceMs"])).toMatchObject({
      unit: "ms",
      allowed: "a number from 1 to 10",
    });
    expect(findSetting(["lines", 3, "gainToPaxDb"])).toMatchObject({ unit: "dB", byDefault: 0 });
  });
});

describe("the examples", () => {
  it("load without a fault", () => {
    expect(parseConfig(example)).toMatchObject({ ok: true });
    expect(parseConfig(readFileSync(join(import.meta.dirname, "example-emf.yaml"), "utf8"))).toMatchObject({
      ok: true,
    });
  });

  it("have no fault but a rule's when any one setting that is left out is put in", () => {
    const lines = example.split("\n");
    const leftOut = lines.flatMap((line, at) => (/^ *#[a-zA-Z]+: \S/.test(line) ? [at] : []));
    expect(leftOut.length).toBeGreaterThan(30);
    for (const at of leftOut) {
      const put = lines.map((line, place) => {
        const isIt = place === at;
        // A profile's value goes below `overrides`, which is left out with them.
        const isAbove = line === "  #overrides:" && /^ {4}#/.test(lines[at] ?? "") && at < lines.indexOf("lines:");
        return isIt || isAbove ? line.replace("#", "") : line;
      });
      const parsed = parseConfig(put.join("\n"));
      const codes = parsed.ok ? [] : parsed.error.map(({ code }) => code);
      expect(
        codes.filter((code) => code !== "rule"),
        lines[at],
      ).toEqual([]);
    }
  });
});
