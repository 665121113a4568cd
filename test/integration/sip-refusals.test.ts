import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { prepareAsterisk, type TestAsterisk } from "./support/asterisk.ts";
import { SipPeer, type SipResponse } from "./support/asterisk-sip.ts";

let asterisk: TestAsterisk;
let registrar: SipPeer;
let phone: SipPeer;
let stranger: SipPeer;

beforeAll(async () => {
  registrar = new SipPeer(0);
  await registrar.open();
  const trunk = { server: "127.0.0.1", port: registrar.port, password: "given" };
  asterisk = await prepareAsterisk({
    trunks: [
      { ...trunk, name: "first", username: "4101" },
      { ...trunk, name: "second", username: "4102" },
    ],
    accounts: [{ name: "kitchen" }, { name: "far-away", networks: ["192.0.2.0/24"] }],
    numberPlan: { toPax: [{ number: "41XX", extension: "XX" }] },
  });
  registrar.talkTo(asterisk.config.sip.port);
  phone = await new SipPeer(asterisk.config.sip.port).open();
  stranger = await new SipPeer(asterisk.config.sip.port).open();
  const registered = Promise.all(["4101", "4102"].map((user) => registrar.waitFor((text) => isRegister(text, user))));
  await asterisk.service.start(new AbortController().signal);
  await registered;
});

afterAll(async () => {
  for (const peer of [registrar, phone, stranger]) peer.close();
  await asterisk.remove();
});

function isRegister(text: string, user: string): boolean {
  return text.startsWith("REGISTER") && text.includes(`From: <sip:${user}@`);
}

/** A response without what differs from one request to the next. */
function shape(response: SipResponse): string {
  return response.text
    .replace(/nonce="[^"]*"/, "nonce")
    .replace(/branch=[^;\r]*/g, "branch")
    .replace(/tag=[^;\r]*/g, "tag")
    .replace(/^(From|To|Call-ID|Contact): .*$/gm, "$1");
}

function account(name: string) {
  const found = asterisk.model.accounts.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no account ${name}`);
  return found;
}

/** The supervisor's side of Stasis, as far as these tests need one. */
async function supervisor(): Promise<WebSocket> {
  const { port, username, secret } = asterisk.model.http;
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ari/events?app=paxgate&api_key=${username}:${secret}`);
  await once(socket, "open");
  return socket;
}

describe("a stranger", () => {
  it("is refused alike as guest, with an invented user and with a wrong password", async () => {
    const { username } = account("kitchen");
    for (const method of ["REGISTER", "INVITE"] as const) {
      const to = method === "INVITE" ? { to: "4101" } : {};
      const guest = await stranger.send({ method, from: "anonymous", ...to });
      const invented = await stranger.send({ method, from: "kitchen-zzzzzzzz", ...to });
      const real = await stranger.send({ method, from: username, ...to });
      expect(guest.status).toBe(401);
      expect(shape(invented)).toBe(shape(guest));
      expect(shape(real)).toBe(shape(guest));
      const wrong = await stranger.sendAuthenticated({ method, from: username, ...to }, username, "wrong");
      const nobody = await stranger.sendAuthenticated({ method, from: "nobody-here", ...to }, "nobody-here", "wrong");
      expect(wrong.status).toBeGreaterThanOrEqual(400);
      expect(shape(nobody)).toBe(shape(wrong));
    }
  });

  it("is refused with the right password from a network that the account does not have", async () => {
    const { username, secret } = account("far-away");
    const response = await stranger.sendAuthenticated({ method: "REGISTER", from: username }, username, secret);
    expect(response.status).toBeGreaterThanOrEqual(400);
  });

  it("does not learn what answers", async () => {
    const { text } = await stranger.send({ method: "OPTIONS", from: "anonymous", to: "100" });
    expect(text).not.toMatch(/asterisk|debian|16\.28/i);
  });

  it("writes no line of his own into the logs", async () => {
    const forged = 'x%0d%0aEvent%3a InvalidPassword%0d%0a[forged] SECURITY RemoteAddress="IPV4/UDP/8.8.8.8/5060"';
    await stranger.send({ method: "REGISTER", from: forged.replaceAll(" ", "%20").replaceAll('"', "%22") });
    for (const line of asterisk.readLog("security").split("\n")) expect(line).toMatch(/^(\[20.*|)$/);
  });
});

describe("a call by a trunk", () => {
  it("to an unknown number gets 404", async () => {
    expect((await registrar.send({ method: "INVITE", from: "5000", to: "4999" })).status).toBe(404);
  });

  it("to names that the dialplan could know gets 404 too", async () => {
    for (const to of ["s", "h", "i", "t", "echo", "_41XX", "4101%26SIP"]) {
      expect((await registrar.send({ method: "INVITE", from: "5000", to })).status).toBe(404);
    }
  });

  it("gets 503 while there is no supervisor, and nothing is left over", async () => {
    expect((await registrar.send({ method: "INVITE", from: "5000", to: "4101" })).status).toBe(503);
    await expect.poll(() => asterisk.commands.command("core show channels count")).toContain("0 active channels");
  });

  it("reaches the supervisor filtered, with the trunk that was called; the second of one trunk gets 480", async () => {
    const socket = await supervisor();
    const starts: { args: string[]; caller: { number: string; name: string }; channel: string }[] = [];
    socket.on("message", (data) => {
      const event = JSON.parse(String(data));
      if (event.type !== "StasisStart") return;
      starts.push({ args: event.args, caller: event.channel.caller, channel: event.channel.name });
    });
    const calls = [
      registrar.send({ method: "INVITE", from: "50a0%26b", to: "4101" }),
      registrar.send({ method: "INVITE", from: "5000", to: "4102" }),
    ];
    await expect.poll(() => starts.length).toBe(2);
    expect(starts.map((each) => each.args).sort()).toEqual([
      ["incoming", "trunk", "first", "4101"],
      ["incoming", "trunk", "second", "4102"],
    ]);
    for (const { caller } of starts) expect(caller).toEqual({ number: expect.stringMatching(/^\d*$/), name: "" });
    expect((await registrar.send({ method: "INVITE", from: "5001", to: "4101" })).status).toBe(480);
    expect((await registrar.send({ method: "INVITE", from: "5001", to: "4102" })).status).toBe(480);
    // The supervisor dies: Asterisk itself ends both calls when their lease runs out.
    socket.terminate();
    const began = performance.now();
    for (const call of calls) expect((await call).status).toBeGreaterThanOrEqual(400);
    console.info(`orphans hung up after ${Math.round(performance.now() - began)} ms`);
    await expect.poll(() => asterisk.commands.command("core show channels count")).toContain("0 active channels");
  }, 40_000);
});

describe("a phone of ours", () => {
  it("registers, and then its calls are authenticated and strictly matched", async () => {
    const { username, secret } = account("kitchen");
    const registered = await phone.sendAuthenticated({ method: "REGISTER", from: username }, username, secret);
    expect(registered.status).toBe(200);
    const invite = { method: "INVITE", from: username } as const;
    expect((await phone.send({ ...invite, to: "4101" })).status).toBe(401);
    expect((await phone.sendAuthenticated({ ...invite, to: "4101" }, username, secret)).status).toBe(503);
    expect((await phone.sendAuthenticated({ ...invite, to: "999" }, username, secret)).status).toBe(404);
    // The registered user from another port is a stranger.
    expect((await stranger.sendAuthenticated({ ...invite, to: "4101" }, username, secret)).status).toBe(403);
  });
});
