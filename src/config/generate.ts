import { renderExample } from "./generate-example.ts";
import { renderSettings } from "./generate-settings.ts";
import { jsonSchema } from "./settings.ts";

/** Where the generated documents stand, from the top of the repository. */
export const GENERATED_DIRECTORY = "src/config/generated";

/** Every document that is generated from the schema, by file name. */
export function generateAll(): Map<string, string> {
  return new Map([
    ["paxgate.schema.json", `${JSON.stringify(jsonSchema(), null, 2)}\n`],
    ["paxgate.example.yaml", renderExample()],
    ["settings.md", renderSettings()],
  ]);
}
