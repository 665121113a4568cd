import { outsideOf } from "./sources.ts";
import { anything, either, same, type Value } from "./value.ts";

/**
 * What is known of a channel's variables at one place of the dialplan. What is not in it has the value that it has by
 * itself: outside data for `CALLERID(num)` and its like, nothing known for the rest.
 */
export type Environment = ReadonlyMap<string, Value>;

/** Variables remembered for one place; a dialplan with more is not looked through further. */
const MAX_VARIABLES = 300;

/** What outlives a channel: global variables and Asterisk's database by family. It only ever grows. */
export class Shared {
  readonly #values = new Map<string, Value>();
  changed = false;

  get(key: string): Value {
    return this.#values.get(key);
  }

  add(key: string, value: Value): void {
    const before = this.#values.get(key);
    const after = either(before, value);
    if (same(before, after)) return;
    this.#values.set(key, after);
    this.changed = true;
  }
}

/** One name for what can be written in several ways: `CALLERID(number)`, `__X`, `LOCAL(X)`. */
export function keyOf(name: string, args: string | null): string {
  if (args === null) return name;
  if (name === "LOCAL") return args.trim();
  if (name === "CALLERID") {
    const item = args.split(",")[0]?.trim().toLowerCase() ?? "";
    const known: Readonly<Record<string, string>> = { number: "num", "ani-num": "ani", "dnid-num-plan": "dnid" };
    return `CALLERID(${known[item] ?? item})`;
  }
  if (name === "DB") return `DB(${args.split("/")[0]?.trim().toLowerCase() ?? ""})`;
  if (name === "HASH") return `HASH(${args.split(",")[0]?.trim() ?? ""})`;
  return `${name}(${args.trim()})`;
}

export function lookUp(environment: Environment, shared: Shared, name: string, args: string | null): Value {
  const key = keyOf(name, args);
  if (environment.has(key)) return environment.get(key);
  if (args !== null && (name === "GLOBAL" || name === "DB")) return shared.get(key);
  if (key === "CALLERID(all)") {
    return either(lookUp(environment, shared, name, "num"), lookUp(environment, shared, name, "name"));
  }
  const origin = name === "LOCAL" ? null : outsideOf(name, args);
  return origin === null ? (args === null ? shared.get(`GLOBAL(${name})`) : undefined) : byItself(name, args, origin);
}

/** Each default is made once: equal values are then the same object, and comparing is cheap. */
const defaults = new Map<string, Value>();
function byItself(name: string, args: string | null, origin: string): Value {
  const shown = args === null ? name : `${name}()`;
  const known = defaults.get(shown);
  if (known !== undefined) return known;
  const value = anything(`${origin}, ${shown}`);
  defaults.set(shown, value);
  return value;
}

/** The environment after `name=value`. */
export function assigned(environment: Environment, shared: Shared, key: string, value: Value): Environment {
  if (/^(?:GLOBAL|DB)\(/.test(key)) {
    shared.add(key, value);
    return environment;
  }
  if (environment.size >= MAX_VARIABLES && !environment.has(key)) return environment;
  const next = new Map(environment);
  next.set(key, value);
  // What was known of a part of the old value is not true of the new one.
  for (const other of environment.keys()) if (other.startsWith(`${key}:`)) next.delete(other);
  if (key === "CALLERID(all)") for (const part of ["CALLERID(num)", "CALLERID(name)"]) next.set(part, value);
  return next;
}

/** What holds wherever either environment can be; `one` itself when the other adds nothing. */
export function merged(one: Environment, other: Environment, shared: Shared): Environment {
  if (one === other) return one;
  let next: Map<string, Value> | null = null;
  for (const key of new Set([...one.keys(), ...other.keys()])) {
    if (key.includes(":") && !(one.has(key) && other.has(key))) {
      if (!one.has(key)) continue;
      next ??= new Map(one);
      next.delete(key);
      continue;
    }
    const before = read(one, shared, key);
    const after = either(before, read(other, shared, key));
    if (same(before, after)) continue;
    next ??= new Map(one);
    next.set(key, after);
  }
  return next ?? one;
}

function read(environment: Environment, shared: Shared, key: string): Value {
  if (environment.has(key)) return environment.get(key);
  const call = /^(\w+)\((.*)\)$/s.exec(key);
  return call === null
    ? lookUp(environment, shared, key, null)
    : lookUp(environment, shared, call[1] ?? "", call[2] ?? "");
}

/** A text that is equal for environments that know the same. */
export function signature(environment: Environment): string {
  return [...environment]
    .map(([key, value]) => `${key}=${value === undefined ? "" : `${value.origin}|${value.special}|${value.open}`}`)
    .sort()
    .join("\n");
}
