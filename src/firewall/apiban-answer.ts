import { formatNetwork, isSingle, parseNetwork } from "../base/ip.ts";
import { sortedUnique } from "./address-set.ts";
import type { FetchAnswer } from "./port.ts";
import { isLocal } from "./special-networks.ts";

/** What APIBAN's answers mean (`POST /api/get`, version 2). `ipaddress` is an array on success, mostly a text on error. */

/** A page has 250; one of more than this is none of APIBAN's. */
const MAX_PAGE = 2_000;

export interface Page {
  readonly addresses4: Uint32Array;
  readonly addresses6: readonly string[];
  /** Malformed, networks, private or loopback addresses. */
  readonly refused: number;
  readonly cursor: string;
}

export type ApibanAnswer =
  | { readonly type: "page"; readonly page: Page }
  | { readonly type: "end" }
  | { readonly type: "forbidden" }
  | { readonly type: "limited"; readonly retryAfterS: number | null }
  | { readonly type: "bad"; readonly why: string };

/** A cursor is a number; we send it back and store it, so it is nothing else. */
export function isCursor(value: unknown): value is string {
  return typeof value === "string" && /^[0-9]{1,20}$/.test(value);
}

export function readAnswer({ status, retryAfterS, body }: FetchAnswer): ApibanAnswer {
  switch (status) {
    case 200:
      return readPage(parseObject(body));
    case 400:
      return saysNoMore(parseObject(body)) ? { type: "end" } : { type: "bad", why: "status 400" };
    case 401:
    case 403:
      return { type: "forbidden" };
    case 429:
      return { type: "limited", retryAfterS };
    default:
      return { type: "bad", why: `status ${status}` };
  }
}

function readPage(answer: Readonly<Record<string, unknown>> | null): ApibanAnswer {
  if (answer === null) return { type: "bad", why: "no JSON object" };
  const { ipaddress, ID } = answer;
  if (saysNoMore(answer)) return { type: "end" };
  const cursor = Number.isSafeInteger(ID) ? String(ID) : ID;
  if (!Array.isArray(ipaddress) || !isCursor(cursor)) return { type: "bad", why: "no page of addresses" };
  if (ipaddress.length > MAX_PAGE) return { type: "bad", why: `a page of ${ipaddress.length} addresses` };
  const four: number[] = [];
  const six = new Set<string>();
  let refused = 0;
  for (const text of ipaddress as readonly unknown[]) {
    const network = typeof text === "string" && text.length <= 50 ? parseNetwork(text) : null;
    if (network === null || !isSingle(network) || isLocal(network)) refused++;
    else if (network.family === 4) four.push(Number(network.first));
    else six.add(formatNetwork(network));
  }
  return { type: "page", page: { addresses4: sortedUnique(four), addresses6: [...six], refused, cursor } };
}

function saysNoMore(answer: Readonly<Record<string, unknown>> | null): boolean {
  const said = answer?.["ipaddress"];
  return said === "no new bans" || (Array.isArray(said) && said.length === 1 && said[0] === "no new bans");
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}
