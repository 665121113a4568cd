/** Why a request is not done. The codes are part of the interface (README.md). */
export const refusals = {
  "not-logged-in": 401,
  "wrong-password": 401,
  "too-many-attempts": 429,
  "cross-site": 403,
  "window-closed": 403,
  collected: 409,
  "bad-request": 400,
  "not-found": 404,
  method: 405,
  "too-large": 413,
  "too-long": 414,
  "content-type": 415,
  expectation: 417,
  "wrong-host": 421,
  "head-too-large": 431,
  "timed-out": 408,
  internal: 500,
  busy: 503,
  "no-page": 503,
} as const;
export type RefusalCode = keyof typeof refusals;

/** Ends a request. The message is for people; no text of the request is in it. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  /** More of the error's members. */
  readonly more: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: RefusalCode,
    message: string,
    more: Readonly<Record<string, unknown>> = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.code = code;
    this.more = more;
    this.headers = headers;
  }

  get status(): number {
    return refusals[this.code];
  }
}
