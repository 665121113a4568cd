import type { AccountOptions, EndCause, PhoneOptions } from "./event-types.ts";

/** Who has a number on the simulated network. Pure. */

export function isNumber(text: string): boolean {
  return /^[0-9]{4,8}$/.test(text);
}

/**
 * Asterisk's dial string for a number that belongs to an account, or null. The account's own number goes to the
 * contact as it was registered; a further number is put in the request URI, sent to the registered address.
 */
export function dialString(accounts: readonly AccountOptions[], number: string): string | null {
  if (!isNumber(number)) return null;
  if (accounts.some((account) => account.number === number)) return `SIP/${number}`;
  const owner = accounts.find((account) => account.numbers?.some((pattern) => matches(pattern, number)));
  return owner === undefined ? null : `SIP/${number}@${owner.number}`;
}

function matches(pattern: string, number: string): boolean {
  return pattern.length === number.length && [...pattern].every((want, at) => want === "X" || want === number[at]);
}

/** Why a call to this telephone, which is in `engaged` calls, is refused without ringing; null when it rings. */
export function refusalOf(phone: PhoneOptions | undefined, engaged: number): EndCause | null {
  if (phone === undefined) return "unobtainable";
  if (phone.behaviour.kind === "busy" || engaged >= (phone.lines ?? 1)) return "busy";
  if (phone.behaviour.kind === "reject") return "rejected";
  return phone.behaviour.kind === "congestion" ? "congestion" : null;
}
