import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const PAGE = 250;
const FIRST = "100";
/** Cursors of the real one are large numbers. */
const BASE = 9_876_543_210;

export interface ApibanRequest {
  readonly method: string;
  readonly path: string;
  readonly key: string;
  readonly cursor: string;
}

/**
 * APIBAN as far as it is documented: pages of 250, oldest first, the cursor of the next one in `ID`; 400 at the end,
 * 403 for a wrong key, 429 for too many calls. `hostile` answers in its place.
 */
export class FakeApiban {
  readonly requests: ApibanRequest[] = [];
  addresses: string[];
  key = "given-key";
  /** Calls that are answered before 429; `forgive` begins a new period of two minutes. */
  callsAllowed = Number.POSITIVE_INFINITY;
  retryAfterS: number | null = null;
  heard: (request: ApibanRequest) => void = () => undefined;
  hostile: ((response: ServerResponse, request: ApibanRequest) => void) | null = null;
  #calls = 0;
  readonly #server: Server;

  constructor(addresses: readonly string[] = []) {
    this.addresses = [...addresses];
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  async start(port = 0): Promise<void> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  forgive(): void {
    this.#calls = 0;
  }

  /** The cursors asked for, in order. */
  get cursors(): string[] {
    return this.requests.map(({ cursor }) => cursor);
  }

  /** The cursor that a page ending with this many addresses gave out. */
  cursorAfter(count: number): string {
    return String(BASE + count);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += String(chunk);
    const asked = readBody(body);
    const key = /^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
    const seen = { method: request.method ?? "", path: request.url ?? "", key, cursor: asked.id };
    this.requests.push(seen);
    this.heard(seen);
    if (this.hostile !== null) return this.hostile(response, seen);
    if (seen.method !== "POST" || seen.path !== "/api/get" || asked.set !== "sip") {
      return reply(response, 404, { ipaddress: "none", ID: "not found" });
    }
    if (key !== this.key) return reply(response, 403, { ipaddress: "none", ID: "unauthorized" });
    if (++this.#calls > this.callsAllowed) {
      if (this.retryAfterS !== null) response.setHeader("retry-after", this.retryAfterS);
      return reply(response, 429, { ipaddress: "rate limit exceeded", ID: "none" });
    }
    const from = asked.id === FIRST ? 0 : Number(asked.id) - BASE;
    const page = this.addresses.slice(from, from + PAGE);
    if (page.length === 0) return reply(response, 400, { ipaddress: ["no new bans"], ID: "none" });
    reply(response, 200, { ipaddress: page, ID: this.cursorAfter(from + page.length) });
  }
}

function readBody(text: string): { set: unknown; id: string } {
  const { set, id } = JSON.parse(text) as Record<string, unknown>;
  return { set, id: String(id) };
}

export function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}
