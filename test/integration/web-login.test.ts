import { hostname } from "node:os";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SessionFile } from "../../src/app/status/session-file.ts";
import { VirtualClock } from "../../src/base/virtual-clock.ts";
import { SESSION_S } from "../../src/web/sessions.ts";
import { temporaryDirectory } from "./support/asterisk.ts";
import { ask, FakeGateway, KeptLog, Listening, logIn, PASSWORD, startWeb, type WebRig } from "./support/web-rig.ts";

const FORM = "application/x-www-form-urlencoded";
let clock: VirtualClock;
let log: KeptLog;
let rig: WebRig;
beforeEach(async () => {
  clock = new VirtualClock();
  log = new KeptLog();
  rig = await startWeb({ clock, log });
});
afterEach(() => rig.stop());

const enter = (password: string, from = "127.0.0.1") =>
  ask(rig.port, { method: "POST", path: "/login", json: { password }, from });
const history = async (cookie: string) =>
  (await ask(rig.port, { path: "/api/history", headers: { Cookie: cookie } })).status;

describe("logging in", () => {
  it("gives a cookie that no script reads and no foreign page uses", async () => {
    const answer = await enter(PASSWORD);
    expect(answer.status).toBe(204);
    expect(answer.headers.get("set-cookie")).toMatch(
      /^paxgate_session=[A-Za-z0-9_-]{43}; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Strict$/,
    );
    expect(await history(answer.headers.get("set-cookie")?.split(";")[0] ?? "")).toBe(200);
  });

  it("works with a bare form, as the page without script sends it", async () => {
    const headers = { "Content-Type": FORM, Origin: rig.base };
    const send = (password: string) =>
      ask(rig.port, { method: "POST", path: "/login", headers, body: `password=${encodeURIComponent(password)}` });
    const wrong = await send("nothing");
    expect([wrong.status, wrong.headers.get("location")]).toEqual([303, "/login?failed=wrong"]);
    expect(wrong.headers.has("set-cookie")).toBe(false);
    const right = await send(PASSWORD);
    expect([right.status, right.headers.get("location")]).toEqual([303, "/"]);
    expect(right.headers.get("set-cookie")).toContain("paxgate_session=");
    for (let failure = 0; failure < 5; failure++) await send("nothing");
    expect((await send(PASSWORD)).headers.get("location")).toBe("/login?failed=wait&seconds=1");
  });

  it("anew ends the browser's old session", async () => {
    const first = await logIn(rig.port);
    const again = await ask(rig.port, {
      method: "POST",
      path: "/login",
      json: { password: PASSWORD },
      headers: { Cookie: first },
    });
    expect(again.status).toBe(204);
    expect(await history(first)).toBe(401);
  });

  it.each([[{}], [{ password: 7 }], [{ password: ["a"] }], [[]], ["text"], [null]])("refuses %j", async (json) => {
    expect((await ask(rig.port, { method: "POST", path: "/login", json })).status).toBe(400);
  });

  it("treats a password of eight thousand characters as a wrong one", async () => {
    expect((await enter("x".repeat(8_000))).status).toBe(401);
  });

  it("says where wrong passwords come from, but not which, and not a thousand times", async () => {
    for (let host = 1; host <= 30; host++) await enter("hunter2\r\ninjected", `127.0.1.${host}`);
    const warnings = log.lines.filter(({ level }) => level === "warn");
    expect(warnings.length).toBe(10);
    expect(warnings[0]).toMatchObject({ message: "wrong password", fields: { address: "127.0.1.1" } });
    expect(JSON.stringify(log.lines)).not.toContain("hunter2");
    await enter(PASSWORD);
    expect(JSON.stringify(log.lines)).not.toContain(PASSWORD);
  });
});

describe("brute force", () => {
  it("is slowed down, and the right password is not told from a wrong one meanwhile", async () => {
    for (let failure = 0; failure < 5; failure++) expect((await enter("wrong")).status).toBe(401);
    const waiting = [await enter("wrong"), await enter(PASSWORD)];
    for (const answer of waiting) {
      expect(answer.status).toBe(429);
      expect(answer.headers.get("retry-after")).toBe("1");
      expect(answer.headers.has("set-cookie")).toBe(false);
    }
    expect(waiting[0]?.body).toBe(waiting[1]?.body);
    expect(JSON.parse(waiting[0]?.body ?? "")).toMatchObject({ error: { code: "too-many-attempts", retryAfterS: 1 } });
    clock.advance(1_000);
    expect((await enter(PASSWORD)).status).toBe(204);
  });

  it("of one address keeps nobody else out, and tries fewer than ten passwords in a minute", async () => {
    let tried = 0;
    const hammer = async () => {
      for (let at = 0; at < 60; at++) if ((await enter(`guess ${at}`, "127.0.0.66")).status === 401) tried++;
    };
    await hammer();
    expect((await enter(PASSWORD, "127.0.0.7")).status).toBe(204);
    for (let second = 0; second < 60; second++) {
      clock.advance(1_000);
      if ((await enter("guess", "127.0.0.66")).status === 401) tried++;
    }
    expect(tried).toBeLessThan(12);
    expect(tried).toBeGreaterThanOrEqual(5);
  });

  it("of many addresses keeps nobody out, whether he has logged in before or not", async () => {
    await logIn(rig.port);
    for (let host = 1; host <= 60; host++) expect((await enter("wrong", `127.0.2.${host}`)).status).toBe(401);
    expect((await enter(PASSWORD)).status).toBe(204);
    expect((await enter(PASSWORD, "127.0.3.1")).status).toBe(204);
  });

  it("with the old password does not count against the new one", async () => {
    for (let failure = 0; failure < 5; failure++) await enter("old");
    expect((await enter(PASSWORD)).status).toBe(429);
    rig.gateway.events.emit("changed");
    expect((await enter(PASSWORD)).status).toBe(204);
  });
});

describe("sessions", () => {
  it("end with the logout, and their feed with them", async () => {
    const cookie = await logIn(rig.port);
    const other = await logIn(rig.port);
    const feed = new Listening(rig.port, cookie);
    await feed.has("event: snapshot");
    const answer = await ask(rig.port, { method: "POST", path: "/logout", json: {}, headers: { Cookie: cookie } });
    expect(answer.status).toBe(204);
    expect(answer.headers.get("set-cookie")).toContain("Max-Age=0");
    await feed.whenClosed;
    expect(feed.text).toContain('event: bye\ndata: {"reason":"session"}');
    expect([await history(cookie), await history(other)]).toEqual([401, 200]);
  });

  it("all end at once when the password is made anew, and their feeds with them", async () => {
    const cookies = [await logIn(rig.port), await logIn(rig.port)];
    const feeds = cookies.map((cookie) => new Listening(rig.port, cookie));
    for (const feed of feeds) await feed.has("event: snapshot");
    rig.gateway.password = "something new";
    const began = performance.now();
    rig.gateway.events.emit("changed");
    await Promise.all(feeds.map((feed) => feed.whenClosed));
    expect(performance.now() - began).toBeLessThan(5_000);
    for (const cookie of cookies) expect(await history(cookie)).toBe(401);
    expect(rig.service.counts).toMatchObject({ sessions: 0, listeners: 0 });
    expect((await enter(PASSWORD)).status).toBe(401);
    expect((await enter("something new")).status).toBe(204);
  });

  it("end after thirty days, also for who is listening", async () => {
    const cookie = await logIn(rig.port);
    const endMs = SESSION_S * 1_000;
    clock.advanceTo(endMs - 20_000);
    const feed = new Listening(rig.port, cookie);
    await feed.has("event: snapshot");
    clock.advanceTo(endMs - 1);
    await feed.has("event: alive");
    expect(await history(cookie)).toBe(200);
    clock.advanceTo(endMs + 15_000);
    await feed.whenClosed;
    expect(await history(cookie)).toBe(401);
  });

  it.each([
    "paxgate_session=",
    `paxgate_session=${"A".repeat(43)}`,
    `paxgate_session=${"A".repeat(7_000)}`,
    "paxgate_session=../../../etc/shadow",
  ])("are not to be had with %s", async (cookie) => {
    expect(await history(cookie)).toBe(401);
  });
});

describe("foreign pages", () => {
  const post = async (path: string, headers: Record<string, string>, cookie: string) => {
    const all = { Cookie: cookie, ...headers };
    return (await ask(rig.port, { method: "POST", path, headers: all, body: '{"name":"call/test"}' })).status;
  };
  const JSON_TYPE = { "Content-Type": "application/json" };
  const OWN = { ...JSON_TYPE, "X-Paxgate": "1" };

  it("cannot ask for an operation, whichever way they try", async () => {
    const cookie = await logIn(rig.port);
    const refusedWith = async (headers: Record<string, string>) => post("/api/operation", headers, cookie);
    expect(await refusedWith({ ...OWN, Origin: "http://evil.example" })).toBe(403);
    expect(await refusedWith({ ...OWN, Origin: "null" })).toBe(403);
    expect(await refusedWith({ ...OWN, Origin: `https://127.0.0.1:${rig.port}` })).toBe(403);
    expect(await refusedWith({ ...OWN, Origin: `http://127.0.0.1:${rig.port + 1}` })).toBe(403);
    expect(await refusedWith({ ...OWN, Origin: rig.base, "Sec-Fetch-Site": "cross-site" })).toBe(403);
    expect(await refusedWith({ ...OWN, "Sec-Fetch-Site": "same-site" })).toBe(403);
    expect(await refusedWith({ ...JSON_TYPE, Origin: rig.base })).toBe(403);
    expect(await refusedWith({ ...JSON_TYPE, "X-Paxgate": "2" })).toBe(403);
    expect(await refusedWith({ "Content-Type": "text/plain", "X-Paxgate": "1" })).toBe(415);
    expect(await refusedWith({ "Content-Type": FORM, "X-Paxgate": "1", Origin: rig.base })).toBe(415);
    expect(await refusedWith({ "Content-Type": "multipart/form-data; boundary=x" })).toBe(415);
    expect(await refusedWith({})).toBe(415);
    expect(rig.gateway.performed).toEqual([]);
    expect(await refusedWith({ ...OWN, Origin: rig.base, "Sec-Fetch-Site": "same-origin" })).toBe(200);
    expect(await refusedWith({ ...OWN, "Content-Type": "application/json; charset=utf-8" })).toBe(200);
  });

  it("cannot log anybody in or out with a form, nor collect credentials", async () => {
    rig.gateway.openUntilMs = Date.now() + 60_000;
    const cookie = await logIn(rig.port);
    for (const Origin of ["http://evil.example", "null"]) {
      const headers = { "Content-Type": FORM, Origin };
      const body = `password=${PASSWORD}`;
      for (const path of ["/login", "/logout"]) {
        const answer = await ask(rig.port, { method: "POST", path, headers: { ...headers, Cookie: cookie }, body });
        expect(answer.status).toBe(403);
      }
      expect(await post("/api/handout", { ...OWN, Origin }, "")).toBe(403);
    }
    const without = await ask(rig.port, {
      method: "POST",
      path: "/login",
      headers: { "Content-Type": FORM },
      body: "",
    });
    expect(without.status).toBe(403);
    expect(rig.gateway.collectedBy).toBeNull();
    expect(await history(cookie)).toBe(200);
  });

  it("cannot take a name of their own for ours (DNS rebinding)", async () => {
    const cookie = await logIn(rig.port);
    for (const Host of [
      "evil.example",
      `evil.example:${rig.port}`,
      "anything.local",
      "127.0.0.1.evil.example",
      "x",
      "[::1",
      "",
    ]) {
      for (const path of ["/", "/login", "/api/history", "/app.css", "/metrics", "/nothing"]) {
        const answer = await ask(rig.port, { path, headers: { Host, Cookie: cookie } });
        expect([answer.status, answer.body.includes("by that name")], `${Host} ${path}`).toEqual([421, true]);
      }
      const Origin = `http://${Host}`;
      expect(await post("/api/operation", { ...OWN, Host, Origin }, cookie)).toBe(421);
    }
    for (const Host of ["localhost", "[::1]:1", `${hostname()}.local`, "10.0.0.1"]) {
      expect((await ask(rig.port, { path: "/login", headers: { Host } })).status).toBe(200);
    }
    const named = await startWeb({ names: ["pax.event.example"] });
    try {
      expect((await ask(named.port, { path: "/login", headers: { Host: "PAX.event.example" } })).status).toBe(200);
    } finally {
      await named.stop();
    }
  });
});

describe("the handout", () => {
  const collect = (headers: Record<string, string> = {}, from = "127.0.0.1") =>
    ask(rig.port, { method: "POST", path: "/api/handout", json: {}, headers, from });
  const claimOf = (header: string | undefined) => header?.split(";")[0] ?? "";

  it("tells the window, and gives nothing while it is closed", async () => {
    const view = await ask(rig.port, { path: "/api/handout" });
    expect(JSON.parse(view.body)).toMatchObject({ openUntilMs: null, collectedBy: null });
    const answer = await collect();
    expect([answer.status, JSON.parse(answer.body).error.code]).toEqual([403, "window-closed"]);
  });

  it("goes to the first browser, and to that one again, and to nobody else", async () => {
    rig.gateway.openUntilMs = Date.now() + 60_000;
    const view = await ask(rig.port, { path: "/api/handout" });
    expect(view.headers.get("set-cookie")).toMatch(
      /^paxgate_claim=[A-Za-z0-9_-]{43}; Path=\/api\/handout; Max-Age=3600; HttpOnly; SameSite=Strict$/,
    );
    expect(view.body).not.toContain("s3cret");
    const Cookie = claimOf(view.headers.get("set-cookie"));
    const first = await collect({ Cookie });
    expect(first.status).toBe(200);
    expect(JSON.parse(first.body)).toEqual({
      openUntilMs: rig.gateway.openUntilMs,
      credentials: rig.gateway.credentials,
    });
    expect((await collect({ Cookie })).status).toBe(200);

    const second = await collect({}, "127.0.0.5");
    expect(second.status).toBe(409);
    expect(JSON.parse(second.body)).toMatchObject({ error: { code: "collected", collectedBy: "127.0.0.1" } });
    // A stolen or planted cookie opens nothing elsewhere, nor does another cookie here.
    expect((await collect({ Cookie }, "127.0.0.5")).status).toBe(409);
    expect((await collect({ Cookie: `paxgate_claim=${"A".repeat(43)}` })).status).toBe(409);
    rig.gateway.openUntilMs = null;
    expect((await collect({ Cookie })).status).toBe(403);
  });
});

describe("over a restart of the gateway", () => {
  let place: Awaited<ReturnType<typeof temporaryDirectory>>;
  let gateway: FakeGateway;
  let running: WebRig;
  beforeEach(async () => {
    place = await temporaryDirectory();
    gateway = new FakeGateway();
    running = await again();
  });
  afterEach(async () => {
    await running.stop();
    await place.remove();
  });

  /** The page's server as another process would start it, on what is on disk. `wall`: what the clock says then. */
  const again = (wall = Date.now) => {
    const sessions = new SessionFile(place.path, () => gateway.password);
    return startWeb({ ports: { ...gateway.ports(false), sessions }, wall });
  };
  const restart = async (wall?: () => number) => {
    await running.stop();
    running = await again(wall);
  };
  const sees = async (cookie: string) =>
    (await ask(running.port, { path: "/api/history", headers: { Cookie: cookie } })).status;

  it("nobody has to log in again, also where the clock begins in 1970", async () => {
    const cookie = await logIn(running.port);
    await restart();
    expect(await sees(cookie)).toBe(200);
    await restart(() => 0);
    expect(await sees(cookie)).toBe(200);
    await restart(() => Date.now() + SESSION_S * 1_000 + 1_000);
    expect(await sees(cookie)).toBe(401);
  });

  it("who has logged out stays so, and nobody else's session is lost by it", async () => {
    const [one, other] = [await logIn(running.port), await logIn(running.port)];
    await ask(running.port, { method: "POST", path: "/logout", json: {}, headers: { Cookie: one } });
    await restart();
    expect([await sees(one), await sees(other)]).toEqual([401, 200]);
  });

  it("a new password has ended all sessions, whether the page was told of it or not", async () => {
    const cookie = await logIn(running.port);
    gateway.password = "something new";
    gateway.events.emit("changed");
    await restart();
    expect(await sees(cookie)).toBe(401);
    const second = await logIn(running.port, "something new");
    gateway.password = "made anew while the power went";
    await restart();
    expect(await sees(second)).toBe(401);
  });
});
