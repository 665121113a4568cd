import { type OperationName, operationNames } from "./types.ts";

/**
 * Requests over MQTT. Whoever may publish on the topic may ask; so a request is small, strict, rare, and performed
 * once, however often the broker delivers it.
 */

/** Longest request, bytes. */
export const LONGEST_REQUEST = 4_096;
/** Longest transaction, characters; and what it may be made of, for it is sent back and logged. */
const TRANSACTION = /^[\x20-\x7e]{1,64}$/;
/** A name that may stand in the answer's topic, whether or not it is known. */
const PLAIN_NAME = /^[a-z0-9-]{1,32}(?:\/[a-z0-9-]{1,32})?$/;
/** Where the answer goes when the request's name cannot stand in a topic. */
const NAMELESS = "invalid";

/** A fault for the answer. */
export interface RequestFault {
  readonly code: "unknown-request" | "invalid-request";
  readonly message: string;
}

export interface ParsedRequest {
  /** The answer's topic, below `response/`. */
  readonly answerTo: string;
  readonly transaction: string | null;
  readonly request:
    | { readonly ok: true; readonly name: OperationName; readonly params: Readonly<Record<string, unknown>> }
    | { readonly ok: false; readonly fault: RequestFault };
}

/**
 * Reads a request. Its payload is a JSON object: `transaction`, which comes back in the answer, and the operation's
 * parameters beside it. `topic`: what follows `request/`. Null when there is nothing to answer: an empty payload, as
 * the deletion of a retained message is one.
 */
export function parseRequest(topic: string, payload: Uint8Array): ParsedRequest | null {
  if (payload.length === 0) return null;
  const answerTo = PLAIN_NAME.test(topic) ? topic : NAMELESS;
  const refuse = (message: string, transaction: string | null = null): ParsedRequest => {
    return { answerTo, transaction, request: { ok: false, fault: { code: "invalid-request", message } } };
  };
  if (payload.length > LONGEST_REQUEST) return refuse(`a request has at most ${LONGEST_REQUEST} bytes`);
  const value = objectOf(payload);
  if (value === null) return refuse("a request is a JSON object");
  const { transaction = null, ...params } = value;
  if (transaction !== null && (typeof transaction !== "string" || !TRANSACTION.test(transaction))) {
    return refuse("transaction is a text of 1 to 64 printable ASCII characters");
  }
  const name = operationNames.find((one) => one === topic);
  if (name === undefined) {
    const fault = { code: "unknown-request", message: `requests are: ${operationNames.join(", ")}` } as const;
    return { answerTo, transaction, request: { ok: false, fault } };
  }
  return { answerTo, transaction, request: { ok: true, name, params } };
}

function objectOf(payload: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Requests a second, in the long run and at once. */
const RATE = 10;
const BURST = 20;

/** What is left of the rate; see `admit`. */
export interface RateState {
  readonly tokens: number;
  readonly atMs: number;
}

export const freshRate: RateState = { tokens: BURST, atMs: 0 };

/** Whether one more request may be taken at `nowMs` of a clock that never goes back, and what is left then. */
export function admit(state: RateState, nowMs: number): { readonly state: RateState; readonly admitted: boolean } {
  const tokens = Math.min(BURST, state.tokens + (Math.max(0, nowMs - state.atMs) / 1_000) * RATE);
  const admitted = tokens >= 1;
  return { state: { tokens: admitted ? tokens - 1 : tokens, atMs: nowMs }, admitted };
}
