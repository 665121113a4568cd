import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { topics } from "../status/topics.ts";
import { generateTopics, TOPICS_DIRECTORY } from "./generate-topics.ts";

const root = join(import.meta.dirname, "../..");
const page = generateTopics().get("topics.md") ?? "";

describe("the documents of the topics", () => {
  it.each([...generateTopics()])("%s is as the schemas say", (name, text) => {
    expect(readFileSync(join(root, TOPICS_DIRECTORY, name), "utf8"), "run: npm run generate").toBe(text);
  });

  it("name every topic", () => {
    const { $defs } = JSON.parse(generateTopics().get("topics.schema.json") ?? "");
    for (const { pattern } of topics) {
      expect(page).toContain(`| \`${pattern}\` |`);
      expect(page).toContain(`\n## ${pattern}\n`);
      expect($defs[pattern].description).not.toBe("");
    }
  });

  it("explain the fields of every state, also those below lists and those that may be null", () => {
    expect(page).toContain("| `callsToday.fromPax` | integer | Calls from the PAX today. |");
    expect(page).toContain("| `bans.latest[].untilMs` | integer or null | When it ends. |");
    expect(page).toContain("| `disk.wearPercent` | number or null |");
    expect(page).not.toMatch(/undefined|\[object/);
  });
});
