import type { OperationName } from "../status/types.ts";
import { text } from "./text/text.ts";

/** The requests of the page. None rejects: an error is words for people. */

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ApiError };

export interface ApiError {
  /** As in the server's table; `unreachable` when there was no answer. */
  readonly code: string;
  readonly message: string;
}

const TIMEOUT_MS = 15_000;

/** Asks; the value is whatever JSON came back. */
export async function ask(path: string, body?: unknown): Promise<Outcome<unknown>> {
  try {
    const answer = await fetch(path, {
      ...(body === undefined
        ? { headers: { accept: "application/json" } }
        : {
            method: "POST",
            headers: { accept: "application/json", "content-type": "application/json", "x-paxgate": "1" },
            body: JSON.stringify(body),
          }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const value: unknown = answer.status === 204 ? null : await answer.json().catch(() => null);
    const error = errorOf(value);
    if (answer.ok && error === null) return { ok: true, value };
    return { ok: false, error: error ?? { code: `http-${answer.status}`, message: text.errors.http(answer.status) } };
  } catch {
    return { ok: false, error: { code: "unreachable", message: text.errors.unreachable } };
  }
}

/** The error within an answer, or null. */
function errorOf(value: unknown): ApiError | null {
  if (typeof value !== "object" || value === null || !("error" in value)) return null;
  const { error } = value;
  if (typeof error !== "object" || error === null) return null;
  const { code, message } = error as { code?: unknown; message?: unknown };
  return {
    code: typeof code === "string" ? code : "error",
    message: typeof message === "string" ? message.slice(0, 500) : text.errors.unknown,
  };
}

/** Does what somebody asked for. */
export function operate(name: OperationName, params: object): Promise<Outcome<unknown>> {
  return ask("/api/operation", { name, params });
}
