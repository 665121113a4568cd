import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { systemClock } from "../../src/base/clock.ts";
import { ask, exchange, logIn, PASSWORD, parse, startWeb, type WebRig } from "./support/web-rig.ts";

let rig: WebRig;
beforeEach(async () => {
  rig = await startWeb();
});
afterEach(() => rig.stop());

describe("paths", () => {
  it.each([
    "/../etc/passwd",
    "/../../../../etc/passwd",
    "/..%2f..%2fetc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/%252e%252e%252fetc/passwd",
    "/..\\..\\etc\\passwd",
    "/....//....//etc/passwd",
    "/assets/../../package.json",
    "/./index.html",
    "//index.html",
    "/index.html",
    "/login.html",
    "/index.html/",
    "/app.css/",
    "/app.css/../index.html",
    "/app.css%00.html",
    "/app.css.gz",
    "/.git/config",
    "/%",
    "/%c0%ae%c0%ae/etc/passwd",
    "/__proto__",
    "/constructor",
    "/api/../login",
    "/API/history",
    "/login/",
    "/\u00e4",
    "http://127.0.0.1/login",
    "http://evil.example/",
    "*",
  ])("%s leads nowhere", async (path) => {
    const answer = await ask(rig.port, { path, headers: { Cookie: await logIn(rig.port) } });
    // Node's parser refuses what is no target of a request (RFC 9112 section 3.2) before it gets to us.
    expect([400, 404]).toContain(answer.status);
    expect(answer.body).not.toContain("root:");
    expect(answer.body).not.toContain(path);
  });

  it("keep what comes behind the question mark to themselves", async () => {
    const answer = await ask(rig.port, { path: "/login?next=//evil.example&<script>alert(1)</script>" });
    expect(answer.status).toBe(200);
    expect(answer.body).not.toContain("alert");
  });
});

describe("methods", () => {
  it.each([
    ["PUT", "/login", "GET, HEAD, POST"],
    ["DELETE", "/api/operation", "POST"],
    ["PATCH", "/", "GET, HEAD"],
    ["OPTIONS", "/api/handout", "GET, HEAD, POST"],
    ["TRACE", "/", "GET, HEAD"],
    ["GET", "/logout", "POST"],
    ["POST", "/healthz", "GET, HEAD"],
    ["PROPFIND", "/app.css", "GET, HEAD"],
  ])("%s %s is not done", async (method, path, allow) => {
    const answer = await ask(rig.port, { method, path });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, allow]);
  });
});

describe("sizes", () => {
  const JSON_TYPE = { "Content-Type": "application/json" };

  it("of target, head and body have an end", async () => {
    expect((await ask(rig.port, { path: `/login?${"x".repeat(1_100)}` })).status).toBe(414);
    expect((await ask(rig.port, { path: "/login", headers: { "X-Long": "x".repeat(9_000) } })).status).toBe(431);
    const long = { method: "POST", path: "/login", headers: JSON_TYPE, body: "x".repeat(8_193) };
    expect((await ask(rig.port, long)).status).toBe(413);
    expect((await ask(rig.port, { ...long, body: "x".repeat(8_192) })).status).toBe(400);
  });

  it("of a body of unknown length have an end as well, and what follows is not read", async () => {
    const head = `POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n`;
    const chunk = `1000\r\n${"x".repeat(4_096)}\r\n`;
    const answer = parse(await exchange(rig.port, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(3)}`));
    expect([answer.status, answer.headers.get("connection")]).toEqual([413, "close"]);
  });

  it("of a thousand headers don't matter", async () => {
    const headers = Array.from({ length: 1_000 }, (_, at) => `a${at}: b\r\n`).join("");
    const text = await exchange(
      rig.port,
      `GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${headers}\r\n`,
    );
    expect([200, 400, 431]).toContain(parse(text).status);
    expect((await ask(rig.port, { path: "/healthz" })).status).toBe(200);
  });

  it("of deeply nested JSON, and its odd keys, do no harm", async () => {
    const post = (body: string, cookie: string) =>
      ask(rig.port, {
        method: "POST",
        path: "/api/operation",
        headers: { ...JSON_TYPE, "X-Paxgate": "1", Cookie: cookie },
        body,
      });
    const cookie = await logIn(rig.port);
    expect((await post("[".repeat(8_000), cookie)).status).toBe(400);
    expect((await post('{"__proto__":{"name":"call/test"}}', cookie)).status).toBe(400);
    expect((await post('{"constructor":1,"name":"__proto__"}', cookie)).status).toBe(400);
    expect(rig.gateway.performed).toEqual([]);
    expect(({} as Record<string, unknown>)["name"]).toBeUndefined();
  });
});

describe("requests that are none", () => {
  it.each([
    ["no host", "GET /login HTTP/1.1\r\n\r\n", 400],
    ["two lengths", "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400],
    [
      "length and chunks",
      "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    ["bare line feeds in a header", "GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\nY: b\r\n\r\n", 400],
    ["a space before the colon", "GET /login HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n", 400],
    ["another protocol", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400],
    ["SIP", "OPTIONS sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP x\r\n\r\n", 400],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
  ])("%s", async (_name, bytes, status) => {
    expect(parse(await exchange(rig.port, bytes)).status).toBe(status);
  });

  it("sent one behind the other without waiting are cut off", async () => {
    const one = "GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    const text = await exchange(rig.port, one.repeat(1_000));
    expect(text.split("HTTP/1.1 200").length - 1).toBeLessThanOrEqual(1);
  });
});

describe("slow requests", () => {
  // From an address each: a stranger is not given five connections on which he says nothing.
  let host = 1;
  const slow = (bytes: string, more: string | null) =>
    new Promise<{ status: number; ms: number }>((resolve) => {
      const began = performance.now();
      let text = "";
      const socket = connect({ host: "127.0.0.1", port: rig.port, localAddress: `127.0.6.${host++}` });
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
      });
      socket.on("error", () => undefined);
      socket.write(bytes);
      const timer = setInterval(() => more !== null && socket.write(more), 200);
      socket.once("close", () => {
        clearInterval(timer);
        resolve({ status: parse(text).status, ms: performance.now() - began });
      });
    });

  it("are cut off in time: no head, half a head, half a body, a rest after the answer", async () => {
    const head = "GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n";
    const post = "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n";
    const [nothing, half, drip, body, rest] = await Promise.all([
      slow("", null),
      slow(head, null),
      slow(`${head}X-Slow: `, "a"),
      slow(`${post}Content-Length: 4000\r\n\r\n{`, " "),
      slow(`${head}\r\n`, null),
    ]);
    for (const one of [nothing, half, drip]) expect(one.ms).toBeLessThan(7_500);
    expect([half.status, drip.status]).toEqual([408, 408]);
    expect(body.status).toBe(408);
    expect(body.ms).toBeLessThan(12_500);
    expect(rest.status).toBe(200);
    expect(rest.ms).toBeLessThan(7_500);
  }, 20_000);
});

describe("strangers", () => {
  const opened: Socket[] = [];
  afterEach(() => {
    for (const socket of opened.splice(0)) socket.destroy();
  });

  /** Opens as many connections as it is asked, each with the beginning of a request. */
  const hold = async (hosts: number, each: number, bytes: string) => {
    const made: Promise<unknown>[] = [];
    for (let at = 0; at < each; at++) {
      for (let host = 1; host <= hosts; host++) {
        const socket = connect({ host: "127.0.0.1", port: rig.port, localAddress: `127.0.5.${host}` });
        opened.push(socket);
        made.push(new Promise((resolve) => socket.once("connect", resolve)));
        socket.on("error", () => undefined);
        socket.write(bytes);
      }
      await Promise.all(made.splice(0));
    }
    // Those that were refused are known to be when this one has been answered.
    await ask(rig.port, { path: "/healthz", from: "127.0.6.1" });
  };
  const HEAD = "GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n";

  it("have four connections each as long as they have sent no whole head", async () => {
    await hold(9, 20, HEAD);
    expect(rig.service.counts.connections).toBeLessThanOrEqual(9 * 4 + 1);
    for (let at = 0; at < 20; at++) {
      expect((await ask(rig.port, { path: "/login", from: "127.0.0.77" })).status).toBe(200);
    }
  });

  it.each([
    ["unfinished heads", HEAD, 4],
    ["requests and a rest after them", `${HEAD}\r\n`, 6],
    [
      "unfinished bodies",
      `POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{`,
      6,
    ],
  ])("with %s from 41 addresses keep nobody out, not when the password was just made anew", async (_, bytes, each) => {
    await logIn(rig.port);
    await hold(41, each, bytes);
    rig.gateway.events.emit("changed");
    for (let at = 0; at < 10; at++) await logIn(rig.port);
    const fresh = { method: "POST", path: "/login", json: { password: PASSWORD }, from: "127.0.0.78" };
    expect((await ask(rig.port, fresh)).status).toBe(204);
  });

  it("ask as often as they are let: who has logged in is served, also under a new password", async () => {
    await logIn(rig.port);
    rig.gateway.events.emit("changed");
    const asked = Array.from({ length: 600 }, (_, at) =>
      ask(rig.port, { path: "/healthz", from: `127.0.5.${1 + (at % 41)}` }),
    );
    const served = (await Promise.all(asked)).filter(({ status }) => status === 200).length;
    expect(served).toBeLessThan(600);
    for (let at = 0; at < 20; at++) expect((await ask(rig.port, { path: "/login" })).status).toBe(200);
  });

  it("have more than four connections by HTTPS as well, once they have asked", async () => {
    const place = mkdtempSync(join(tmpdir(), "web-tls-"));
    const [cert, key] = [join(place, "cert.pem"), join(place, "key.pem")];
    const made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost";
    execFileSync("openssl", [...made.split(" "), "-keyout", key, "-out", cert], { stdio: "ignore" });
    const secure = await startWeb({ tls: { cert: readFileSync(cert), key: readFileSync(key) } });
    rmSync(place, { recursive: true });
    const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
    const page = () =>
      new Promise<number>((resolve, reject) => {
        const asked = request(`https://127.0.0.1:${secure.port}/login`, { agent }, (response) => {
          response.resume();
          response.once("end", () => resolve(response.statusCode ?? 0));
        });
        asked.once("error", reject);
        asked.end();
      });
    try {
      expect(await page()).toBe(200);
      // The first of them goes on the connection that is there; the others need one each.
      expect(await Promise.all(Array.from({ length: 7 }, page))).toEqual(Array(7).fill(200));
      expect(secure.service.counts.connections).toBe(7);
    } finally {
      agent.destroy();
      await secure.stop();
    }
  });

  it("at one address leave the broker's WebSockets to others", async () => {
    const withBroker = await startWeb({ broker: true });
    const open = (from: string) => {
      const socket = new WebSocket(`ws://127.0.0.1:${withBroker.port}/mqtt`, ["mqtt"], { localAddress: from });
      return new Promise<number>((resolve) => {
        socket.on("error", () => undefined);
        socket.once("open", () => resolve(101));
        socket.once("unexpected-response", (_request, answer) => resolve(answer.statusCode ?? 0));
      });
    };
    try {
      const taken: number[] = [];
      for (let at = 0; at < 6; at++) taken.push(await open("127.0.5.1"));
      expect(taken).toEqual([101, 101, 101, 101, 503, 503]);
      expect(await open("127.0.5.2")).toBe(101);
    } finally {
      await withBroker.stop();
    }
  });
});

const attacker = fileURLToPath(new URL("support/web-attacker.mjs", import.meta.url));

/** In ms, and the process's share of one processor. */
type Figures = Record<"p50" | "p99" | "max" | "wallP99" | "cpuPercent", number>;

/**
 * How late a loop of 20 ms is, as the gateway's audio has it, while somebody else works on the same event loop. Late by
 * its own work: not more than the process has computed meanwhile. The rest (`wallP99` has it) is due to whatever else
 * the machine does.
 */
async function lateness(work: () => Promise<unknown>): Promise<Figures> {
  const own: number[] = [];
  const wall: number[] = [];
  const beganMs = systemClock.now();
  const before = process.cpuUsage();
  const usedMs = () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
  let lastMs = 0;
  let atMs = beganMs + 20;
  const tick = () => {
    const lateMs = systemClock.now() - atMs;
    const nowUsedMs = usedMs();
    wall.push(lateMs);
    own.push(Math.min(lateMs, nowUsedMs - lastMs));
    lastMs = nowUsedMs;
    // What was missed is not made up for: the next one is 20 ms from now.
    atMs = systemClock.now() + 20;
    cancel = systemClock.at(atMs, tick);
  };
  let cancel = systemClock.at(atMs, tick);
  await work();
  cancel();
  const at = (values: number[], share: number) =>
    values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
  const cpuPercent = (100 * usedMs()) / (systemClock.now() - beganMs);
  return { p50: at(own, 0.5), p99: at(own, 0.99), max: at(own, 1), wallP99: at(wall, 0.99), cpuPercent };
}

describe("a thousand connections", () => {
  it.each([
    ["idle", 1],
    ["idle", 400],
    ["loris", 1],
    ["loris", 400],
    ["requests", 1],
    ["requests", 400],
    ["pipeline", 400],
    ["garbage", 400],
    ["body", 400],
  ])(
    "%s from %d addresses: the loop of 20 ms goes on, and who has logged in before is served",
    async (mode, sources) => {
      const cookie = await logIn(rig.port);
      let most = 0;
      const served: number[] = [];
      const figures = await lateness(async () => {
        const args = [attacker, mode, String(rig.port), "1000", String(sources), "3000"];
        const attack = promisify(execFile)(process.execPath, args);
        let over = false;
        const done = attack.finally(() => {
          over = true;
        });
        while (!over) {
          const began = performance.now();
          const answer = await ask(rig.port, { path: "/api/history", headers: { Cookie: cookie } });
          if (answer.status === 200) served.push(performance.now() - began);
          most = Math.max(most, rig.service.counts.connections);
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
        const { opened } = JSON.parse((await done).stdout);
        expect(opened).toBeGreaterThanOrEqual(1_000);
      });
      const worst = Math.max(...served);
      console.log(
        `${mode} from ${sources}: late p50 ${figures.p50.toFixed(1)} p99 ${figures.p99.toFixed(1)} ` +
          `max ${figures.max.toFixed(1)} ms (others included p99 ${figures.wallP99.toFixed(1)}), ${figures.cpuPercent.toFixed(0)} % CPU; ${served.length} served, worst ${worst.toFixed(0)} ms; ${most} connections`,
      );
      expect(most).toBeLessThanOrEqual(200);
      // A connection for which there is no place at once is tried again by the kernel a second later.
      expect(served.length).toBeGreaterThanOrEqual(2);
      // Five thousand connections a second are made here: each packet of them is some milliseconds of accepting. On a
      // machine that has nothing else to do p99 is 10 to 20 ms. Without the limits the loop stands still for seconds.
      expect(figures.p99).toBeLessThan(40);
      expect(figures.max).toBeLessThan(150);
    },
    30_000,
  );
});
