/**
 * Small decoders for what comes over the feed. A decoder answers the value, or null when it is not of the shape; a
 * payload that does not decode is left out, so that nothing on the broker can break the page. Strings and lists are
 * cut, so that nothing can fill it either. (The schemas of `status/` would do the same at ten times the weight.)
 */

/** Wraps a value, since null may be one. */
export type Decoded<T> = { readonly value: T } | null;
export type Decoder<T> = (input: unknown) => Decoded<T>;

/** The longest string that is shown; what is longer is cut. */
export const MAX_TEXT = 300;

export const str: Decoder<string> = (input) =>
  typeof input === "string" ? { value: input.length > MAX_TEXT ? `${input.slice(0, MAX_TEXT)}…` : input } : null;

export const num: Decoder<number> = (input) =>
  typeof input === "number" && Number.isFinite(input) ? { value: input } : null;

export const bool: Decoder<boolean> = (input) => (typeof input === "boolean" ? { value: input } : null);

export function oneOf<const T extends string>(words: readonly T[]): Decoder<T> {
  return (input) => {
    const word = words.find((one) => one === input);
    return word === undefined ? null : { value: word };
  };
}

export function nullable<T>(inner: Decoder<T>): Decoder<T | null> {
  return (input) => (input === null ? { value: null } : inner(input));
}

/** Elements that do not decode are left out; those beyond `most` too. */
export function list<T>(inner: Decoder<T>, most: number): Decoder<T[]> {
  return (input) => {
    if (!Array.isArray(input)) return null;
    const value: T[] = [];
    for (const element of input.slice(0, most)) {
      const decoded = inner(element);
      if (decoded !== null) value.push(decoded.value);
    }
    return { value };
  };
}

/** An object used as a map; entries that do not decode are left out, those beyond `most` too. */
export function record<T>(inner: Decoder<T>, most: number): Decoder<Record<string, T>> {
  return (input) => {
    if (!isObject(input)) return null;
    const entries: [string, T][] = [];
    for (const [key, element] of Object.entries(input).slice(0, most)) {
      const decoded = inner(element);
      if (decoded !== null) entries.push([key.slice(0, MAX_TEXT), decoded.value]);
    }
    return { value: Object.fromEntries(entries) };
  };
}

/** Every field must decode; further fields are ignored, for a later version may send some. */
export function object<T extends object>(fields: { readonly [K in keyof T]-?: Decoder<T[K]> }): Decoder<T> {
  const decoders = Object.entries(fields) as [keyof T & string, Decoder<unknown>][];
  return (input) => {
    if (!isObject(input)) return null;
    const value: Partial<Record<keyof T, unknown>> = {};
    for (const [key, decoder] of decoders) {
      const decoded = Object.hasOwn(input, key) ? decoder(input[key]) : null;
      if (decoded === null) return null;
      value[key] = decoded.value;
    }
    return { value: value as T };
  };
}

function isObject(input: unknown): input is Record<string, unknown> {
  return typeof input === "object" && input !== null && !Array.isArray(input);
}
