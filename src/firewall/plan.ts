import { banElement } from "./ban-scripts.ts";
import type { StaticSet } from "./layout.ts";
import { TABLE } from "./layout.ts";
import { type ClosedPolicy, literals, type TimedBan, unknownPolicy } from "./model.ts";

import type { Elements, Rendered } from "./render.ts";
import { renderClosed } from "./render.ts";

/** What of ours is in the kernel, as far as we know it. */
export interface InKernel {
  /** `absent`: no table; `ours`: of this layout with nothing added; `foreign`: anything else. */
  readonly table: "absent" | "ours" | "foreign";
  readonly rules: string | null;
  /** Sets whose content is known, because we put it there. */
  readonly sets: ReadonlyMap<StaticSet, Elements>;
}

export interface Wanted extends Rendered {
  /** Null: whatever bans are in the kernel stay. */
  readonly bans: readonly TimedBan[] | null;
  /** How long a phone counts as registered if nobody says so again, s. */
  readonly registeredS: number;
}

export interface Plan {
  /** Changes what is not as wanted, in one transaction; empty when there is nothing to change. */
  readonly script: string;
  /** The same without the long lists: enough for nft to check. */
  readonly check: string;
}

/** From so many elements on, only what was added and removed is sent. */
const DIFFERENCE_FROM = 1_000;
/** Elements in one statement. */
const CHUNK = 2_000;

export function plan(wanted: Wanted, kernel: InKernel): Plan {
  const anew = kernel.table !== "ours";
  const parts: string[] = [];
  if (kernel.table === "foreign") parts.push(`delete table inet ${TABLE}\n`);
  if (anew || kernel.rules !== wanted.rules) parts.push(wanted.rules);
  const short: string[] = [];
  const long: string[] = [];
  for (const [name, elements] of wanted.sets) {
    const known = anew ? undefined : kernel.sets.get(name);
    if (known !== undefined && same(known, elements)) continue;
    if (anew && elements.length === 0) continue;
    const timeout = name.startsWith("registered") ? ` timeout ${wanted.registeredS}s` : "";
    (elements.length < DIFFERENCE_FROM ? short : long).push(change(name, anew ? [] : known, elements, timeout));
  }
  if (wanted.bans !== null) short.push(replaceBans(wanted.bans));
  const check = [...parts, ...short].join("");
  return { script: long.length === 0 ? check : check + long.join(""), check };
}

/** Whether two contents are equal. */
export function same(one: Elements, other: Elements): boolean {
  return (
    one === other ||
    (one.length === other.length && one.every((value: string | number, at: number) => value === other[at]))
  );
}

/** Makes `wanted` of `known`; of anything, when that is undefined. */
function change(name: StaticSet, known: Elements | undefined, wanted: Elements, timeout: string): string {
  if (known instanceof Uint32Array && wanted instanceof Uint32Array && wanted.length >= DIFFERENCE_FROM) {
    const { added, removed } = difference(known, wanted);
    if (added.length + removed.length < wanted.length / 4) {
      return elements("delete", name, removed, "") + elements("add", name, added, "");
    }
  }
  return `flush set inet ${TABLE} ${name}\n${elements("add", name, wanted, timeout)}`;
}

/** Of two ascending lists. */
export function difference(known: Uint32Array, wanted: Uint32Array) {
  const added: number[] = [];
  const removed: number[] = [];
  let at = 0;
  for (const value of wanted) {
    for (let old = known[at]; old !== undefined && old < value; old = known[++at]) removed.push(old);
    if (known[at] === value) at++;
    else added.push(value);
  }
  for (const old of known.subarray(at)) removed.push(old);
  return { added: Uint32Array.from(added), removed: Uint32Array.from(removed) };
}

function elements(verb: "add" | "delete", set: string, values: Elements, more: string): string {
  let text = "";
  for (let from = 0; from < values.length; from += CHUNK) {
    text += `${verb} element inet ${TABLE} ${set} { `;
    const end = Math.min(from + CHUNK, values.length);
    for (let at = from; at < end; at++) {
      const value = values[at];
      text += `${typeof value === "number" ? dotted(value) : value}${more}${at + 1 < end ? ", " : " }\n"}`;
    }
  }
  return text;
}

function dotted(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

function replaceBans(bans: readonly TimedBan[]): string {
  const texts = { 4: new Map<string, number>(), 6: new Map<string, number>() };
  for (const { source, seconds } of bans) {
    const [network] = literals([source]);
    const element = network === undefined ? null : banElement(network);
    if (element === null || !(seconds >= 1)) continue;
    texts[element.n].set(element.key, Math.max(seconds, texts[element.n].get(element.key) ?? 0));
  }
  return ([4, 6] as const)
    .map((n) => {
      const timed = [...texts[n]].map(([key, seconds]) => `${key} timeout ${Math.ceil(seconds)}s`);
      return `flush set inet ${TABLE} banned${n}\n${elements("add", `banned${n}`, timed, "")}`;
    })
    .join("");
}

/** Takes our table away; declared first, so that it can be deleted whether it is there or not. */
export const REMOVAL = `add table inet ${TABLE}\ndelete table inet ${TABLE}\n`;

/** A file for `nft -f` that puts these rules in the place of whatever is there, in one transaction. */
export function anew(rendered: Rendered): string {
  // Nobody is registered in what is loaded from a file: for how long does not matter.
  return REMOVAL + plan({ ...rendered, bans: null, registeredS: 1 }, nothingKnown("absent")).script;
}

/**
 * A file for `nft -f` at boot, before a supervisor runs: management open, SIP and audio closed, by default everything
 * else too. Names in the lists are left out: there is nobody to look them up. Null: the configuration can't be read.
 */
export function staticRules(policy: ClosedPolicy | null, localUids: readonly number[] = []): string {
  return anew(renderClosed(policy ?? unknownPolicy, localUids));
}

export function nothingKnown(table: InKernel["table"]): InKernel {
  return { table, rules: null, sets: new Map() };
}
