/**
 * What a text can look like: per place the characters that may stand there, and whether anything at all may follow.
 * Extensions, and what is dialled, are compared by it.
 */
export interface Shape {
  readonly elements: readonly string[];
  readonly open: boolean;
}

const DIGITS = "0123456789";
const MAX_ELEMENTS = 256;

/** Whether an extension is a pattern, such as `_41XX`. */
export const isPattern = (extension: string): boolean => extension.startsWith("_");

/** The shape of an extension: `_` begins a pattern of X, Z, N, `[sets]`, `.` and `!`; dashes in one mean nothing. */
export function shapeOfExtension(extension: string): Shape {
  if (!isPattern(extension)) return shapeOfText(extension);
  const elements: string[] = [];
  for (let at = 1; at < extension.length && elements.length < MAX_ELEMENTS; at++) {
    const character = extension[at] ?? "";
    if (character === "-" || character === " ") continue;
    if (character === "." || character === "!") return { elements, open: true };
    if (character === "[") {
      const end = extension.indexOf("]", at);
      if (end < 0) break;
      elements.push(setOf(extension.slice(at + 1, end)));
      at = end;
    } else elements.push({ X: DIGITS, Z: DIGITS.slice(1), N: DIGITS.slice(2) }[character.toUpperCase()] ?? character);
  }
  return { elements, open: false };
}

export function shapeOfText(text: string): Shape {
  return { elements: [...text.slice(0, MAX_ELEMENTS)], open: text.length > MAX_ELEMENTS };
}

/** Characters of a set such as `1-5a`. */
export function setOf(text: string): string {
  let all = "";
  for (let at = 0; at < text.length; at++) {
    const from = text.charCodeAt(at);
    const to = text[at + 1] === "-" && at + 2 < text.length ? text.charCodeAt(at + 2) : from;
    if (to > from) at += 2;
    for (let code = from; code <= Math.min(to, from + 255); code++) all += String.fromCharCode(code);
  }
  return all;
}

/** Whether some text fits both. */
export function overlap(one: Shape, other: Shape): boolean {
  const shorter = Math.min(one.elements.length, other.elements.length);
  for (let at = 0; at < shorter; at++) {
    if (!meet(one.elements[at] ?? "", other.elements[at] ?? "")) return false;
  }
  if (one.elements.length < other.elements.length) return one.open;
  if (one.elements.length > other.elements.length) return other.open;
  return true;
}

function meet(one: string, other: string): boolean {
  for (const character of one) if (other.includes(character)) return true;
  return false;
}

/** One shape behind another. Behind an open one nothing is known. */
export function joined(one: Shape, other: Shape): Shape {
  return one.open ? one : { elements: [...one.elements, ...other.elements].slice(0, MAX_ELEMENTS), open: other.open };
}

/** The shape of `${NAME:offset:length}`. */
export function sliced(shape: Shape, slice: string): Shape {
  const [offset = 0, length] = slice.split(":").map(Number);
  if (!Number.isInteger(offset) || (shape.open && offset < 0)) return { elements: [], open: true };
  const rest = shape.elements.slice(offset);
  if (length === undefined) return { elements: rest, open: shape.open };
  if (shape.open && rest.length < length) return { elements: rest, open: true };
  return { elements: rest.slice(0, length), open: false };
}
