import type { Assembled, Section } from "./assemble.ts";
import { applicationOf } from "./expression.ts";
import { isPattern, overlap, type Shape, shapeOfExtension } from "./pattern.ts";
import type { Place } from "./types.ts";

/** One step of an extension. */
export interface Priority {
  readonly number: number;
  readonly label: string | null;
  readonly application: string;
  readonly args: string;
  readonly place: Place;
}

export interface Extension {
  readonly context: string;
  /** As written, without the caller ID that may stand behind `/`. */
  readonly name: string;
  readonly shape: Shape;
  readonly place: Place;
  /** In order of their numbers. */
  readonly priorities: Priority[];
}

export interface Context {
  readonly name: string;
  readonly place: Place;
  readonly extensions: Extension[];
  /** The same by name, and those of them that are patterns. */
  readonly named: Map<string, Extension>;
  readonly patterns: Extension[];
  readonly includes: { readonly name: string; readonly place: Place }[];
  readonly switches: { readonly target: string; readonly place: Place }[];
}

export interface Dialplan {
  readonly contexts: ReadonlyMap<string, Context>;
  readonly globals: ReadonlyMap<string, string>;
}

const MAX_PRIORITIES = 100_000;

/** Reads extensions.conf as pbx_config does: `exten`, `same`, labels, `n`, includes, switches; sections of one name join. */
export function readDialplan(files: readonly Assembled[]): Dialplan {
  const contexts = new Map<string, Context>();
  const globals = new Map<string, string>();
  const reader = { previous: null as string | null, number: 0, total: 0 };
  for (const section of files.flatMap(({ sections }) => sections)) {
    if (section.name === "general" || section.template) continue;
    if (section.name === "globals") {
      for (const { key, value } of section.entries) if (globals.size < 10_000) globals.set(key, value);
      continue;
    }
    let context = contexts.get(section.name);
    if (context === undefined) {
      context = {
        name: section.name,
        place: section.place,
        extensions: [],
        named: new Map(),
        patterns: [],
        includes: [],
        switches: [],
      };
      contexts.set(section.name, context);
    }
    readSection(section, context, reader);
  }
  for (const { extensions } of contexts.values()) {
    for (const { priorities } of extensions) priorities.sort((one, other) => one.number - other.number);
  }
  return { contexts, globals };
}

interface Reader {
  previous: string | null;
  number: number;
  total: number;
}

function readSection(section: Section, context: Context, reader: Reader): void {
  for (const { key, value, place } of section.entries) {
    if (key === "include") context.includes.push({ name: firstOf(value), place });
    else if (["switch", "lswitch", "eswitch"].includes(key)) context.switches.push({ target: value, place });
    else if (key === "exten" || key === "same") {
      const step = stepOf(key, value, reader);
      if (step === null || reader.total++ >= MAX_PRIORITIES) continue;
      const name = step.extension.split("/")[0]?.trim() ?? "";
      let extension = context.named.get(name);
      if (extension === undefined) {
        extension = { context: context.name, name, shape: shapeOfExtension(name), place, priorities: [] };
        context.named.set(name, extension);
        context.extensions.push(extension);
        if (isPattern(name)) context.patterns.push(extension);
      }
      const { name: application, args } = applicationOf(step.rest);
      extension.priorities.push({ number: step.number, label: step.label, application, args, place });
    }
  }
}

/** A context that is included may carry times behind its name. */
const firstOf = (value: string): string => value.split(/[,|]/)[0]?.trim() ?? "";

interface Step {
  readonly extension: string;
  readonly number: number;
  readonly label: string | null;
  readonly rest: string;
}

function stepOf(key: "exten" | "same", value: string, reader: Reader): Step | null {
  let rest = value;
  if (key === "exten") {
    const comma = commaAfterName(value);
    if (comma < 0) return null;
    reader.previous = value.slice(0, comma).trim();
    rest = value.slice(comma + 1);
  }
  const comma = rest.indexOf(",");
  if (comma < 0 || reader.previous === null) return null;
  const priority = /^\s*([A-Za-z]+|\d{1,9})\s*(?:\+\s*(\d{1,6}))?\s*(?:\(([^)]*)\))?/.exec(rest.slice(0, comma));
  if (priority === null) return null;
  const [, word = "", plus = "0", label] = priority;
  if (word === "hint") return null;
  if (word === "n" || word === "next") reader.number += 1 + Number(plus);
  else if (word === "s" || word === "same") reader.number += Number(plus);
  else if (/^\d/.test(word)) reader.number = Number(word) + Number(plus);
  else return null;
  return {
    extension: reader.previous,
    number: reader.number,
    label: label?.trim() ?? null,
    rest: rest.slice(comma + 1),
  };
}

/** A set in a pattern may hold a comma. */
function commaAfterName(text: string): number {
  let inSet = false;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "[") inSet = true;
    else if (text[at] === "]") inSet = false;
    else if (text[at] === "," && !inSet) return at;
  }
  return -1;
}

/** A context and all that it includes, in the order in which Asterisk looks. */
export function withIncludes(dialplan: Dialplan, name: string): Context[] {
  const seen = new Map<string, Context>();
  const visit = (one: string) => {
    const context = dialplan.contexts.get(one);
    if (context === undefined || seen.has(one)) return;
    seen.set(one, context);
    for (const include of context.includes) visit(include.name);
  };
  visit(name);
  return [...seen.values()];
}

/** Extensions of a context and its includes that a text of this shape can land in; a fixed name wins over patterns. */
export function extensionsFor(dialplan: Dialplan, context: string, shape: Shape): Extension[] {
  const contexts = withIncludes(dialplan, context);
  const fixed = !shape.open && shape.elements.every((element) => element.length === 1);
  if (!fixed) return contexts.flatMap(({ extensions }) => extensions.filter((one) => overlap(one.shape, shape)));
  const name = shape.elements.join("");
  const exact = contexts.flatMap(({ named }) => named.get(name) ?? []).filter((one) => !isPattern(one.name));
  return exact.length > 0
    ? exact
    : contexts.flatMap(({ patterns }) => patterns.filter((one) => overlap(one.shape, shape)));
}
