import { request } from "node:http";
import { MAX_XML_BYTES } from "./igd-xml.ts";

/** Longest for one request with all of its answer, ms. */
const LIMIT_MS = 3_000;
const MAX_HEADER_BYTES = 8_192;

export interface RouterRequest {
  readonly url: string;
  /** Our address at the router's network. */
  readonly from: string;
  /** Null asks for a document. */
  readonly soap: { readonly action: string; readonly body: string } | null;
}

export interface RouterAnswer {
  readonly status: number;
  readonly body: string;
}

/**
 * One request to the router. Null when no whole answer came in time, or it was larger than a router's are. Never
 * follows a redirect: its status is an answer like any other. The caller has checked where the URL leads.
 */
export function askRouter(what: RouterRequest, signal: AbortSignal): Promise<RouterAnswer | null> {
  return new Promise((resolve) => {
    const life = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
    const post = what.soap === null ? {} : postHeaders(what.soap);
    const asked = request(what.url, {
      method: what.soap === null ? "GET" : "POST",
      headers: { connection: "close", "user-agent": "paxgate UPnP/1.1", ...post },
      agent: false,
      family: 4,
      localAddress: what.from,
      maxHeaderSize: MAX_HEADER_BYTES,
      signal: life,
    });
    const giveUp = () => {
      resolve(null);
      asked.destroy();
    };
    asked.on("error", giveUp);
    asked.on("response", (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_XML_BYTES) giveUp();
        else chunks.push(chunk);
      });
      response.on("error", giveUp);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      response.on("close", () => resolve(null));
    });
    asked.end(what.soap?.body);
  });
}

function postHeaders(soap: { readonly action: string; readonly body: string }): Record<string, string> {
  return {
    "content-type": 'text/xml; charset="utf-8"',
    "content-length": String(Buffer.byteLength(soap.body)),
    soapaction: soap.action,
  };
}
