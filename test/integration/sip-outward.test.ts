import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { within } from "../../src/base/lifecycle.ts";
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
    numberPlan: { fromPax: [{ dial: "4XXX", trunk: "event" }] },
  });
  for (const peer of [shared, lone]) peer.talkTo(asterisk.config.sip.port);
  const registered = Promise.all([
    shared.waitFor((text) => /^REGISTER[\s\S]*From: <sip:4101@/.test(text)),
    shared.waitFor((text) => /^REGISTER[\s\S]*From: <sip:4102@/.test(text)),
    lone.waitFor((text) => /^REGISTER[\s\S]*From: <sip:4103@/.test(text)),
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

/** Makes a line's channel and sends it through the dialplan to a destination, as the supervisor does. */
async function place(target: Parameters<typeof placeOf>[0], id: string): Promise<void> {
  const { context, extension } = placeOf(target);
  const entered = ariEvent("StasisStart", id);
  const media = `external_host=127.0.0.1:${lone.port}&format=alaw`;
  expect((await ari("POST", `/channels/externalMedia?app=paxgate&channelId=${id}&${media}`)).status).toBe(200);
  await entered;
  await ari("POST", `/applications/paxgate/subscription?eventSource=channel:${id}`);
  await ari("POST", `/channels/${id}/continue?context=${context}&extension=${extension}&priority=1`);
}

interface AriEvent {
  readonly type: string;
  readonly channel?: { readonly id: string };
  readonly caller?: { readonly id: string };
  readonly dialstatus?: string;
  readonly args?: readonly string[];
}

/** The next event of a kind about a channel. */
function ariEvent(type: string, id: string, fits = (_event: AriEvent) => true): Promise<AriEvent> {
  const found = new Promise<AriEvent>((resolve) => {
    const look = (data: WebSocket.RawData) => {
      const event: AriEvent = JSON.parse(String(data));
      if (event.type !== type || (event.channel?.id ?? event.caller?.id) !== id || !fits(event)) return;
      socket.off("message", look);
      resolve(event);
    };
    socket.on("message", look);
  });
  return within(10_000, found, `no ${type} of ${id}`);
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
    await place({ kind: "trunk", trunk: name, number: "4567" }, `out-${name}`);
    const invite = await invited;
    expect(invite).toMatch(new RegExp(`^INVITE sip:4567@127\\.0\\.0\\.1:${peer().port} SIP/2\\.0`));
    expect(invite).toMatch(new RegExp(`^From: (?:"[^"]*" )?<sip:${user}@127\\.0\\.0\\.1:${peer().port}>`, "m"));
    expect(invite).not.toMatch(/asterisk/i);
    await ari("DELETE", `/channels/out-${name}`);
  });

  it.each(["echo", "clock", "milliwatt"] as const)(
    "to the service %s is answered, as a call would be",
    async (service) => {
      const id = `call-${service}`;
      const answered = ariEvent("Dial", id, (event) => event.dialstatus === "ANSWER");
      await place({ kind: "service", service }, id);
      await answered;
      await ari("DELETE", `/channels/${id}`);
      await expect.poll(() => asterisk.commands.command("core show channels count")).toContain("0 active channels");
    },
  );

  it("to a phone that has not registered comes back with the outcome", async () => {
    await place({ kind: "account", account: "kitchen" }, "to-phone");
    const back = await ariEvent("StasisStart", "to-phone");
    expect(back.args?.slice(0, 2)).toEqual(["dialled", "CHANUNAVAIL"]);
    await ari("DELETE", "/channels/to-phone");
  });

  it.each(["45b7", "5123", "45678"])("to %s, which the number plan does not list, is not placed", async (number) => {
    const gone = ariEvent("ChannelDestroyed", `out-${number}`);
    await place({ kind: "trunk", trunk: "lone", number }, `out-${number}`);
    await gone;
    expect(lone.requests.filter((text) => text.includes(number))).toEqual([]);
  });
});
