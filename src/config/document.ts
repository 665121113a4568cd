import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { isSecretKey, makeExcerpt, type SecretRange } from "./excerpt.ts";
import type { ConfigFault, FaultCode, Path } from "./faults.ts";

/**
 * A YAML text as plain values, with the place of each. Anchors, aliases, tags and several documents in one file are
 * refused: a configuration needs none of them, and they are how a small file becomes a large one.
 */
export interface YamlDocument {
  /** Maps (without prototype), arrays and scalars; undefined when the text could not be understood. */
  readonly value: unknown;
  readonly faults: readonly ConfigFault[];
  /** A fault at this path: at its `key` or its `value`; at the nearest thing above it that is there if it is not. */
  fault(
    at: "key" | "value",
    path: Path,
    fault: Pick<ConfigFault, "code" | "message" | "allowed" | "nearest">,
  ): ConfigFault;
  /** The line of the value, from 1. */
  lineOf(path: Path): number;
  /** A scalar as it is written in the file, such as `01`. */
  writtenAs(path: Path): string | undefined;
}

interface Place {
  readonly key: number;
  readonly value: number;
  readonly written?: string;
}

/** Deeper nesting than this is no configuration (the schema's own depth is 6). */
const DEEPEST = 32;

export function readYaml(source: string): YamlDocument {
  const lines = new LineCounter();
  const places = new Map<string, Place>([["[]", { key: 0, value: 0 }]]);
  const secrets: SecretRange[] = [];
  const faults: ConfigFault[] = [];

  const faultAt = (offset: number, path: Path, fault: Pick<ConfigFault, "code" | "message">): ConfigFault => {
    const { line, col } = lines.linePos(offset);
    return { ...fault, path, line, column: col, excerpt: makeExcerpt(source, offset, secrets) };
  };
  const refuse = (node: Node, path: Path, code: FaultCode, message: string) =>
    faults.push(faultAt(node.range?.[0] ?? 0, path, { code, message }));

  const plain = (node: unknown, path: Path): unknown => {
    if (path.length > DEEPEST) {
      refuse(node as Node, path, "syntax", "nested too deeply");
      return undefined;
    }
    if (isAlias(node)) {
      refuse(node, path, "syntax", "aliases (*) cannot be used here: write the value out, or put it in quotes");
      return undefined;
    }
    if (isMap(node) || isSeq(node) || isScalar(node)) {
      if (node.anchor)
        refuse(node, path, "syntax", "anchors (&) cannot be used here: put the value in quotes if it is text");
      if (node.tag) refuse(node, path, "syntax", "tags (!) cannot be used here: put the value in quotes if it is text");
    }
    if (isScalar(node)) return node.value;
    if (isSeq(node)) {
      return node.items.map((item, at) => {
        note(item, [...path, at], undefined);
        return plain(item, [...path, at]);
      });
    }
    if (!isMap(node)) return null;
    const map: Record<string, unknown> = Object.create(null);
    for (const { key, value } of node.items) {
      if (!isScalar(key) || key.value === null) {
        refuse((key ?? node) as Node, path, "syntax", "a key must be a word");
        continue;
      }
      const name = String(key.value);
      note(value, [...path, name], key.range?.[0]);
      map[name] = plain(value, [...path, name]);
    }
    return map;
  };
  const note = (node: unknown, path: Path, key: number | undefined) => {
    const start = (node as Node | null)?.range?.[0] ?? key ?? places.get(JSON.stringify(path.slice(0, -1)))?.value ?? 0;
    const written = isScalar(node) && typeof node.source === "string" ? { written: node.source } : {};
    places.set(JSON.stringify(path), { key: key ?? start, value: start, ...written });
  };

  const document = parse(source, lines);
  if (document === null) {
    const message = "nested too deeply, or too tangled to be understood";
    return unreadable([{ code: "syntax", path: [], line: 1, column: 1, message }]);
  }
  collectSecrets(document.contents, secrets, 0);
  const broken = document.errors.filter((error) => error.code !== "DUPLICATE_KEY");
  for (const error of document.errors) {
    const duplicate = error.code === "DUPLICATE_KEY";
    const message = duplicate ? "the same key stands here a second time" : syntaxMessage(error.code);
    faults.push(
      faultAt(Math.min(error.pos[0], source.length), [], { code: duplicate ? "duplicate-key" : "syntax", message }),
    );
  }
  // After a real error of syntax the rest is guesswork, and faults found in it would mislead.
  if (broken.length > 0) return unreadable(faults);
  note(document.contents, [], 0);
  const value = plain(document.contents, []);

  const nearestPlace = (path: Path): { place: Place; exact: boolean } => {
    for (let length = path.length; length > 0; length--) {
      const place = places.get(JSON.stringify(path.slice(0, length)));
      if (place !== undefined) return { place, exact: length === path.length };
    }
    return { place: places.get("[]") ?? { key: 0, value: 0 }, exact: false };
  };
  return {
    value,
    faults,
    fault(at, path, fault) {
      const { place, exact } = nearestPlace(path);
      return { ...fault, ...faultAt(at === "value" && exact ? place.value : place.key, path, fault) };
    },
    lineOf: (path) => lines.linePos(nearestPlace(path).place.value).line,
    writtenAs: (path) => places.get(JSON.stringify(path))?.written,
  };
}

function parse(source: string, lineCounter: LineCounter): Document | null {
  try {
    // Without `prettyErrors` the parser's own messages, which quote the source and so perhaps a secret, are not made.
    return parseDocument(source, { lineCounter, prettyErrors: false, logLevel: "error", keepSourceTokens: false });
  } catch (error) {
    // The parser calls itself for each level of nesting, so a hostile file can exhaust the stack.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function unreadable(faults: readonly ConfigFault[]): YamlDocument {
  return {
    value: undefined,
    faults,
    fault: (_at, path, fault) => ({ ...fault, path, line: 0, column: 0 }),
    lineOf: () => 0,
    writtenAs: () => undefined,
  };
}

function collectSecrets(node: unknown, secrets: SecretRange[], depth: number): void {
  if (depth > DEEPEST) return;
  if (isSeq(node)) for (const item of node.items) collectSecrets(item, secrets, depth + 1);
  if (!isMap(node)) return;
  for (const { key, value } of node.items) {
    const range = (value as Node | null)?.range;
    // The one map that a secret may be is {file: PATH}; anything else may be a secret that YAML misread.
    const isReference = isMap(value) && value.items.every((item) => isScalar(item.key) && item.key.value === "file");
    const holdsSecret = isScalar(key) && isSecretKey(String(key.value)) && !isReference;
    if (holdsSecret && range) secrets.push({ from: range[0], to: range[1] });
    else collectSecrets(value, secrets, depth + 1);
  }
}

/** Our own words for what people really get wrong; the parser's text may quote the file, so it is never shown. */
function syntaxMessage(code: string): string {
  switch (code) {
    case "TAB_AS_INDENT":
      return "a tab cannot indent in YAML: use spaces";
    case "BAD_INDENT":
      return "the indentation does not fit the lines above, or a bracket is not closed";
    case "MISSING_CHAR":
      return "a character is missing here: a colon after a key, a closing quote, a comma or a bracket";
    case "UNEXPECTED_TOKEN":
      return "this cannot stand here (a value with : # [ { or @ in it needs quotes)";
    case "MULTIPLE_DOCS":
      return "a second document begins here (---): the file holds one";
    case "MULTILINE_IMPLICIT_KEY":
      return "a key must be on one line and end with a colon";
    case "BLOCK_AS_IMPLICIT_KEY":
    case "BLOCK_IN_FLOW":
      return "a list or a group of keys must begin on a line of its own";
    case "BAD_DQ_ESCAPE":
      return "unknown escape after \\ in double quotes: write \\\\ for one backslash, or use single quotes";
    case "BAD_ALIAS":
    case "MULTIPLE_ANCHORS":
    case "MULTIPLE_TAGS":
    case "TAG_RESOLVE_FAILED":
      return "anchors (&), aliases (*) and tags (!) cannot be used here: put the value in quotes if it is text";
    default:
      return `this is not YAML (${code})`;
  }
}
