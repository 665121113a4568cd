import { renderExample } from "./generate-example.ts";
import { renderSettings } from "./generate-settings.ts";
import { jsonSchema } from "./settings.ts";

/** Where the generated documents stand, from the top of the repository. */
export const GENERATED_DIRECTORY = "src/config/generated";

/** Every document that is generated from the schema, by file name. */
export function generateAll(): Map<string, string> {
  return new Map([
    ["paxgate.schema.json", `${formatJson(jsonSchema(), "")}\n`],
    ["paxgate.example.yaml", renderExample()],
    ["settings.md", renderSettings()],
  ]);
}

/** Widest line of JSON, characters: what the formatter of this repository keeps to. */
const WIDTH = 120;

/** JSON as the repository's formatter would write it: lists of plain values on one line where they fit. */
export function formatJson(value: unknown, indent: string, lead = 0): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  if (!Array.isArray(value)) {
    const entries = Object.entries(value).map(([key, one]) => {
      const name = `${JSON.stringify(key)}: `;
      return `${inner}${name}${formatJson(one, inner, name.length)}`;
    });
    return entries.length === 0 ? "{}" : `{\n${entries.join(",\n")}\n${indent}}`;
  }
  const line = lineOf(value);
  // One column is kept for a comma that may follow.
  if (line !== null && indent.length + lead + line.length < WIDTH) return line;
  return `[\n${value.map((one) => `${inner}${formatJson(one, inner)}`).join(",\n")}\n${indent}]`;
}

/** A list of plain values, or of one such list, on one line; null for any other. */
function lineOf(list: readonly unknown[]): string | null {
  const [first] = list;
  if (list.length === 1 && Array.isArray(first)) {
    const inner = lineOf(first);
    return inner === null ? null : `[${inner}]`;
  }
  if (list.some((one) => typeof one === "object" && one !== null)) return null;
  return `[${list.map((one) => JSON.stringify(one)).join(", ")}]`;
}
