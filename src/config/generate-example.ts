import { stringify } from "yaml";
import { type Setting, settings } from "./settings.ts";

const HEAD = `# Every setting of paxgate.yaml, with its meaning, what is allowed, and its default. Lines that begin with "#" and a
# key are settings that are left out here. This file is generated from the schema: npm run generate.
# Digits (numbers, extensions) are text: write them in quotes.
`;

/** Widest line of a comment, characters. */
const WIDTH = 110;

/** The commented example: every key of the schema; it loads without a fault. */
export function renderExample(): string {
  return `${HEAD}\n${settings()
    .children.map((child) => renderKey(child, "", child.example, true).join("\n"))
    .join("\n\n")}\n`;
}

/**
 * One key with its comment. `given` is its value in the example; without one its default is written; without that it
 * is shown commented out. `live` is false below something that is commented out itself.
 */
function renderKey(setting: Setting, indent: string, given: unknown, live: boolean): string[] {
  const value = given ?? setting.byDefault;
  const on =
    live && (value !== undefined || (setting.kind === "group" && setting.required) || isDefaultedGroup(setting));
  const mark = on || !live ? "" : "#";
  const comment = explain(setting, indent);
  if (
    setting.kind === "group" ||
    (setting.kind === "value" && typeof value === "object" && !Array.isArray(value) && value !== null)
  ) {
    const below = setting.children.flatMap((child) => {
      const inner = (given as Record<string, unknown> | undefined)?.[child.key];
      return renderKey(child, `${indent}  `, inner ?? (on && hasEntries(child) ? child.example : undefined), on);
    });
    // A group whose keys are all left out would be an empty value, which is a fault: it is left out with them.
    const empty = on && !below.some((line) => !/^\s*#/.test(line));
    const header = `${indent}${empty ? "#" : mark}${setting.key}:`;
    return [...comment, header, ...(mark === "" ? below : below.map((line) => off(line, indent)))];
  }
  if (hasEntries(setting)) {
    const written = Array.isArray(value) ? value : [];
    // Below something that is commented out nothing is in force: there the example says more than an empty list.
    const entries = written.length === 0 && !live && Array.isArray(setting.example) ? setting.example : written;
    const lines = entries.flatMap((entry, at) =>
      at === 0 ? renderFirst(setting.item, indent, entry) : renderMore(indent, entry),
    );
    return [...comment, `${indent}${setting.key}:${entries.length === 0 ? " []" : ""}`, ...lines];
  }
  const shown = on ? value : (setting.example ?? setting.byDefault);
  const line = `${indent}${mark}${setting.key}: ${scalar(shown)}`;
  const alternative = setting.children.length > 0 ? alternativeBlock(setting, indent, live) : [];
  return [...comment, line, ...alternative];
}

/** First entry of a list: every key, explained. */
function renderFirst(item: Setting | undefined, indent: string, entry: unknown): string[] {
  const inner = `${indent}    `;
  const given = entry as Record<string, unknown>;
  const lines = (item?.children ?? []).flatMap((child) => renderKey(child, inner, given[child.key], true));
  return [`${indent}  -`, ...lines];
}

/** Further entries: what they hold, on one line. */
function renderMore(indent: string, entry: unknown): string[] {
  return [`${indent}  - ${scalar(entry)}`];
}

/** The keys that may stand in the place of a plain value, commented out. */
function alternativeBlock(setting: Setting, indent: string, live: boolean): string[] {
  const lines = [
    `${indent}${setting.key}:`,
    ...setting.children.flatMap((child) => renderKey(child, `${indent}  `, undefined, false)),
  ];
  return [`${indent}# or, instead:`, ...(live ? lines.map((line) => off(line, indent)) : lines)];
}

/** Comments a line out at the indentation of the thing it belongs to. */
function off(line: string, indent: string): string {
  return `${indent}#${line.slice(indent.length)}`;
}

/** A list of groups of keys, as against one of plain values. */
function hasEntries(setting: Setting): boolean {
  return setting.kind === "list" && (setting.item?.children.length ?? 0) > 0;
}

function isDefaultedGroup(setting: Setting): boolean {
  return setting.kind === "group" && setting.byDefault !== undefined;
}

/** Meaning, range, unit, default and when a change applies, as comment lines. */
export function explain(setting: Setting, indent: string): string[] {
  const facts = [setting.kind === "group" ? "" : setting.allowed, ...factsOf(setting)].filter((fact) => fact !== "");
  const lines = [setting.description, facts.join("; ")].filter((line) => line !== "");
  return lines.flatMap((line) => wrap(line, WIDTH - indent.length - 2)).map((line) => `${indent}# ${line}`);
}

function factsOf(setting: Setting): string[] {
  const facts: string[] = [];
  if (setting.unit !== undefined) facts.push(`unit: ${setting.unit}`);
  if (setting.defaultText !== undefined) facts.push(`default: ${setting.defaultText}`);
  else if (setting.kind !== "group" && setting.byDefault !== undefined)
    facts.push(`default: ${scalar(setting.byDefault)}`);
  else if (setting.required && setting.kind !== "group") facts.push("required");
  else if (setting.kind === "value") facts.push("optional");
  if (setting.apply !== undefined)
    facts.push(setting.apply === "live" ? "applies at once" : `applies after a ${setting.apply}`);
  return facts;
}

/** A value on one line, as YAML reads it back. */
export function scalar(value: unknown): string {
  return stringify(value, { collectionStyle: "flow", lineWidth: 0, defaultStringType: needsQuotes(value) }).trimEnd();
}

/** Digits are always quoted; of other texts only those that YAML would misread. */
function needsQuotes(value: unknown): "QUOTE_DOUBLE" | "PLAIN" {
  return typeof value === "string" && /^[0-9A-Z[\]-]+$/.test(value) ? "QUOTE_DOUBLE" : "PLAIN";
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + word.length + 1 > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
