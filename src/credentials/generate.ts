/**
 * Credentials that the gateway issues. Invariants: a username is never only digits (scanners try numbers), a secret
 * holds at least 128 bits, and neither holds a character that means something in Asterisk's files or that people
 * mistake for another when they type it into a telephone.
 */

/** That many bytes from a cryptographic source. */
export type RandomBytes = (count: number) => Uint8Array;

/** Without 0 O o, 1 I l. */
const SECRET_ALPHABET = "23456789abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";
/** One case only, for usernames are also read out. */
const USERNAME_ALPHABET = "23456789abcdefghijkmnpqrstuvwxyz";

/** 24 characters of 56: 139 bits. */
export const SECRET_LENGTH = 24;
/** 6 characters of 32: 30 bits, so that a username cannot be had from the account's name. */
export const USERNAME_SUFFIX_LENGTH = 6;

/** Bits of a secret. */
export const SECRET_BITS = SECRET_LENGTH * Math.log2(SECRET_ALPHABET.length);

/** A secret for a SIP account, the manager interface or the REST interface. */
export function generateSecret(random: RandomBytes): string {
  return pick(SECRET_ALPHABET, SECRET_LENGTH, random);
}

/**
 * `NAME-xxxxxx` for an account's name (which begins with a letter). Different names never give the same username.
 * @throws RangeError when the name is none, for a username of digits must not come about by mistake.
 */
export function generateUsername(name: string, random: RandomBytes): string {
  if (!/^[a-z][a-z0-9-]*$/.test(name)) throw new RangeError("an account's name begins with a letter");
  return `${name}-${pick(USERNAME_ALPHABET, USERNAME_SUFFIX_LENGTH, random)}`;
}

/** Characters of the alphabet, each as likely as any other. */
function pick(alphabet: string, count: number, random: RandomBytes): string {
  // Bytes beyond the largest multiple of the alphabet's length would favour its first characters.
  const fair = 256 - (256 % alphabet.length);
  let text = "";
  while (text.length < count) {
    for (const byte of random(count)) {
      if (byte < fair && text.length < count) text += alphabet.charAt(byte % alphabet.length);
    }
  }
  return text;
}
