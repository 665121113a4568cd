import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { NO_STORE, safeHeaders } from "./headers.ts";
import type { Refusal } from "./refusal.ts";

/** What a request gets. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer | null;
}

const TEXT = "text/plain; charset=utf-8";
const JSON_TYPE = "application/json; charset=utf-8";

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { "Content-Type": JSON_TYPE, ...headers }, body: JSON.stringify(value) };
}

export function text(status: number, words: string, type = TEXT): Reply {
  return { status, headers: { "Content-Type": type }, body: words };
}

export function empty(headers: Readonly<Record<string, string>> = {}): Reply {
  return { status: 204, headers, body: null };
}

/** The browser asks for that page next, with GET. `to` is ours, never a part of the request. */
export function seeOther(to: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status: 303, headers: { Location: to, ...headers }, body: "" };
}

export function refused(refusal: Refusal, asJson: boolean): Reply {
  if (!asJson) {
    const reply = text(refusal.status, `${refusal.message}\n`);
    return { ...reply, headers: { ...reply.headers, ...refusal.headers } };
  }
  const error = { code: refusal.code, message: refusal.message, ...refusal.more };
  return json(refusal.status, { error }, refusal.headers);
}

/** Sends the reply, with the headers that are on all of them. To HEAD Node sends no body. */
export function send(response: ServerResponse, reply: Reply): void {
  const length = reply.body === null ? {} : { "Content-Length": String(Buffer.byteLength(reply.body)) };
  response.writeHead(reply.status, { ...safeHeaders, "Cache-Control": NO_STORE, ...reply.headers, ...length });
  if (reply.body === null) response.end();
  else response.end(reply.body);
}

/** The same on a bare connection that carries no further request: after an error of the protocol, or an upgrade. */
export function sendBare(stream: Duplex, refusal: Refusal): void {
  if (!stream.writable) {
    stream.destroy();
    return;
  }
  const body = `${refusal.message}\n`;
  const headers = {
    ...safeHeaders,
    "Cache-Control": NO_STORE,
    "Content-Type": TEXT,
    "Content-Length": String(Buffer.byteLength(body)),
    Connection: "close",
    ...refusal.headers,
  };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const words = STATUS_CODES[refusal.status] ?? "";
  stream.end(`HTTP/1.1 ${refusal.status} ${words}\r\n${head.join("")}\r\n${body}`, () => stream.destroy());
}
