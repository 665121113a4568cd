import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { placeOf } from "../../src/sip/model.ts";
import { prepareAsterisk, type TestAsterisk } from "./support/asterisk.ts";
import { SipPeer } from "./support/asterisk-sip.ts";

let asterisk: TestAsterisk;
let shared: SipPeer;
let lone: SipPeer;
let socket: WebSocket;
let registrations: readonly string[];

beforeAll(async () => {
  shared = await new SipPeer(0).open();
  lone = await new SipPeer(0).open();
  const trunk = { server: "127.0.0.1", password: "given" };
  asterisk = await prepareAsterisk({
    trunks: [
      { ...trunk, name: "first", username: "4101", port: shared.port },
      { ...trunk, name: "second", username: "4102", port: shared.port },
      { ...trunk, name: "lone", username: "4103", number: "4199", port: lone.port },
    ],
    accounts: [{ name: "kitchen" }],
  });
  for (const peer of [shared, lone]) peer.talkTo(asterisk.config.sip.port);
  const registered = Promise.all([
    shared.waitFor((text) => /^REGISTER[^]*From: <sip:4101@/.test(text)),
    shared.waitFor((text) => /^REGISTER[^]*From: <sip:4102@/.test(text)),
    lone.waitFor((text) => /^REGISTER[^]*From: <sip:4103@/.test(text)),
  ]);
  await asterisk.service.start(new AbortController().signal);
  registrations = await registered;
  const { port, username, secret } = asterisk.model.http;
  socket = new WebSocket(`ws://127.0.0.1:${port}/ari/events?app=paxgate&api_key=${username}:${secret}`);
  await once(socket, "open");
});

afterAll(async () => {
  socket.terminate();
  for (const peer of [shared, lone]) peer.close();
  await asterisk.remove();
});

async function ari(method: string, path: string): Promise<Response> {
  const { port, username, secret } = asterisk.model.http;
  const authorization = `Basic ${Buffer.from(`${username}:${secret}`).toString("base64")}`;
  return fetch(`http://127.0.0.1:${port}/ari${path}`, { method, headers: { authorization } });
}

/** Sends a channel through the dialplan to a destination, as the supervisor does with a line's channel. */
async function place(target: Parameters<typeof placeOf>[0], id: string): Promise<Response> {
  const { context, extension } = placeOf(target);
  return ari("POST", `/channels?endpoint=Local/${extension}@${context}/n&app=paxgate&channelId=${id}`);
}

describe("registrations", () => {
  it("are made for each trunk at its own port, with our number as the contact", () => {
    expect(registrations.map((text) => /^Contact: <sip:(\d+)@/m.exec(text)?.[1])).toEqual(["4101", "4102", "4199"]);
  });
});

describe("a call outward", () => {
  it.each([
    ["first", "4101", () => shared],
    ["second", "4102", () => shared],
    ["lone", "4103", () => lone],
  ] as const)("by trunk %s goes to its server as its user", async (name, user, peer) => {
    const invited = peer().waitFor((text) => text.startsWith("INVITE"));
    const placed = await place({ kind: "trunk", trunk: name, number: "4567" }, `out-${name}`);
    expect(placed.status).toBe(200);
    const invite = await invited;
    expect(invite).toMatch(new RegExp(`^INVITE sip:4567@127\\.0\\.0\\.1:${peer().port} SIP/2\\.0`));
    expect(invite).toMatch(new RegExp(`^From: (?:"[^"]*" )?<sip:${user}@127\\.0\\.0\\.1>`, "m"));
    expect(invite).not.toMatch(/asterisk/i);
    await ari("DELETE", `/channels/out-${name}`);
  });

  it("to a service is answered", async () => {
    const answered = new Promise<void>((resolve) => {
      socket.on("message", (data) => {
        const event = JSON.parse(String(data));
        if (event.type === "StasisStart" && event.channel.id === "echo-test") resolve();
      });
    });
    expect((await place({ kind: "service", service: "echo" }, "echo-test")).status).toBe(200);
    await answered;
    await ari("DELETE", "/channels/echo-test");
    await expect.poll(() => asterisk.commands.command("core show channels count")).toContain("0 active channels");
  });

  it("to a number that is no number is not placed", async () => {
    const placed = await place({ kind: "trunk", trunk: "lone", number: "45b7" }, "out-bad");
    expect(placed.status).toBeGreaterThanOrEqual(400);
  });
});
