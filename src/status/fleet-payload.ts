/** Longest payload, bytes: what is longer is not even decoded. */
export const MAX_TEXT = 16_384;
/** Controls (C0, DEL, C1), line separators, and what turns the direction of text round. */
const HOSTILE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
/** Around a payload in what the page gets: keys, quotes, braces. */
const AROUND = 64;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Null: it is no UTF-8, or too long. */
export function textOf(payload: Uint8Array): string | null {
  if (payload.byteLength > MAX_TEXT) return null;
  try {
    return decoder.decode(payload);
  } catch {
    return null;
  }
}

/** Undefined when it is no payload that anybody could take. */
export function payloadOf(topic: string, text: string | null): unknown {
  if (text === null) return undefined;
  if (topic === "availability") return text;
  try {
    const payload: unknown = JSON.parse(text, (key, value: unknown) => {
      if (HOSTILE.test(key) || (typeof value === "string" && HOSTILE.test(value))) throw new Error("hostile text");
      return value;
    });
    return payload;
  } catch {
    return undefined;
  }
}

/** What keeping it costs: as it is written out again, which may be longer than it came (`1e20`). */
export function bytesOf(site: string, topic: string, payload: unknown): number {
  return encoder.encode(JSON.stringify(payload)).byteLength + site.length + topic.length + AROUND;
}

/** A site may not speak in another's name. */
export function ofSite(site: string, topic: string, payload: unknown): boolean {
  return topic !== "gateway" || (payload as { readonly site?: unknown }).site === site;
}

/** When a heartbeat says that it was sent, Unix time, ms; 0: it does not say. */
export function atOf(payload: unknown): number {
  const { atMs } = payload as { readonly atMs?: unknown };
  return typeof atMs === "number" ? atMs : 0;
}
