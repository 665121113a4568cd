import { appendFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";

/** One measured figure of a run; `limit` in words, where there is one. */
export interface Figure {
  readonly name: string;
  readonly value: number | string;
  readonly unit: string;
  readonly limit?: string;
}

const FILE = process.env["PAXGATE_FIGURES"] ?? join(import.meta.dirname, "../../../.cache/test/image-figures.jsonl");

/** Keeps a figure for the table at the end of `scripts/test-image`. */
export function figure(name: string, value: number | string, unit: string, limit?: string): void {
  const rounded = typeof value === "number" ? Math.round(value * 100) / 100 : value;
  const entry: Figure = { name, value: rounded, unit, ...(limit === undefined ? {} : { limit }) };
  mkdirSync(dirname(FILE), { recursive: true });
  appendFileSync(FILE, `${JSON.stringify(entry)}\n`);
  console.log(`${name}: ${rounded} ${unit}${limit === undefined ? "" : ` (limit ${limit})`}`);
}
