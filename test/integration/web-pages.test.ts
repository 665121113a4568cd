import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GatewayError } from "../../src/base/errors.ts";
import { safeHeaders } from "../../src/web/headers.ts";
import { ask, gatewayMessage, logIn, startWeb, type WebRig } from "./support/web-rig.ts";

let rig: WebRig;
let cookie: string;
beforeEach(async () => {
  rig = await startWeb({ metricsFrom: ["127.0.0.9"] });
  cookie = await logIn(rig.port);
});
afterEach(() => rig.stop());

describe("what is answered without a session", () => {
  it.each([
    ["/login", 200],
    ["/handout", 200],
    ["/healthz", 200],
    ["/app.css", 200],
    ["/api/handout", 200],
    ["/", 303],
    ["/api/feed", 401],
    ["/api/history", 401],
    ["/metrics", 401],
    ["/index.html", 404],
    ["/nothing", 404],
    ["/api/nothing", 404],
  ])("%s: %d", async (path, status) => {
    expect((await ask(rig.port, { path })).status).toBe(status);
  });

  it("an operation is refused and never reaches the gateway", async () => {
    const answer = await ask(rig.port, { method: "POST", path: "/api/operation", json: { name: "asterisk/restart" } });
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.body)).toEqual({ error: { code: "not-logged-in", message: "Log in first." } });
    expect(rig.gateway.performed).toEqual([]);
  });
});

describe("what is answered with a session", () => {
  it("gives the dashboard, the history and the metrics", async () => {
    const page = await ask(rig.port, { headers: { Cookie: cookie } });
    expect([page.status, page.body]).toEqual([200, "<!doctype html><title>dashboard</title>"]);
    expect(page.headers.get("cache-control")).toBe("no-store");
    const history = await ask(rig.port, { path: "/api/history", headers: { Cookie: cookie } });
    expect(JSON.parse(history.body)).toMatchObject({ stepMs: 60_000, dropped: [1] });
    const metrics = await ask(rig.port, { path: "/metrics", headers: { Cookie: cookie } });
    expect(metrics.body).toBe("paxgate_up 1\n");
    expect(metrics.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  });

  it("leads from the login page to the dashboard", async () => {
    const answer = await ask(rig.port, { path: "/login", headers: { Cookie: cookie } });
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/"]);
  });

  it("answers operations, also those that go wrong, without a trace of the inside", async () => {
    const perform = (json: unknown) =>
      ask(rig.port, { method: "POST", path: "/api/operation", json, headers: { Cookie: cookie } });
    const fine = await perform({ name: "line/block", params: { line: "one" }, transaction: "t-1" });
    expect(JSON.parse(fine.body)).toEqual({ status: "ok", error: null, transaction: "t-1", data: { done: true } });
    expect(rig.gateway.performed).toEqual([{ name: "line/block", params: { line: "one" }, by: "web:127.0.0.1" }]);

    rig.gateway.perform = async () => {
      throw new GatewayError("unknown-line", "there is no such line");
    };
    expect(JSON.parse((await perform({ name: "line/block" })).body)).toEqual({
      status: "error",
      error: { code: "unknown-line", message: "there is no such line" },
      transaction: null,
      data: null,
    });

    rig.gateway.perform = async () => {
      throw new TypeError("inside");
    };
    const broken = await perform({ name: "line/block" });
    expect(broken.body).not.toContain("inside");
    expect(JSON.parse(broken.body)).toMatchObject({ status: "error", error: { code: "internal" } });

    for (const bad of [{ name: "toString" }, { name: 7 }, {}, { name: "call/test", transaction: "x".repeat(65) }]) {
      expect((await perform(bad)).status).toBe(400);
    }
  });

  it("does at most eight operations at once", async () => {
    const ends: (() => void)[] = [];
    rig.gateway.perform = () => new Promise<void>((resolve) => ends.push(resolve));
    const perform = () =>
      ask(rig.port, {
        method: "POST",
        path: "/api/operation",
        json: { name: "call/test" },
        headers: { Cookie: cookie },
      });
    const eight = Array.from({ length: 8 }, perform);
    await expect.poll(() => ends.length).toBe(8);
    expect((await perform()).status).toBe(503);
    for (const end of ends) end();
    expect((await Promise.all(eight)).map(({ status }) => status)).toEqual(Array(8).fill(200));
  });
});

describe("headers", () => {
  it("are on every answer, errors of the protocol included", async () => {
    const asked = [
      {},
      { path: "/login" },
      { path: "/nothing" },
      { path: "/app.css" },
      { path: "/api/history" },
      { path: "/healthz" },
      { path: "/", headers: { Host: "evil.example" } },
      { method: "DELETE" },
      { method: "OPTIONS", path: "/api/operation" },
      { method: "POST", path: "/login", json: { password: "wrong" } },
      { path: "/mqtt", headers: { Connection: "Upgrade", Upgrade: "websocket" } },
      { path: "/login", headers: { Expect: "a miracle" } },
      { method: "CONNECT", path: "evil.example:443" },
      { method: "NONSENSE" },
      { path: `/${"x".repeat(9_000)}` },
    ];
    for (const question of asked) {
      const answer = await ask(rig.port, question);
      expect(answer.status, JSON.stringify(question).slice(0, 80)).toBeGreaterThan(0);
      for (const [name, value] of Object.entries(safeHeaders)) {
        expect(answer.headers.get(name.toLowerCase()), `${JSON.stringify(question).slice(0, 80)} ${name}`).toBe(value);
      }
      expect(answer.headers.has("server")).toBe(false);
      expect(answer.headers.has("x-powered-by")).toBe(false);
      expect(answer.headers.has("access-control-allow-origin")).toBe(false);
    }
  });

  it("let nobody keep what was made for one request, and everybody keep what never changes", async () => {
    const keep = async (path: string) =>
      (await ask(rig.port, { path, headers: { Cookie: cookie } })).headers.get("cache-control");
    for (const path of ["/", "/handout", "/api/history", "/metrics", "/healthz", "/api/handout"]) {
      expect(await keep(path), path).toBe("no-store");
    }
    expect(await keep("/app-5F3KQ2ZD.js")).toBe("public, max-age=31536000, immutable");
    expect(await keep("/app.css")).toBe("no-cache");
  });
});

describe("static files", () => {
  it("come compressed to those who take it, and not again to those who have them", async () => {
    const packed = await ask(rig.port, { path: "/app.css", headers: { "Accept-Encoding": "br, gzip;q=0.5" } });
    expect([packed.headers.get("content-encoding"), packed.body]).toEqual(["gzip", "gzipped"]);
    const plain = await ask(rig.port, { path: "/app.css", headers: { "Accept-Encoding": "gzip;q=0" } });
    expect([plain.headers.get("content-encoding"), plain.body]).toEqual([undefined, "body{margin:0}"]);
    const etag = plain.headers.get("etag") ?? "";
    const again = await ask(rig.port, { path: "/app.css", headers: { "If-None-Match": `"other", W/${etag}` } });
    expect([again.status, again.body]).toEqual([304, ""]);
  });

  it("answer HEAD like GET, without a body", async () => {
    const get = await ask(rig.port, { path: "/app.css" });
    const head = await ask(rig.port, { method: "HEAD", path: "/app.css" });
    expect([head.status, head.body]).toEqual([200, ""]);
    expect(head.headers.get("content-length")).toBe(get.headers.get("content-length"));
    const feed = await ask(rig.port, { method: "HEAD", path: "/api/feed", headers: { Cookie: cookie } });
    expect([feed.status, feed.body]).toEqual([200, ""]);
  });

  it("missing altogether are told in words, and the rest goes on", async () => {
    const bare = await startWeb({ assets: "/nonexistent/web" });
    try {
      const page = await ask(bare.port, { path: "/login" });
      expect(page.status).toBe(503);
      expect(page.body).toContain("files are missing");
      expect((await ask(bare.port, { path: "/healthz" })).status).toBe(200);
      await logIn(bare.port);
    } finally {
      await bare.stop();
    }
  });
});

describe("/healthz and /metrics", () => {
  it.each([
    ["ready", 200],
    ["degraded", 200],
    ["starting", 503],
    ["faulty", 503],
  ])("a gateway that is %s: %d, whatever name is used", async (state, status) => {
    rig.gateway.messages = [{ ...gatewayMessage("faulty"), site: "elsewhere" }, gatewayMessage(state)];
    const answer = await ask(rig.port, { path: "/healthz", headers: { Host: "watch.example" } });
    expect([answer.status, answer.body]).toEqual([status, status === 200 ? "ok\n" : `${state}\n`]);
  });

  it("gives metrics without session only to the addresses that may", async () => {
    const headers = { Host: "gateway.event.example:8080" };
    expect((await ask(rig.port, { path: "/metrics", from: "127.0.0.9", headers })).body).toBe("paxgate_up 1\n");
    expect((await ask(rig.port, { path: "/metrics", from: "127.0.0.8" })).status).toBe(401);
    expect((await ask(rig.port, { path: "/api/history", from: "127.0.0.9" })).status).toBe(401);
  });
});

describe("the port", () => {
  it.each([
    ["loopback", "127.0.0.1"],
    ["loopback", "[::1]"],
    ["lan", "127.0.0.1"],
    ["lan", "[::1]"],
  ])("%s is reached at %s", async (listen, host) => {
    const other = await startWeb({ listen });
    try {
      const answer = await fetch(`http://${host}:${other.port}/healthz`);
      expect([answer.status, await answer.text()]).toEqual([200, "ok\n"]);
    } finally {
      await other.stop();
    }
  });

  it("that is taken is an error with a code, and stopping is possible at any time, twice", async () => {
    const second = startWeb({ port: rig.port });
    await expect(second).rejects.toMatchObject({ code: "web-port" });
    await rig.stop();
    await rig.stop();
    await expect(ask(rig.port, {})).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("is cut off at once for addresses that are not admitted", async () => {
    rig.gateway.refusedAddresses.add("127.0.0.66");
    expect((await ask(rig.port, { path: "/healthz", from: "127.0.0.66" })).status).toBe(0);
    expect((await ask(rig.port, { path: "/healthz", from: "127.0.0.67" })).status).toBe(200);
  });
});
