import { assertNever } from "../base/assert-never.ts";
import type { AlertStatus } from "./schema.ts";
import type { Part, StatusParts } from "./types.ts";

/** A part as it is told: alerts with since when. */
export type ToldPart = {
  [P in Part]: { readonly part: P; readonly value: P extends "alerts" ? readonly AlertStatus[] : StatusParts[P] };
}[Part];

/** The topics of a part with their payloads. */
export function topicsOf(told: ToldPart): readonly (readonly [topic: string, payload: unknown])[] {
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

/** What is retained of a part: text of each topic. */
export type Retained = ReadonlyMap<string, string>;

/** What has to be told so that `retained` becomes `wanted`; null: the topic is deleted. */
export function changesOf(
  retained: Retained,
  wanted: readonly (readonly [topic: string, payload: unknown])[],
): { readonly retained: Retained; readonly changes: readonly (readonly [topic: string, payload: unknown])[] } {
  const next = new Map(wanted.map(([topic, payload]) => [topic, JSON.stringify(payload)]));
  const gone = [...retained.keys()].filter((topic) => !next.has(topic));
  const changed = wanted.filter(([topic]) => retained.get(topic) !== next.get(topic));
  return { retained: next, changes: [...gone.map((topic) => [topic, null] as const), ...changed] };
}
