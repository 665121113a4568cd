import { z } from "zod";
import { configSchema } from "./schema.ts";

/**
 * The schema as people see it: one entry per key, with what is allowed in words. Messages about faults and all
 * generated documents are made from this, so that they cannot disagree.
 */
export interface Setting {
  readonly key: string;
  /** From the top of the file; `[]` stands for an entry of a list: `lines[].name`. */
  readonly path: string;
  /** `group`: keys below. `list`: entries, each like `item`. `value`: a value, or (with keys below) the keys instead. */
  readonly kind: "group" | "list" | "value";
  readonly description: string;
  readonly allowed: string;
  readonly required: boolean;
  readonly byDefault?: unknown;
  /** What counts when the key is left out, where that is not a fixed value. */
  readonly defaultText?: string;
  readonly apply?: "live" | "restart" | "reboot";
  readonly unit?: string;
  readonly example?: unknown;
  readonly children: readonly Setting[];
  readonly item?: Setting;
}

/** The part of JSON Schema that the configuration's schema comes to. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly minItems?: number;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly examples?: readonly unknown[];
  readonly "x-apply"?: "live" | "restart" | "reboot";
  readonly "x-allowed"?: string;
  readonly "x-default"?: string;
}

/** The schema of what may be written in the file, as JSON Schema (draft 2020-12); our own words begin with `x-`. */
export function jsonSchema(): JsonSchema {
  return z.toJSONSchema(configSchema, {
    io: "input",
    override: ({ jsonSchema: node }) => {
      const { apply, allowed, defaultText, example, ...rest } = node as Record<string, unknown>;
      for (const key of Object.keys(node)) delete node[key];
      Object.assign(node, rest);
      if (apply !== undefined) node["x-apply"] = apply;
      if (allowed !== undefined) node["x-allowed"] = allowed;
      if (defaultText !== undefined) node["x-default"] = defaultText;
      if (example !== undefined) node.examples = [example] as NonNullable<typeof node.examples>;
    },
  }) as JsonSchema;
}

/** Units, by the end of the key. */
const units: readonly (readonly [ending: RegExp, unit: string])[] = [
  [/Ms$/, "ms"],
  [/Db$/, "dB"],
  [/Minutes$/, "minutes"],
  [/Seconds$/, "s"],
  [/Hours$/, "hours"],
  [/^callsPerHour/, "calls per hour"],
  [/^requestsPerHour$/, "requests per hour"],
];

function settingOf(key: string, path: string, node: JsonSchema, required: boolean): Setting {
  const keys = node.properties === undefined ? node.anyOf?.find((one) => one.properties !== undefined) : node;
  const children = Object.entries(keys?.properties ?? {}).map(([name, child]) =>
    settingOf(name, path === "" ? name : `${path}.${name}`, child, keys?.required?.includes(name) ?? false),
  );
  const unit = units.find(([ending]) => ending.test(key))?.[1];
  return {
    key,
    path,
    kind: node.properties !== undefined ? "group" : node.items !== undefined ? "list" : "value",
    description: node.description ?? "",
    allowed: allowedBy(node),
    required,
    children,
    ...(node.default === undefined ? {} : { byDefault: node.default }),
    ...(node["x-default"] === undefined ? {} : { defaultText: node["x-default"] }),
    ...(node["x-apply"] === undefined ? {} : { apply: node["x-apply"] }),
    ...(node.examples?.[0] === undefined ? {} : { example: node.examples[0] }),
    ...(unit === undefined ? {} : { unit }),
    ...(node.items === undefined ? {} : { item: settingOf("", `${path}[]`, node.items, true) }),
  };
}

function allowedBy(node: JsonSchema): string {
  if (node["x-allowed"] !== undefined) return node["x-allowed"];
  if (node.const !== undefined) return String(node.const);
  if (node.enum !== undefined) return `one of ${node.enum.join(", ")}`;
  if (node.anyOf !== undefined) return node.anyOf.map(allowedBy).join(", or ");
  if (node.items !== undefined) {
    const count = `${node.minItems === undefined ? "" : `${node.minItems} or more, `}up to ${node.maxItems ?? "any number"}`;
    return node.items.properties === undefined ? `a list of: ${allowedBy(node.items)}` : `a list (${count})`;
  }
  if (node.properties !== undefined) return `keys: ${Object.keys(node.properties).join(", ")}`;
  if (node.type === "boolean") return "true or false";
  if (node.type === "integer") return `a whole number from ${node.minimum} to ${node.maximum}`;
  if (node.type === "number") return `a number from ${node.minimum} to ${node.maximum}`;
  return "text";
}

let cached: Setting | undefined;

/** The file as a whole: a group without a name. */
export function settings(): Setting {
  cached ??= settingOf("", "", jsonSchema(), true);
  return cached;
}

/** The setting at this place of a file, if there is one. */
export function findSetting(path: readonly (string | number)[]): Setting | undefined {
  let found: Setting | undefined = settings();
  for (const step of path) {
    found = typeof step === "number" ? found?.item : found?.children.find((child) => child.key === step);
  }
  return found;
}
