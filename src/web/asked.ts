import type { IncomingMessage, ServerResponse } from "node:http";
import { MAX_BODY_BYTES } from "./limits.ts";
import { Refusal } from "./refusal.ts";
import type { Reply } from "./reply.ts";
import type { Session } from "./sessions.ts";
import { provenanceOf } from "./sources.ts";

/** A request, as far as it has been looked at. */
export interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Canonical. */
  readonly address: string;
  readonly secure: boolean;
  readonly session: Session | null;
}

/** Null: the handler keeps the connection and answers by itself. */
export type Handler = (asked: Asked) => Reply | null | Promise<Reply | null>;

/** The media type of the body, without parameters. */
export function contentType(request: IncomingMessage): string {
  return (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

const FORM = "application/x-www-form-urlencoded";
const JSON_BODY = "application/json";

export function isForm(request: IncomingMessage): boolean {
  return contentType(request) === FORM;
}

/** Whether errors are to be told as JSON. */
export function wantsJson(request: IncomingMessage, path: string): boolean {
  if (path.startsWith("/api/") || contentType(request) === JSON_BODY) return true;
  return /(?:^|[\s,])application\/json(?:[;,\s]|$)/i.test(request.headers.accept ?? "");
}

/**
 * Refuses what a foreign page may have sent. A form tells where it comes from by Origin only; JSON can't be sent by a
 * foreign page without asking first, which is never granted, nor can the header of `/api/`.
 * @throws Refusal `cross-site` or `content-type`.
 */
export function refuseForeign(asked: Asked, path: string): void {
  const { headers } = asked.request;
  const fetchSite = headers["sec-fetch-site"];
  const provenance = provenanceOf({
    host: headers.host,
    origin: headers.origin,
    fetchSite: Array.isArray(fetchSite) ? fetchSite[0] : fetchSite,
    secure: asked.secure,
  });
  const api = path.startsWith("/api/");
  const form = isForm(asked.request);
  if (!form && contentType(asked.request) !== JSON_BODY) throw new Refusal("content-type", "Send application/json.");
  if (form && api) throw new Refusal("content-type", "Send application/json.");
  const unproven = form ? provenance === "unknown" : api && headers["x-paxgate"] !== "1";
  if (provenance === "foreign" || unproven) {
    throw new Refusal("cross-site", "This was not sent by the gateway's own page.");
  }
}

/**
 * The body as an object: JSON, or a form's fields.
 * @throws Refusal `too-large`, `bad-request`.
 */
export async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const words = await textOf(request);
  if (isForm(request)) return Object.fromEntries(new URLSearchParams(words));
  let value: unknown;
  try {
    value = JSON.parse(words);
  } catch {
    throw new Refusal("bad-request", "The body is not JSON.");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Refusal("bad-request", "The body is not a JSON object.");
  }
  return Object.fromEntries(Object.entries(value));
}

/** The connection of a request that is cut short carries no further one: its rest is not read. */
const CLOSE = { Connection: "close" };

function textOf(request: IncomingMessage): Promise<string> {
  const tooLarge = () => new Refusal("too-large", `The body is over ${MAX_BODY_BYTES} bytes.`, {}, CLOSE);
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) {
        request.pause();
        reject(tooLarge());
      } else chunks.push(chunk);
    });
    request.once("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    request.once("error", () => reject(new Refusal("bad-request", "The request broke off.", {}, CLOSE)));
    request.once("close", () => reject(new Refusal("bad-request", "The request broke off.", {}, CLOSE)));
  });
}
