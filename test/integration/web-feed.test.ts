import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { VirtualClock } from "../../src/base/virtual-clock.ts";
import { MAX_LISTENERS, MAX_SOCKETS, MAX_WAITING_BYTES } from "../../src/web/limits.ts";
import { ask, brokerState, Listening, logIn, startWeb, type WebRig } from "./support/web-rig.ts";

let clock: VirtualClock;
let rig: WebRig;
beforeEach(async () => {
  clock = new VirtualClock();
  rig = await startWeb({ clock, broker: true });
});
afterEach(() => rig.stop());

const message = (topic: string, payload: unknown) => ({ site: "north", topic, payload, retain: true });

describe("the feed", () => {
  it("begins with everything, and goes on with what changes, within 200 ms", async () => {
    const feed = new Listening(rig.port, await logIn(rig.port));
    const text = await feed.has('"site":"north"');
    expect(text).toContain("Content-Type: text/event-stream");
    expect(text).toContain("Cache-Control: no-store");
    expect(text).toMatch(/retry: 2000\n\n/);
    const snapshot = /event: snapshot\ndata: (.*)\n\n/.exec(await feed.has("nowMs"))?.[1] ?? "";
    expect(JSON.parse(snapshot)).toMatchObject({
      site: "north",
      messages: rig.gateway.messages,
      broker: brokerState,
      nowMs: expect.any(Number),
    });
    const delays: number[] = [];
    for (let at = 0; at < 100; at++) {
      const began = performance.now();
      rig.gateway.events.emit("message", message("lines/one", { at, text: "two\nlines\u2028" }));
      await feed.has(`"at":${at},`);
      delays.push(performance.now() - began);
    }
    delays.sort((a, b) => a - b);
    console.log(`feed: event to browser p50 ${delays[50]?.toFixed(2)} ms, max ${delays[99]?.toFixed(2)} ms`);
    expect(delays[50]).toBeLessThan(20);
    expect(delays[95]).toBeLessThan(200);
    rig.gateway.events.emit("broker", { ...brokerState, connected: false, fault: "gone" });
    await feed.has('event: broker\ndata: {"url"');
    rig.gateway.events.emit("message", message("alerts/x", null));
    expect(await feed.has('"payload":null')).toContain('event: message\ndata: {"site":"north","topic":"alerts/x"');
  });

  it("gives a sign of life every 15 s, and says goodbye when the gateway stops", async () => {
    const feed = new Listening(rig.port, await logIn(rig.port));
    await feed.has("event: snapshot");
    expect(feed.text).not.toContain("event: alive");
    clock.advanceTo(15_000);
    await feed.has("event: alive");
    await rig.stop();
    await feed.whenClosed;
    expect(feed.text).toContain('event: bye\ndata: {"reason":"stopping"}');
  });

  it("cuts off who does not read, keeps no more for him than it may, and goes on for the others", async () => {
    const cookie = await logIn(rig.port);
    const good = new Listening(rig.port, cookie);
    await good.has("event: snapshot");
    const lazy = connect({ host: "127.0.0.1", port: rig.port });
    lazy.on("error", () => undefined);
    lazy.write(`GET /api/feed HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${cookie}\r\n\r\n`);
    await expect.poll(() => rig.service.counts.listeners).toBe(2);
    lazy.pause();
    const before = process.memoryUsage().arrayBuffers;
    const words = "x".repeat(10_000);
    let sent = 0;
    while (rig.service.counts.listeners === 2) {
      if (sent > 100_000_000) throw new Error("it was never cut off");
      rig.gateway.events.emit("message", message("lines/one", { words, sent }));
      sent += words.length;
      await good.has(`"sent":${sent - words.length}}`);
    }
    console.log(`feed: a reader that does not read was cut off after ${(sent / 1e6).toFixed(1)} MB`);
    // The kernel's own buffers take some megabytes first; ours only what is allowed.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * MAX_WAITING_BYTES);
    expect(good.closed).toBe(false);
    // It may come back and gets everything anew.
    const again = new Listening(rig.port, cookie);
    await again.has("event: snapshot");
    lazy.destroy();
  });

  it("cuts off who takes nothing for a quarter of a minute, though little waits for him", async () => {
    rig.gateway.messages = [message("big", "x".repeat(30_000_000))];
    const cookie = await logIn(rig.port);
    const lazy = connect({ host: "127.0.0.1", port: rig.port });
    lazy.on("error", () => undefined);
    lazy.write(`GET /api/feed HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${cookie}\r\n\r\n`);
    await expect.poll(() => rig.service.counts.listeners).toBe(1);
    lazy.pause();
    clock.advanceTo(15_000);
    expect(rig.service.counts.listeners).toBe(1);
    clock.advanceTo(30_000);
    expect(rig.service.counts.listeners).toBe(0);
    lazy.destroy();
  });

  it("is there for 32 listeners, and for one more as soon as one has gone", async () => {
    const cookie = await logIn(rig.port);
    // From addresses of their own: one address may have 20 connections.
    const sockets = Array.from({ length: MAX_LISTENERS }, (_, at) => {
      const socket = connect({ host: "127.0.0.1", port: rig.port, localAddress: `127.0.4.${at + 1}` });
      socket.resume();
      socket.write(`GET /api/feed HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${cookie}\r\n\r\n`);
      return socket;
    });
    await expect.poll(() => rig.service.counts.listeners).toBe(MAX_LISTENERS);
    const more = await ask(rig.port, { path: "/api/feed", headers: { Cookie: cookie } });
    expect([more.status, more.headers.get("retry-after")]).toEqual([503, "10"]);
    sockets[0]?.destroy();
    await expect.poll(() => rig.service.counts.listeners).toBe(MAX_LISTENERS - 1);
    await new Listening(rig.port, cookie).has("event: snapshot");
    for (const socket of sockets) socket.destroy();
  });

  it("of twenty connections of one address none is too many, and the next one is cut off", async () => {
    // A stranger is not given so many.
    await logIn(rig.port);
    const sockets = Array.from({ length: 20 }, () => connect({ host: "127.0.0.1", port: rig.port }));
    await expect.poll(() => rig.service.counts.connections).toBe(20);
    expect((await ask(rig.port, { path: "/healthz" })).status).toBe(0);
    expect((await ask(rig.port, { path: "/healthz", from: "127.0.0.2" })).status).toBe(200);
    for (const socket of sockets) socket.destroy();
    await expect.poll(async () => (await ask(rig.port, { path: "/healthz" })).status).toBe(200);
  });
});

describe("MQTT over WebSocket", () => {
  const open = (protocols: string[], headers: Record<string, string> = {}) =>
    new WebSocket(`ws://127.0.0.1:${rig.port}/mqtt`, protocols, { headers });
  const refusal = async (socket: WebSocket) => {
    socket.on("error", () => undefined);
    const [, response] = await once(socket, "unexpected-response");
    socket.terminate();
    return response.statusCode;
  };

  it("reaches the broker as a stream of bytes, both ways, whatever bytes they are", async () => {
    const socket = open(["mqtt"], { Origin: rig.base });
    await once(socket, "open");
    expect(socket.protocol).toBe("mqtt");
    const { stream, address } = rig.gateway.brokerStreams[0] ?? {};
    if (stream === undefined) throw new Error("the broker got no stream");
    expect(address).toBe("127.0.0.1");
    const bytes = Buffer.concat([Buffer.from("\n\n\r\n\r\n".repeat(50)), Buffer.from([0, 255])]);
    stream.write(bytes);
    expect((await once(socket, "message"))[0]).toEqual(bytes);
    socket.send(bytes);
    expect((await once(stream, "data"))[0]).toEqual(bytes);
    socket.close();
    await once(stream, "close");
  });

  it("is refused to foreign pages, without the subprotocol, under a foreign name, and elsewhere", async () => {
    expect(await refusal(open(["mqtt"], { Origin: "http://evil.example" }))).toBe(403);
    expect(await refusal(open(["mqtt"], { Origin: "null" }))).toBe(403);
    expect(await refusal(open([]))).toBe(400);
    expect(await refusal(open(["chat"]))).toBe(400);
    expect(await refusal(open(["mqtt"], { Host: "evil.example" }))).toBe(421);
    expect(await refusal(new WebSocket(`ws://127.0.0.1:${rig.port}/api/feed`, ["mqtt"]))).toBe(404);
    expect(rig.gateway.brokerStreams).toEqual([]);
    const without = await startWeb();
    try {
      expect(await refusal(new WebSocket(`ws://127.0.0.1:${without.port}/mqtt`, ["mqtt"]))).toBe(404);
    } finally {
      await without.stop();
    }
  });

  it("has an end in number and in size, and is over when the gateway stops", async () => {
    const sockets = Array.from({ length: MAX_SOCKETS }, () => open(["mqtt"]));
    await Promise.all(sockets.map((socket) => once(socket, "open")));
    expect(await refusal(open(["mqtt"]))).toBe(503);
    const [first, ...others] = sockets;
    if (first === undefined) throw new Error("no socket");
    first.on("error", () => undefined);
    first.send(Buffer.alloc(70_000));
    await once(first, "close");
    const closed = others.map((socket) => once(socket, "close"));
    await rig.stop();
    await Promise.all(closed);
  });
});

describe("HTTPS", () => {
  it("gives a cookie that belongs to this host alone, and knows its own origin", async () => {
    const place = mkdtempSync(join(tmpdir(), "web-tls-"));
    const files = { cert: join(place, "cert.pem"), key: join(place, "key.pem") };
    const made = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost`;
    execFileSync("openssl", [...made.split(" "), "-keyout", files.key, "-out", files.cert], { stdio: "ignore" });
    const secure = await startWeb({ tls: { cert: readFileSync(files.cert), key: readFileSync(files.key) } });
    rmSync(place, { recursive: true });
    const base = `https://127.0.0.1:${secure.port}`;
    const post = (origin: string) =>
      new Promise<{ status: number; cookie: string }>((resolve, reject) => {
        const headers = { "Content-Type": "application/json", Origin: origin };
        const asked = request(`${base}/login`, { method: "POST", headers, rejectUnauthorized: false }, (response) => {
          response.resume();
          resolve({ status: response.statusCode ?? 0, cookie: response.headers["set-cookie"]?.[0] ?? "" });
        });
        asked.on("error", reject);
        asked.end(JSON.stringify({ password: secure.gateway.password }));
      });
    try {
      expect((await post(`http://127.0.0.1:${secure.port}`)).status).toBe(403);
      const { status, cookie } = await post(base);
      expect(status).toBe(204);
      expect(cookie).toMatch(/^__Host-paxgate_session=[A-Za-z0-9_-]{43}; Path=\/; .*; Secure$/);
    } finally {
      await secure.stop();
    }
  });
});
