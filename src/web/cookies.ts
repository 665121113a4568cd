/** Cookies, as far as the server needs them (RFC 6265). */

/** 256 bits in base64url. */
export const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/**
 * The value of the cookie `name` of a request's Cookie header; null when there is none, or when it can't be a token
 * of ours. The first one counts: browsers send the one with the longest path first (RFC 6265 section 5.4).
 */
export function tokenOf(header: string | undefined, name: string): string | null {
  if (header === undefined) return null;
  for (const part of header.split(";")) {
    const at = part.indexOf("=");
    if (at < 0 || part.slice(0, at).trim() !== name) continue;
    const value = part.slice(at + 1).trim();
    return TOKEN.test(value) ? value : null;
  }
  return null;
}

export interface CookieOptions {
  /** How long the browser keeps it, s; 0: it is deleted. */
  readonly maxAgeS: number;
  readonly secure: boolean;
  readonly path: string;
}

/** A Set-Cookie header's value. No script reads it, and no foreign site makes the browser send it. */
export function setCookie(name: string, value: string, options: CookieOptions): string {
  const secure = options.secure ? "; Secure" : "";
  return `${name}=${value}; Path=${options.path}; Max-Age=${options.maxAgeS}; HttpOnly; SameSite=Strict${secure}`;
}
