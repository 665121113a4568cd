import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { within } from "../../src/base/lifecycle.ts";
import { prepareAsterisk, type TestAsterisk } from "./support/asterisk.ts";

/** A trunk's server that answers every call and counts the audio that it gets. */
class Callee {
  readonly #sip: Socket = createSocket("udp4");
  readonly #audio: Socket = createSocket("udp4");
  readonly #listeners = new Set<() => void>();
  readonly received: string[] = [];
  packets = 0;
  port = 0;

  async open(): Promise<this> {
    for (const socket of [this.#sip, this.#audio]) {
      socket.bind(0, "127.0.0.1");
      await once(socket, "listening");
    }
    this.port = this.#sip.address().port;
    this.#audio.on("message", () => {
      this.packets++;
    });
    this.#sip.on("message", (data, { port }) => {
      const text = data.toString();
      this.received.push(text);
      if (!/^(?:SIP|ACK)/.test(text)) this.#answer(text, port);
      for (const look of [...this.#listeners]) look();
    });
    return this;
  }

  close(): void {
    this.#sip.close();
    this.#audio.close();
  }

  /** The first message that fits of those from `from` on. */
  seen(method: string, from = 0): Promise<string> {
    const found = new Promise<string>((resolve) => {
      const look = () => {
        const text = this.received.slice(from).find((one) => one.startsWith(method));
        if (text === undefined) return;
        this.#listeners.delete(look);
        resolve(text);
      };
      this.#listeners.add(look);
      look();
    });
    return within(10_000, found, `no ${method} came`);
  }

  #answer(request: string, port: number): void {
    const kept = ["Via", "From", "Call-ID", "CSeq"].map((name) => `${name}: ${header(request, name)}`);
    const invited = request.startsWith("INVITE");
    const media = `m=audio ${this.#audio.address().port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n`;
    const body = invited ? `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n${media}` : "";
    const to = header(request, "To");
    const lines = [
      "SIP/2.0 200 OK",
      ...kept,
      `To: ${to.includes("tag=") ? to : `${to};tag=callee`}`,
      request.startsWith("REGISTER")
        ? `Contact: ${header(request, "Contact")}`
        : `Contact: <sip:callee@127.0.0.1:${this.port}>`,
      ...(request.startsWith("REGISTER") ? ["Expires: 120"] : []),
      ...(invited ? ["Content-Type: application/sdp"] : []),
      `Content-Length: ${body.length}`,
      "",
      body,
    ];
    this.#sip.send(lines.join("\r\n"), port, "127.0.0.1");
  }
}

function header(text: string, name: string): string {
  return new RegExp(`^${name}: *(.*)\r$`, "im").exec(text)?.[1] ?? "";
}

const contact = (text: string) => /@(.*)>/.exec(header(text, "Contact"))?.[1];
const via = (text: string) => /UDP ([^;]*)/.exec(header(text, "Via"))?.[1];
const media = (text: string) => /^c=IN IP4 (.*)\r$/m.exec(text)?.[1];

let asterisk: TestAsterisk;
let callee: Callee;
let events: WebSocket;

beforeAll(async () => {
  callee = await new Callee().open();
  asterisk = await prepareAsterisk({
    // Loopback is the world outside here.
    sip: { localNetworks: ["192.168.0.0/16"] },
    trunks: [
      { name: "event", server: "127.0.0.1", port: callee.port, username: "4101", password: "given", callLimit: 4 },
    ],
    numberPlan: { fromPax: [{ dial: "4XXX", trunk: "event" }] },
  });
  await asterisk.service.start(new AbortController().signal);
  const { port, username, secret } = asterisk.model.http;
  events = new WebSocket(`ws://127.0.0.1:${port}/ari/events?app=paxgate&api_key=${username}:${secret}`);
  await once(events, "open");
});

afterAll(async () => {
  events.terminate();
  callee.close();
  await asterisk.remove();
});

async function ari(method: string, path: string): Promise<number> {
  const { port, username, secret } = asterisk.model.http;
  const authorization = `Basic ${Buffer.from(`${username}:${secret}`).toString("base64")}`;
  return (await fetch(`http://127.0.0.1:${port}/ari${path}`, { method, headers: { authorization } })).status;
}

/** Calls the callee, who hears a tone; resolves with the INVITE when audio comes. */
async function call(id: string): Promise<string> {
  const from = callee.received.length;
  const before = callee.packets;
  const entered = within(
    10_000,
    new Promise<void>((resolve) => {
      events.on("message", (data) => {
        const event: { type: string; channel?: { id: string } } = JSON.parse(String(data));
        if (event.type === "StasisStart" && event.channel?.id === id) resolve();
      });
    }),
    "the call was not answered",
  );
  expect(await ari("POST", `/channels?endpoint=SIP/trunk-event/4567&formats=alaw&app=paxgate&channelId=${id}`)).toBe(
    200,
  );
  await entered;
  await ari("POST", `/channels/${id}/continue?context=service-audio&extension=milliwatt&priority=1`);
  await expect.poll(() => callee.packets, { timeout: 15_000 }).toBeGreaterThan(before + 25);
  return callee.seen("INVITE", from);
}

describe("the external address", () => {
  it("follows at run time, with its port, and the call that is up goes on", async () => {
    const own = `127.0.0.1:${asterisk.config.sip.port}`;
    const first = await call("before");
    expect([contact(first), via(first), media(first)]).toEqual([own, own, "127.0.0.1"]);

    const registered = callee.received.length;
    const packets = callee.packets;
    const began = performance.now();
    await asterisk.service.setExternal({ address: "198.51.100.7", sipPort: 5099 });
    console.info(`in force after ${Math.round(performance.now() - began)} ms`);
    expect(contact(await callee.seen("REGISTER", registered))).toBe("198.51.100.7:5099");
    expect(await asterisk.service.check()).toEqual([]);

    // Audio goes on: 50 packets a second.
    await expect.poll(() => callee.packets, { timeout: 15_000 }).toBeGreaterThan(packets + 100);
    const second = await call("after");
    expect([contact(second), via(second), media(second)]).toEqual([
      "198.51.100.7:5099",
      "198.51.100.7:5099",
      "198.51.100.7",
    ]);
    const count = await asterisk.commands.command("core show channels count");
    expect(count.join()).toContain("2 active channels");

    // The old call can still be ended in the ordinary way.
    const ended = callee.received.length;
    await ari("DELETE", "/channels/before");
    expect(header(await callee.seen("BYE", ended), "Call-ID")).toBe(header(first, "Call-ID"));
    await ari("DELETE", "/channels/after");
  });

  it("changes once for a burst, not at all for the same again, and back when it is gone", async () => {
    const { service } = asterisk;
    const from = callee.received.length;
    await Promise.all([1, 2, 3].map((last) => service.setExternal({ address: `203.0.113.${last}`, sipPort: 5060 })));
    expect(contact(await callee.seen("REGISTER", from))).toBe("203.0.113.3:5060");
    await service.setExternal({ address: "203.0.113.3", sipPort: 5060 });
    expect(await service.check()).toEqual([]);

    const back = callee.received.length;
    await service.setExternal(null);
    expect(contact(await callee.seen("REGISTER", back))).toBe(`127.0.0.1:${asterisk.config.sip.port}`);
    const registrations = callee.received.slice(from).filter((text) => text.startsWith("REGISTER"));
    expect(registrations).toHaveLength(2);
  });

  it("is refused when it is none, and nothing changes", async () => {
    const place = { address: "203.0.113.1\nallowguest=yes", sipPort: 5060 };
    await expect(asterisk.service.setExternal(place)).rejects.toMatchObject({ code: "sip-value" });
    await expect(asterisk.service.setExternal({ address: "203.0.113.1", sipPort: 0 })).rejects.toMatchObject({
      code: "sip-value",
    });
    expect(await asterisk.service.check()).toEqual([]);
  });

  it("that somebody takes away is brought back by the check", async () => {
    await asterisk.service.setExternal({ address: "203.0.113.9", sipPort: 5061 });
    const file = join(asterisk.model.directories.config, "sip.conf");
    await writeFile(file, (await readFile(file, "utf8")).replace(/^externaddr=.*$/m, ""));
    await asterisk.commands.command("sip reload");
    await expect
      .poll(async () => (await asterisk.commands.command("sip show settings")).join())
      .not.toContain("203.0.113.9");
    expect((await asterisk.service.check()).map(({ subject }) => subject)).toContain("Externaddr");
    expect(await asterisk.service.check()).toEqual([]);
  });

  it("that is found while Asterisk is down is there from its next start", async () => {
    await asterisk.service.stop();
    const from = callee.received.length;
    await asterisk.service.setExternal({ address: "203.0.113.20", sipPort: 5062 });
    await asterisk.service.start(new AbortController().signal);
    expect(contact(await callee.seen("REGISTER", from))).toBe("203.0.113.20:5062");
    expect(await asterisk.service.check()).toEqual([]);
  });
});

it("is told to a trunk in a private network that is not ours, though that might have been", async () => {
  const trunk = { name: "event", server: "127.0.0.1", port: callee.port, username: "4105", password: "given" };
  // Loopback stands for the event's network, and is among our own until a place says which ones these are.
  const own = await prepareAsterisk({ trunks: [trunk], accounts: [{ name: "kitchen" }] });
  try {
    const from = callee.received.length;
    const place = { address: "10.9.0.7", sipPort: 5099 };
    await own.service.setExternal(place);
    await own.service.start(new AbortController().signal);
    const ours = (text: string) => text.startsWith("REGISTER") && text.includes("sip:4105@");
    const contacts = () => callee.received.slice(from).filter(ours).map(contact);
    await expect.poll(contacts, { timeout: 10_000 }).toEqual([`127.0.0.1:${own.config.sip.port}`]);
    await own.service.setExternal({ ...place, localNetworks: ["10.77.0.0/24"] });
    await expect.poll(() => contacts().at(-1), { timeout: 10_000 }).toBe("10.9.0.7:5099");
    expect(await own.service.check()).toEqual([]);
    // Where a phone may register from is as configured.
    const { username } = own.model.accounts[0] ?? expect.fail("no account");
    const peer = await readFile(join(own.model.directories.config, "sip.conf"), "utf8");
    expect(peer.slice(peer.indexOf(`[${username}]`))).toMatch(/^(?:permit|acl|contactpermit).*10\.0\.0\.0/m);
  } finally {
    await own.remove();
  }
});

describe("the external address over TCP", () => {
  it.each([
    ["as found", { address: "198.51.100.7", sipPort: 5099 }, "198.51.100.7:5099"],
    ["as configured, with our own port", null, (port: number) => `203.0.113.1:${port}`],
  ] as const)("is told %s", async (_, place, expected) => {
    const server = createServer();
    const first = new Promise<string>((resolve) => {
      server.on("connection", (socket) => socket.once("data", (data) => resolve(data.toString())));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const trunk = { name: "event", server: "127.0.0.1", port, transport: "tcp", username: "4101", password: "given" };
    const own = await prepareAsterisk({
      sip: { localNetworks: ["192.168.0.0/16"], externalAddress: "203.0.113.1" },
      trunks: [trunk],
    });
    try {
      await own.service.setExternal(place);
      await own.service.start(new AbortController().signal);
      const wanted = typeof expected === "string" ? expected : expected(own.config.sip.port);
      expect(contact(await within(10_000, first, "no REGISTER came"))).toMatch(new RegExp(`^${wanted}`));
      expect(await own.service.check()).toEqual([]);
    } finally {
      await own.remove();
      server.close();
    }
  });
});

it("a configured name that does not resolve keeps nobody from starting", async () => {
  const own = await prepareAsterisk({ sip: { externalAddress: "no-such-host.invalid" } });
  try {
    await own.service.start(new AbortController().signal);
    expect(await own.service.check()).toEqual([]);
    // And what was found is told all the same.
    await own.service.setExternal({ address: "198.51.100.7", sipPort: 5099 });
    expect(await own.commands.command("sip show settings")).toContainEqual(
      expect.stringMatching(/Externaddr: +198\.51\.100\.7:5099/),
    );
  } finally {
    await own.remove();
  }
});
