import type { Excerpt } from "./faults.ts";
import { editDistance } from "./nearest.ts";

/** Characters of a line that are shown around the caret. */
const WIDTH = 100;
/** Room kept to the left of the caret in a long line. */
const LEAD = 60;

/** Part of the source that holds a secret: offsets from, up to but not including. */
export interface SecretRange {
  readonly from: number;
  readonly to: number;
}

/** Whether a key, perhaps mistyped, is one whose value is a secret. */
export function isSecretKey(key: string): boolean {
  const word = key.toLowerCase();
  // The scanner filter's tokens are words that anybody may know.
  if (word === "tokens") return false;
  if (/^(?:api[_-]?)?key$/.test(word)) return true;
  return /pass|secret|token/.test(word) || (word.length < 16 && editDistance(word, "password") <= 3);
}

/** The source's line around `offset`, with secrets masked. `line` counts from 1. */
export function makeExcerpt(source: string, offset: number, secrets: readonly SecretRange[]): Excerpt {
  const start = source.lastIndexOf("\n", offset - 1) + 1;
  const end = source.indexOf("\n", offset);
  const line = source.slice(start, end === -1 ? undefined : end).replace(/\r$/, "");
  let shown = [...Array(line.length).keys()]
    .map((at) => (secrets.some(({ from, to }) => start + at >= from && start + at < to) ? "*" : line.charAt(at)))
    .join("");
  shown = maskWrittenSecrets(shown).replace(/\t/g, " ");
  const caret = Math.min(offset - start, shown.length);
  if (shown.length <= WIDTH) return { text: shown, caret };
  const from = Math.max(0, caret - LEAD);
  return { text: shown.slice(from, from + WIDTH), caret: caret - from };
}

/** Masks what follows a secret's key on a line that may not have been understood as YAML. */
function maskWrittenSecrets(line: string): string {
  for (const found of line.matchAll(/([A-Za-z_-]{1,48})["']?\s*[:=]\s*/g)) {
    if (!isSecretKey(found[1] ?? "")) continue;
    const from = found.index + found[0].length;
    return line.slice(0, from) + "*".repeat(line.length - from);
  }
  return line;
}
