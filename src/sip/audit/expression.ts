/** A piece of dialplan text: plain, `${…}` (a variable or function), or `$[…]` (an expression). */
export type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "variable"; readonly inner: string }
  | { readonly kind: "expression"; readonly inner: string };

/** Takes dialplan text apart at its outermost `${…}` and `$[…]`; what is not closed is text. */
export function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  let plain = 0;
  const flush = (end: number) => {
    if (end > plain) parts.push({ kind: "text", text: text.slice(plain, end) });
  };
  for (let at = text.indexOf("$"); at >= 0; at = text.indexOf("$", at)) {
    const open = text[at + 1];
    if (open !== "{" && open !== "[") {
      at++;
      continue;
    }
    const end = closing(text, at + 1);
    if (end < 0) break;
    flush(at);
    parts.push({ kind: open === "{" ? "variable" : "expression", inner: text.slice(at + 2, end) });
    at = plain = end + 1;
  }
  flush(text.length);
  return parts;
}

/** Index of the bracket that closes the one at `open`, or -1. Brackets of other kinds are not looked at. */
function closing(text: string, open: number): number {
  const opener = text[open];
  const closer = opener === "{" ? "}" : opener === "[" ? "]" : ")";
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === opener) depth++;
    else if (text[at] === closer && --depth === 0) return at;
  }
  return -1;
}

/** Splits at a separator outside brackets of any kind and double quotes; at most `limit` pieces, the last whole. */
export function splitOutside(text: string, separator: string, limit = 1_000): string[] {
  const pieces: string[] = [];
  let depth = 0;
  let quoted = false;
  let start = 0;
  for (let at = 0; at < text.length && pieces.length < limit - 1; at++) {
    const character = text[at] ?? "";
    if (character === "\\") at++;
    else if (character === '"') quoted = !quoted;
    else if ("([{".includes(character)) depth++;
    else if (")]}".includes(character)) depth = Math.max(0, depth - 1);
    else if (depth === 0 && !quoted && text.startsWith(separator, at)) {
      pieces.push(text.slice(start, at));
      at += separator.length - 1;
      start = at + 1;
    }
  }
  pieces.push(text.slice(start));
  return pieces;
}

/** Arguments of an application or function, each trimmed of blanks in front. */
export function argumentsOf(text: string): string[] {
  return text.trim() === "" ? [] : splitOutside(text, ",").map((one) => one.trim());
}

/** What stands in `${…}`: a name, the arguments when it is a function, and the substring `:offset:length`. */
export interface Reference {
  readonly name: string;
  readonly args: string | null;
  readonly slice: string | null;
}

export function referenceOf(inner: string): Reference {
  const open = inner.indexOf("(");
  const bracket = inner.indexOf("{");
  if (open > 0 && (bracket < 0 || open < bracket)) {
    const end = closing(inner, open);
    const close = end < 0 ? inner.length : end;
    const after = inner.slice(close + 1).trim();
    return {
      name: inner.slice(0, open).trim(),
      args: inner.slice(open + 1, close),
      slice: after.startsWith(":") ? after.slice(1) : null,
    };
  }
  const [name = "", ...slice] = splitOutside(inner, ":", 2);
  return { name: name.trim(), args: null, slice: slice[0] ?? null };
}

/** `App(args)` taken apart; an application without brackets has no arguments. */
export function applicationOf(text: string): { readonly name: string; readonly args: string } {
  const open = text.indexOf("(");
  if (open < 0) {
    // The old form `App,args`.
    const comma = text.indexOf(",");
    return comma < 0
      ? { name: text.trim(), args: "" }
      : { name: text.slice(0, comma).trim(), args: text.slice(comma + 1) };
  }
  const end = text.lastIndexOf(")");
  return { name: text.slice(0, open).trim(), args: text.slice(open + 1, end > open ? end : text.length) };
}
