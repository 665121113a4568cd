import { type Item, parseConfig } from "./parse.ts";
import type { ConfigTree, Place, Report } from "./types.ts";

export interface Entry {
  /** In lower case: Asterisk compares most keys so. */
  readonly key: string;
  readonly value: string;
  readonly place: Place;
}

/** A section with what it inherits from templates in front of its own entries, as Asterisk has it. */
export interface Section {
  readonly name: string;
  readonly template: boolean;
  readonly place: Place;
  readonly entries: Entry[];
}

/** One file with everything that it includes. */
export interface Assembled {
  readonly file: string;
  readonly sections: readonly Section[];
}

/** Asterisk's own limit on nested includes (config.c, MAX_INCLUDE_LEVEL). */
const MAX_DEPTH = 10;
const MAX_ITEMS = 300_000;

/** Follows includes within the tree and joins sections with their templates; null when the file is not there. */
export function assemble(tree: ConfigTree, file: string, report: Report): Assembled | null {
  if (!tree.files.has(file)) return null;
  const items: Item[] = [];
  expand(tree, file, [], items, report);
  return { file, sections: sectionsOf(items) };
}

function expand(tree: ConfigTree, file: string, above: readonly string[], items: Item[], report: Report): void {
  for (const item of parseConfig(file, tree.files.get(file) ?? "")) {
    if (items.length >= MAX_ITEMS) return;
    if (item.kind === "exec") {
      report(
        "include-exec",
        item.place,
        "#exec runs a program whenever Asterisk reads its configuration; what it writes was not looked at.",
      );
    } else if (item.kind !== "include") items.push(item);
    else includeInto(tree, item, [...above, file], items, report);
  }
}

type Include = Extract<Item, { kind: "include" }>;

function includeInto(tree: ConfigTree, item: Include, stack: readonly string[], items: Item[], report: Report): void {
  const shown = JSON.stringify(item.path.slice(0, 200));
  const relative = withinTree(tree.root, item.path);
  if (relative === null) {
    report("include-outside", item.place, `${shown} is outside the audited directory and was not looked at.`);
    return;
  }
  const found = matching(tree, relative);
  const wild = /[*?[]/.test(relative);
  const unread = tree.skipped.filter(({ name }) => globMatches(relative, name) || relative.startsWith(`${name}/`));
  for (const { name, reason } of unread) {
    const which = JSON.stringify(name.slice(0, 200));
    report("not-analysed-file", item.place, `${which}, which is included here, was not read: ${reason}.`, "high");
  }
  if (found.length === 0 && unread.length === 0 && !item.optional && !wild) {
    report("include-missing", item.place, `${shown} is not there; Asterisk then refuses the whole file.`);
  }
  for (const name of found) {
    if (stack.includes(name) || stack.length >= MAX_DEPTH) {
      report(
        "include-loop",
        item.place,
        `${shown} includes itself in the end, or includes go deeper than ${MAX_DEPTH}.`,
      );
    } else expand(tree, name, stack, items, report);
  }
}

/** Where Asterisk's files usually are: a copy of them elsewhere includes by these names. */
const USUAL_ROOT = "/etc/asterisk";

/** The path relative to the tree's root, without `.` and `..`; null when it leads out. */
function withinTree(root: string, path: string): string | null {
  const base = [root.replace(/\/+$/, ""), USUAL_ROOT].find((one) => path.startsWith(`${one}/`));
  if (path.startsWith("/") && base === undefined) return null;
  const parts: string[] = [];
  for (const part of path.slice(path.startsWith("/") ? base?.length : 0).split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) return null;
    } else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function matching(tree: ConfigTree, path: string): string[] {
  if (!/[*?[]/.test(path)) return tree.files.has(path) ? [path] : [];
  return [...tree.files.keys()].filter((name) => globMatches(path, name)).sort();
}

/** Whether a name fits a shell pattern of `*` and `?` (and `[` taken as any character). No backtracking in depth. */
function globMatches(pattern: string, name: string): boolean {
  const symbols = pattern.match(/\[[^\]/]*\]|./gsu) ?? [];
  let reachable = new Set([0]);
  for (const symbol of symbols) {
    const next = new Set<number>();
    for (const at of reachable) {
      if (symbol === "*")
        for (let end = at; end <= name.length; end++) {
          next.add(end);
          if (name[end] === "/") break;
        }
      else if (at < name.length && (symbol === name[at] || ((symbol === "?" || symbol.length > 2) && name[at] !== "/")))
        next.add(at + 1);
    }
    reachable = next;
  }
  return reachable.has(name.length);
}

function sectionsOf(items: readonly Item[]): Section[] {
  const sections: Section[] = [];
  const named = new Map<string, Section>();
  let current: Section | null = null;
  let total = 0;
  for (const item of items) {
    if (item.kind === "entry") {
      if (total++ >= MAX_ITEMS) break;
      current?.entries.push({ key: item.key.toLowerCase(), value: item.value, place: item.place });
    } else if (item.kind === "section") {
      const { name, options, place } = item;
      const known = named.get(name);
      if (options.includes("+") && known !== undefined) {
        current = known;
      } else {
        current = { name, template: options.includes("!"), place, entries: [] };
        sections.push(current);
      }
      for (const base of options) {
        const from: Section | undefined = named.get(base);
        if (from === undefined || from === current || total > MAX_ITEMS) continue;
        total += from.entries.length;
        if (total <= MAX_ITEMS) for (const entry of from.entries) current.entries.push(entry);
      }
      named.set(name, current);
    }
  }
  return sections;
}

/** The entry of a section that is in force: the last. */
export function last(section: Section | undefined, ...keys: readonly string[]): Entry | undefined {
  return section?.entries.findLast(({ key }) => keys.includes(key));
}

/** The value in force, trimmed, or undefined. */
export function value(section: Section | undefined, ...keys: readonly string[]): string | undefined {
  return last(section, ...keys)?.value.trim();
}

/** As Asterisk's ast_true: yes, true, y, t, 1, on. */
export function isTrue(text: string | undefined): boolean {
  return text !== undefined && /^(?:yes|true|y|t|1|on)$/i.test(text.trim());
}

/** As Asterisk's ast_false: no, false, n, f, 0, off. */
export function isFalse(text: string | undefined): boolean {
  return text !== undefined && /^(?:no|false|n|f|0|off)$/i.test(text.trim());
}
