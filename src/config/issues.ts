import type { z } from "zod";
import type { YamlDocument } from "./document.ts";
import { isSecretKey } from "./excerpt.ts";
import type { ConfigFault, Path } from "./faults.ts";
import { nearest } from "./nearest.ts";
import { findSetting } from "./settings.ts";

type Issue = z.core.$ZodIssue;

/** What the schema found wrong, in the words and with the places of the file. */
export function schemaFaults(yaml: YamlDocument, issues: readonly Issue[]): ConfigFault[] {
  return issues.flatMap((issue) => issueFaults(yaml, issue, []));
}

function issueFaults(yaml: YamlDocument, issue: Issue, above: Path): ConfigFault[] {
  const path: Path = [...above, ...issue.path.filter((step) => typeof step !== "symbol")];
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(yaml, [...path, key]));
  const value = valueAt(yaml.value, path);
  if (issue.code === "invalid_union") {
    // The kind of value tells which alternative was meant: its own faults say more than "none of them fits".
    const meant = issue.errors.find((errors) => errors.length > 0 && errors.every((error) => isInside(error)));
    const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
    if (isMap && meant !== undefined) return meant.flatMap((inner) => issueFaults(yaml, inner, path));
  }
  return [wrongValue(yaml, path, value, wantsText(issue))];
}

function unknownKey(yaml: YamlDocument, path: Path): ConfigFault {
  const above = path.at(-2);
  if (typeof above === "string" && isSecretKey(above)) {
    // The "key" may be a secret that YAML misread, so not even the path may show it.
    const message = "holds an unknown key; if it is the secret itself, write it in quotes";
    return yaml.fault("value", path.slice(0, -1), { code: "unknown-key", message, allowed: "file" });
  }
  const known = findSetting(path.slice(0, -1))?.children.map(({ key }) => key) ?? [];
  const near = nearest(String(path.at(-1)), known);
  return yaml.fault("key", path, {
    code: "unknown-key",
    message: "unknown key",
    allowed: known.join(", "),
    ...(near === undefined ? {} : { nearest: near }),
  });
}

function wrongValue(yaml: YamlDocument, path: Path, value: unknown, wantsText: boolean): ConfigFault {
  const setting = findSetting(path);
  const allowed = setting === undefined || setting.allowed === "" ? {} : { allowed: setting.allowed };
  if (value === undefined) return yaml.fault("value", path, { code: "missing", message: "is missing", ...allowed });
  if (value === null) {
    const message = "has no value: write one, or take the key out";
    return yaml.fault("value", path, { code: "missing", message, ...allowed });
  }
  if (wantsText && (typeof value === "number" || typeof value === "boolean")) {
    const kind = typeof value === "number" ? "a number" : "true or false";
    const secret = path.some((step) => typeof step === "string" && isSecretKey(step));
    const written = secret ? "" : `: "${yaml.writtenAs(path) ?? String(value)}"`;
    const message = `YAML takes this for ${kind}, but it is text; write it in quotes${written}`;
    return yaml.fault("value", path, { code: "type", message, ...allowed });
  }
  if (typeof value === "string" && /^a (?:whole )?number|^true or false/.test(setting?.allowed ?? "")) {
    const plain = /^(?:-?[0-9]+(?:\.[0-9]+)?|true|false)$/.test(value) ? "; write it without quotes" : "";
    return yaml.fault("value", path, { code: "type", message: `is text${plain}`, ...allowed });
  }
  const shape = shapeFault(setting?.kind, value);
  if (shape !== null) return yaml.fault("value", path, { code: "type", message: shape, ...allowed });
  const words = /^one of (.*)$/.exec(setting?.allowed ?? "")?.[1]?.split(", ") ?? [];
  const near = typeof value === "string" ? nearest(value, words) : undefined;
  return yaml.fault("value", path, {
    code: "value",
    message: "is not allowed",
    ...allowed,
    ...(near === undefined ? {} : { nearest: near }),
  });
}

function shapeFault(kind: "group" | "list" | "value" | undefined, value: unknown): string | null {
  const isList = Array.isArray(value);
  const isMap = typeof value === "object" && value !== null && !isList;
  if (kind === "list" && !isList) return "must be a list: entries that begin with a dash";
  if (kind === "group" && !isMap) return "must be a group of keys";
  if (kind === "value" && isList) return "must be one value, not a list";
  return null;
}

function isInside(issue: Issue): boolean {
  return issue.path.length > 0 || issue.code === "unrecognized_keys";
}

function wantsText(issue: Issue): boolean {
  if (issue.code === "invalid_type") return issue.expected === "string";
  return issue.code === "invalid_union" && issue.errors.some((errors) => errors.some((error) => wantsText(error)));
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
