import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createPlainServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { FetchRequest } from "../firewall/port.ts";
import { HttpFetch } from "./http-fetch.ts";

let server: Server | undefined;

afterEach(async () => {
  if (server === undefined) return;
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
  server = undefined;
});

async function serving(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const ask = (url: string, more: Partial<FetchRequest> = {}, signal = new AbortController().signal) =>
  new HttpFetch().request(
    { method: "GET", url, headers: {}, body: null, maxBytes: 1_000, timeoutMs: 2_000, ...more },
    signal,
  );

describe("HTTP for lists", () => {
  it("sends a body and headers, and gives any status with its body", async () => {
    const url = await serving(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      response.writeHead(429, { "retry-after": "17" }).end(`${request.method} ${request.headers["x-mark"]} ${body}`);
    });
    const answer = await ask(url, { method: "POST", body: "grüß", headers: { "x-mark": "7" } });
    expect(answer).toEqual({ status: 429, retryAfterS: 17, body: "POST 7 grüß" });
  });

  it("takes no date for seconds", async () => {
    const url = await serving((_, response) =>
      response.writeHead(503, { "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT" }).end(),
    );
    expect((await ask(url)).retryAfterS).toBe(null);
  });

  it("follows no redirect and no proxy", async () => {
    let asked = 0;
    const url = await serving((_, response) => {
      asked++;
      response.writeHead(301, { location: "/elsewhere" }).end();
    });
    process.env["http_proxy"] = "http://127.0.0.1:1";
    try {
      expect((await ask(url)).status).toBe(301);
    } finally {
      delete process.env["http_proxy"];
    }
    expect(asked).toBe(1);
  });

  it("ends over too much, also when its length is not told", async () => {
    const url = await serving((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write("x".repeat(500)));
      };
      response.on("drain", more);
      more();
    });
    await expect(ask(url)).rejects.toMatchObject({ code: "http-too-large" });
  });

  it("ends an answer that drips", async () => {
    const url = await serving((_, response) => {
      const timer = setInterval(() => response.write("."), 20);
      response.on("close", () => clearInterval(timer));
    });
    await expect(ask(url, { timeoutMs: 200 })).rejects.toMatchObject({ code: "timeout" });
  });

  it("ends when nothing is answered, and when it is no longer wanted", async () => {
    const url = await serving(() => undefined);
    await expect(ask(url, { timeoutMs: 100 })).rejects.toMatchObject({ code: "timeout" });
    const life = new AbortController();
    const asked = ask(url, {}, life.signal);
    life.abort();
    await expect(asked).rejects.toMatchObject({ code: "http-failed" });
    await expect(ask(url, {}, life.signal)).rejects.toMatchObject({ code: "http-failed" });
  });

  it("tells failures without the path, which may hold a key", async () => {
    const url = await serving((_, response) => response.destroy());
    const failure = await ask(`${url}/api/secret-key/banned`).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "http-failed" });
    expect(String(failure)).not.toContain("secret-key");
    await expect(ask("ftp://127.0.0.1/")).rejects.toMatchObject({ code: "http-failed" });
    await expect(ask("no address")).rejects.toMatchObject({ code: "http-failed" });
  });

  it("survives what is no HTTP, and headers without end", async () => {
    for (const text of ["SSH-2.0-OpenSSH_9.2\r\n", `HTTP/1.1 200 OK\r\nX: ${"y".repeat(40_000)}`]) {
      const plain = createPlainServer((socket) => socket.on("error", () => undefined).end(text));
      plain.listen(0, "127.0.0.1");
      await once(plain, "listening");
      const url = `http://127.0.0.1:${(plain.address() as AddressInfo).port}`;
      await expect(ask(url)).rejects.toMatchObject({ code: "http-failed" });
      plain.close();
    }
  });
});
