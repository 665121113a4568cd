import { GatewayError } from "../base/errors.ts";

/**
 * How a value may enter one of Asterisk's files. Its parser knows `;` (comment), `[` (section), `#` (include), quotes,
 * and blanks at the ends that it strips; the dialplan adds `,` `&` `$` and brackets. Most of these have no dependable
 * escape, so a value that holds one where it could mean something is refused (code `sip-value`), never altered.
 */
export type ValueKind = "word" | "host" | "address" | "path" | "pattern" | "secret" | "trunk-secret";

const ALLOWED: Readonly<Record<ValueKind, RegExp>> = {
  word: /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?$/,
  // The last label begins with a letter: resolvers take "0" and "10.1" for addresses.
  host: /^(?=.{1,253}$)(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/,
  address: /^[0-9A-Fa-f.:]{2,45}(?:\/[0-9]{1,3})?$/,
  path: /^\/[A-Za-z0-9._/+@-]{0,200}$/,
  pattern: /^(?:[0-9XZN]|\[[0-9](?:-?[0-9])*\]){1,12}$/,
  // 160 characters: chan_sip copies a registration into a buffer of 256 together with names and host.
  secret: /^[A-Za-z0-9._~+=*!%^-]{1,160}$/,
  // In a registration `:` `/` `@` `?` part the fields, and brackets, quotes and backslashes confuse the parting.
  "trunk-secret": /^[A-Za-z0-9._~+=*!%^@-]{1,128}$/,
};

/** The value itself when it fits its place; otherwise `sip-value`. The error names the place, not a secret's text. */
export function checked(kind: ValueKind, value: string, place: string): string {
  // `$` in a pattern would also match before a final newline in other languages; here it does not, but say it anyway.
  if (ALLOWED[kind].test(value) && !/[\r\n\0]/.test(value)) return value;
  const secret = kind === "secret" || kind === "trunk-secret";
  throw new GatewayError("sip-value", `${place}: ${secret ? "the secret" : JSON.stringify(value)} cannot be written`, {
    details: { place, kind, ...(secret ? {} : { value }) },
  });
}

/** A whole number within its limits, as text; otherwise `sip-value`. */
export function checkedNumber(value: number, min: number, max: number, place: string): string {
  if (Number.isInteger(value) && value >= min && value <= max) return String(value);
  throw new GatewayError("sip-value", `${place}: ${value} is not a whole number from ${min} to ${max}`, {
    details: { place, value, min, max },
  });
}

/** Whether a host is an address and not a name. */
export function isAddress(host: string): boolean {
  return /^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$/.test(host) || host.includes(":");
}

/** An address as it stands before a port: IPv6 in brackets. */
export function withPort(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
