import type { TopicSpec } from "./topics.ts";

/** As much of JSON Schema (draft 2020-12) as the payloads' schemas have. */
export interface FieldSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly items?: FieldSchema;
  readonly additionalProperties?: FieldSchema | boolean;
  readonly anyOf?: readonly FieldSchema[];
}

const HEAD = `# Topics

Generated from the schemas (\`npm run generate\`); JSON Schemas of the payloads are in \`topics.schema.json\`. Topics are
below \`BASE/SITE/\`: \`status.topic\`, by default \`paxgate\`, and \`site.id\`. Payloads are JSON but for \`availability\`.
Times are Unix time in ms. What is not known is null, never left out. An empty payload deletes a retained topic.
`;

/** Quality of service, MQTT 3.1.1 section 4.3: what is retained arrives; an event that is lost is lost. */
function serviceOf({ kind, retained }: TopicSpec): string {
  if (kind === "event") return "0";
  return retained || kind === "response" ? "1" : "any";
}

/** The page of topics: a table of them all, and one of the fields of each. `schemas` are in the order of `topics`. */
export function renderTopics(topics: readonly TopicSpec[], schemas: readonly FieldSchema[]): string {
  const rows = topics.map((topic) =>
    row([`\`${topic.pattern}\``, topic.kind, topic.retained ? "yes" : "no", serviceOf(topic), topic.description]),
  );
  const table = ["| topic | kind | retained | QoS | meaning |", "|---|---|---|---|---|", ...rows, ""].join("\n");
  const pages = topics.map((topic, at) => renderTopic(topic, schemas[at] ?? {}));
  return [HEAD, table, ...pages].join("\n");
}

function renderTopic({ pattern, description }: TopicSpec, schema: FieldSchema): string {
  const head = `## ${pattern}\n\n${description}\n`;
  const rows = fieldsOf(schema, "");
  if (rows.length === 0) return `${head}\nPayload: ${typeOf(schema)}.\n`;
  return [head, "| field | type | meaning |", "|---|---|---|", ...rows, ""].join("\n");
}

/** A row for each field, at any depth; `[]` stands for an entry of a list, `*` for any name. */
function fieldsOf(schema: FieldSchema, path: string): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, field]) => {
    const at = path === "" ? key : `${path}.${key}`;
    return [row([`\`${at}\``, typeOf(field), field.description ?? meaningOf(field)]), ...fieldsOf(field, at)];
  });
  const items = schema.items === undefined ? [] : fieldsOf(schema.items, `${path}[]`);
  const alternatives = (schema.anyOf ?? []).flatMap((one) => fieldsOf(one, path));
  return [...own, ...items, ...alternatives];
}

/** A field that may be null is described within. */
function meaningOf({ anyOf = [] }: FieldSchema): string {
  return anyOf.find(({ description }) => description !== undefined)?.description ?? "";
}

function typeOf(schema: FieldSchema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(code).join(", ");
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
  const types = [schema.type ?? "anything"].flat();
  return types.join(" or ");
}

function code(value: unknown): string {
  return `\`${String(value)}\``;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
