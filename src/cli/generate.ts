import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GENERATED_DIRECTORY, generateAll } from "../config/generate.ts";
import { generateTopics, TOPICS_DIRECTORY } from "./generate-topics.ts";

// Run by `npm run generate`, which starts it at the top of the repository.
for (const [directory, documents] of [
  [GENERATED_DIRECTORY, generateAll()],
  [TOPICS_DIRECTORY, generateTopics()],
] as const) {
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of documents) {
    const path = join(directory, name);
    writeFileSync(path, text);
    process.stdout.write(`${path}\n`);
  }
}
