/**
 * What is wrong with a configuration, for machines and for people. No fault ever shows a secret: excerpts come with
 * secrets already masked (see `excerpt.ts`), and messages quote no value of a secret's key.
 */

/** Keys and list places from the top of the file to the value. */
export type Path = readonly (string | number)[];

export type FaultCode =
  | "file" // not there, not readable, too large, not text
  | "syntax" // not YAML, or YAML that this file may not use
  | "duplicate-key"
  | "unknown-key"
  | "missing"
  | "type" // a number where text is wanted, a list where a value is wanted …
  | "value" // outside what is allowed
  | "rule" // fits by itself, but not with the rest of the file
  | "secret"; // the file that holds a secret

export interface ConfigFault {
  readonly code: FaultCode;
  readonly path: Path;
  /** Place in the file, both from 1; 0 when the fault has none. */
  readonly line: number;
  readonly column: number;
  /** One sentence without the path and without a full stop. */
  readonly message: string;
  /** What may stand here, in words. */
  readonly allowed?: string;
  /** Known key or value that is nearest to the one written. */
  readonly nearest?: string;
  /** The line's text and where its caret goes (from 0). */
  readonly excerpt?: Excerpt;
}

export interface Excerpt {
  readonly text: string;
  readonly caret: number;
}

/** Everything that is wrong with one configuration, in the order of the file. */
export interface ConfigFaults {
  /** The file as it was named by the caller. */
  readonly file: string;
  readonly faults: readonly ConfigFault[];
}

/** `lines[0].name`; empty for the file as a whole. */
export function formatPath(path: Path): string {
  return path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`))
    .join("")
    .replace(/^\./, "");
}

export function sortFaults(faults: readonly ConfigFault[]): ConfigFault[] {
  return [...faults].sort((a, b) => a.line - b.line || a.column - b.column);
}

/** The faults as text for a terminal: file:line:column as editors understand it, an excerpt with a caret, a remedy. */
export function formatFaults({ file, faults }: ConfigFaults): string {
  const blocks = faults.map((fault) => formatFault(file, fault));
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  return `${[...blocks, `${count} in ${file}`].join("\n\n")}\n`;
}

function formatFault(file: string, fault: ConfigFault): string {
  const place = fault.line === 0 ? file : `${file}:${fault.line}:${fault.column}`;
  const path = formatPath(fault.path);
  const nearest = fault.nearest === undefined ? "" : `; did you mean "${fault.nearest}"?`;
  const text = [`${place}: ${path === "" ? "" : `${path}: `}${fault.message}${nearest}`];
  if (fault.excerpt !== undefined) {
    const number = String(fault.line);
    text.push(`  ${number} | ${fault.excerpt.text}`);
    text.push(`  ${" ".repeat(number.length)} | ${" ".repeat(fault.excerpt.caret)}^`);
  }
  if (fault.allowed !== undefined) text.push(`  allowed: ${fault.allowed}`);
  return printable(text.join("\n"));
}

/** A hostile file must not steer the terminal on which its faults are shown. */
function printable(text: string): string {
  return text.replace(/[^\P{C}\n]/gu, "?");
}
