import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GENERATED_DIRECTORY, generateAll } from "../config/generate.ts";

// Run by `npm run generate`, which starts it at the top of the repository.
mkdirSync(GENERATED_DIRECTORY, { recursive: true });
for (const [name, text] of generateAll()) {
  const path = join(GENERATED_DIRECTORY, name);
  writeFileSync(path, text);
  process.stdout.write(`${path}\n`);
}
