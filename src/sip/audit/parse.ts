import type { Place } from "./types.ts";

/** One meaningful line of a configuration file. */
export type Item =
  | { readonly kind: "section"; readonly name: string; readonly options: readonly string[]; readonly place: Place }
  | { readonly kind: "entry"; readonly key: string; readonly value: string; readonly place: Place }
  | { readonly kind: "include"; readonly path: string; readonly optional: boolean; readonly place: Place }
  | { readonly kind: "exec"; readonly place: Place };

/** Asterisk reads lines into a buffer of 8192 bytes (config.c, MAX_INCLUDE_LEVEL's neighbour); the rest is lost. */
const MAX_LINE = 8192;

/** Lines looked at in one file. */
const MAX_LINES = 200_000;

/**
 * The lines of one file as Asterisk's config.c reads them: `;` comments, `;-- --;` blocks (nested), `\;`,
 * `[name](options)`, `key = value`, `key => value`, `#include`, `#tryinclude`, `#exec`. Whatever is none of these is left
 * out, as Asterisk does. Never throws.
 */
export function parseConfig(file: string, text: string): Item[] {
  const items: Item[] = [];
  const lines = text.replace(/^\uFEFF/, "").split("\n", MAX_LINES);
  let depth = 0;
  for (const [at, whole] of lines.entries()) {
    const stripped = withoutComments(whole.slice(0, MAX_LINE), depth);
    depth = stripped.depth;
    const content = stripped.text.trim();
    if (content === "") continue;
    const place = { file, line: at + 1, column: stripped.text.length - stripped.text.trimStart().length + 1 };
    const item = itemOf(content, place);
    if (item !== null) items.push(item);
  }
  return items;
}

/** A line without its comments, in which every character keeps its column as far as an escape allows. */
function withoutComments(line: string, before: number): { readonly text: string; readonly depth: number } {
  let depth = before;
  let text = "";
  for (let at = 0; at < line.length; at++) {
    if (depth > 0) {
      if (line.startsWith("--;", at)) {
        depth--;
        text += "   ";
        at += 2;
      } else {
        if (opensBlock(line, at)) depth++;
        text += " ";
      }
    } else if (line[at] === "\\" && line[at + 1] === ";") {
      text += ";";
      at++;
    } else if (opensBlock(line, at)) {
      depth++;
      text += "   ";
      at += 2;
    } else if (line[at] === ";") {
      break;
    } else text += line[at];
  }
  return { text, depth };
}

/** `;--`, unless it is the `;---` of a ruler. */
function opensBlock(line: string, at: number): boolean {
  return line.startsWith(";--", at) && line[at + 3] !== "-";
}

function itemOf(content: string, place: Place): Item | null {
  if (content.startsWith("[")) {
    const end = content.indexOf("]");
    if (end < 0) return null;
    const name = content.slice(1, end).trim();
    const options = /^\s*\(([^)]*)\)/.exec(content.slice(end + 1))?.[1] ?? "";
    const given = options.split(",").map((option) => option.trim());
    return { kind: "section", name, options: given.filter((option) => option !== ""), place };
  }
  if (content.startsWith("#")) {
    const directive = /^#\s*(include|tryinclude|exec)\b[\s=>]*(.*)$/i.exec(content);
    if (directive === null) return entryOf(content, place);
    const [, word = "", rest = ""] = directive;
    if (word.toLowerCase() === "exec") return { kind: "exec", place };
    const path = rest.trim().replace(/^(["'<])(.*)["'>]$/, "$2");
    if (path === "") return null;
    return { kind: "include", path, optional: word.toLowerCase() === "tryinclude", place };
  }
  return entryOf(content, place);
}

function entryOf(content: string, place: Place): Item | null {
  const at = content.indexOf("=");
  if (at <= 0) return null;
  const value = content.slice(content[at + 1] === ">" ? at + 2 : at + 1).trim();
  return { kind: "entry", key: content.slice(0, at).trim(), value, place };
}
