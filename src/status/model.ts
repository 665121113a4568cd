import { assertNever } from "../base/assert-never.ts";
import type { AlertStatus } from "./schema.ts";
import { specOf } from "./topics.ts";
import type { Part, StatusParts } from "./types.ts";

/** A part as it is told: alerts with since when. */
export type ToldPart = {
  [P in Part]: { readonly part: P; readonly value: P extends "alerts" ? readonly AlertStatus[] : StatusParts[P] };
}[Part];

/** A topic below the site's, and its payload; null: it is deleted. */
export type Told = readonly [topic: string, payload: unknown];

/** The topics of a part with their payloads. */
export function topicsOf(told: ToldPart): readonly Told[] {
  switch (told.part) {
    case "gateway":
    case "calls":
    case "guard":
    case "nat":
    case "system":
    case "credentials":
      return [[told.part, told.value]];
    case "lines":
      return told.value.map((line) => [`lines/${line.line}`, line]);
    case "trunks":
      return told.value.map((trunk) => [`trunks/${trunk.trunk}`, trunk]);
    case "inputs":
      return told.value.map((input) => [`inputs/${input.input}`, input]);
    case "alerts":
      return told.value.map((alert) => [`alerts/${alert.alert}`, alert]);
    default:
      return assertNever(told);
  }
}

/** What is retained of a part: the JSON of each topic. */
export type Retained = ReadonlyMap<string, string>;

export const noneRetained: Retained = new Map();

export interface Changes {
  readonly retained: Retained;
  /** Deletions first. */
  readonly changes: readonly Told[];
  /** What has not its form, and stays as it was; null: nothing. */
  readonly fault: string | null;
}

/** What has to be told so that `retained` becomes `wanted`. */
export function changesOf(retained: Retained, wanted: readonly Told[]): Changes {
  const next = new Map<string, string>();
  const changes: Told[] = [];
  let fault: string | null = null;
  for (const [topic, payload] of wanted) {
    const before = retained.get(topic);
    const json = JSON.stringify(payload);
    // What was told once has its form.
    const wrong = json === before ? null : faultOf("state", topic, payload);
    if (wrong === null) {
      next.set(topic, json);
      if (json !== before) changes.push([topic, payload]);
    } else {
      fault ??= `${topic}: ${wrong}`;
      if (before !== undefined) next.set(topic, before);
    }
  }
  const gone = [...retained.keys()].filter((topic) => !next.has(topic)).map((topic): Told => [topic, null]);
  return { retained: next, changes: [...gone, ...changes], fault };
}

/** Why the payload may not be told as such; null: it may. */
export function faultOf(kind: "state" | "event", topic: string, payload: unknown): string | null {
  const spec = specOf(topic);
  if (spec?.kind !== kind) return `there is no such ${kind}`;
  const parsed = spec.schema.safeParse(payload);
  if (parsed.success) return null;
  // Places, not values: the fault may be that something secret stands where it has no place.
  return parsed.error.issues.map(({ code, path }) => `${code} at ${path.join(".") || "the top"}`).join(", ");
}

/** The line whose digit the topic tells; null for any other topic. */
export function lineOfDigit(topic: string): string | null {
  return /^lines\/([^/]+)\/digit$/.exec(topic)?.[1] ?? null;
}
