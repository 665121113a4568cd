import type { Assembled, Section } from "./assemble.ts";
import type { Place, Report } from "./types.ts";

/** Who can call into a context: anybody, a server that is known, a telephone with a password, nobody known. */
export type Caller = "anybody" | "server" | "telephone" | "unknown";

/** A way into the dialplan. */
export interface Door {
  readonly context: string;
  readonly caller: Caller;
  readonly place: Place;
}

/** A password that opens an account here. It leaves the audit in no form. */
export interface SecretUse {
  readonly secret: string;
  readonly username: string;
  /** What the account is, for people: `peer`, `manager account`. */
  readonly kind: string;
  readonly place: Place;
}

/** What a check works with, and what it learns for others. */
export interface Findings {
  readonly report: Report;
  readonly doors: Door[];
  readonly secrets: SecretUse[];
  /** Names of peers and endpoints that are telephones: what is dialled there leaves through no trunk. */
  readonly telephones: Set<string>;
}

/** One Asterisk's configuration: a file by name, with what it includes; null when it is not there. */
export type Files = (name: string) => Assembled | null;

/** Of several sections of one name Asterisk reads the first; `[name](+)` adds to it. */
export function section(file: Assembled | null, name: string): Section | undefined {
  return file?.sections.find((one) => one.name === name && !one.template);
}

/** Sections that describe something, without templates. */
export function described(file: Assembled | null, ...without: readonly string[]): Section[] {
  return (file?.sections ?? []).filter(({ name, template }) => !template && !without.includes(name));
}

/** Names that scanners try: digits, and the words of every list. */
export function guessable(name: string): boolean {
  return (
    /^\+?\d+$/.test(name) ||
    /^(?:(?:sip|ext|extension|phone|user|test|guest|demo|trunk)[-_]?\d*|admin|administrator|root|asterisk|voip|pbx|office|default|anonymous|operator|reception|support|sales|info)$/i.test(
      name,
    )
  );
}

/** Whether a section bounds the addresses that may use it. */
export function hasAcl(one: Section): boolean {
  const key = (name: string) => one.entries.some((entry) => entry.key === name && entry.value.trim() !== "");
  return key("acl") || key("deny");
}

/** Whether an address to listen at is this machine's own. */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:127\.|\[?::1\]?(?:$|:)|localhost\b)/.test(address.trim());
}

/** A name of a stranger's file as it may stand in a text for people. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
