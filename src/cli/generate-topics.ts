import { z } from "zod";
import { formatJson } from "../config/generate.ts";
import { type FieldSchema, renderTopics } from "../status/topic-table.ts";
import { topics } from "../status/topics.ts";

/** Where the documents of the topics stand, from the top of the repository. */
export const TOPICS_DIRECTORY = "src/status/generated";

/** Every document that is generated from the table of topics, by file name. */
export function generateTopics(): Map<string, string> {
  const schemas = topics.map(({ schema }) => {
    const { $schema: _, ...rest } = z.toJSONSchema(schema);
    return rest;
  });
  const document = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Payloads of the topics below BASE/SITE/",
    $defs: Object.fromEntries(topics.map(({ pattern, description }, at) => [pattern, { description, ...schemas[at] }])),
  };
  return new Map([
    ["topics.md", renderTopics(topics, schemas as readonly FieldSchema[])],
    ["topics.schema.json", `${formatJson(document, "")}\n`],
  ]);
}
