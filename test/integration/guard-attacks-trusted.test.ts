import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FloodTool } from "./support/flood.ts";
import { GATEWAY, GuardRig } from "./support/guard-rig.ts";
import { fastDials, hangUp } from "./support/scenes.ts";

/** Whoever may do what, through the whole gateway: the trusted are never shut out, whatever is sent in their name. */

const OPERATOR = "198.51.100.42";
const PHONE = "10.42.0.20";

let rig: GuardRig;
let flood: FloodTool;
beforeAll(async () => {
  flood = new FloodTool();
  rig = await GuardRig.start({
    firewall: { lists: { eventNetwork: ["10.42.0.0/16"], operators: [OPERATOR] } },
    config: {
      numberPlan: { toPax: [{ number: "41[2-5]X", extension: "XX" }], fromPax: [] },
      pax: { overrides: { interDigitalPauseMs: 400, releaseMs: 300, seizeGuardMs: 400, clearGuardMs: 200 } },
    },
  });
  await fastDials(rig.gateway, "21", "34");
});
afterAll(async () => {
  await flood?.remove();
  await rig?.stop();
});
afterEach(async () => {
  await flood.stopAll();
  await rig.release();
});

/** The exchange's telephone answers one call while something else is done. */
async function answered(call: Promise<void>, ext = "21"): Promise<void> {
  const pax = rig.gateway.pax;
  const lifted = pax.waitFor(ext, "ringing", 15_000).then(() => pax.lift(ext));
  // Both have ended when one has failed: what is left of a call would be in the next one's way.
  const failed = (await Promise.allSettled([call, lifted])).find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
  await hangUp(rig.gateway, ext);
  await rig.gateway.quiet();
}

const trunkCalls = () => answered(rig.call(rig.lab.trunk, rig.lab.trunk.address4, 5060, "4121"));

const wrongDigest =
  'Digest username="x", realm="PBX", nonce="1234abcd", uri="sip:x", response="0123456789abcdef0123456789abcdef"';
const message = (method: string, from: string, more = "") =>
  [
    `${method} sip:${method === "INVITE" ? "4121@" : ""}${GATEWAY} SIP/2.0`,
    `Via: SIP/2.0/UDP ${from}:5060;branch=z9hG4bK########;rport`,
    `From: <sip:nobody@${GATEWAY}>;tag=########`,
    `To: <sip:nobody@${GATEWAY}>`,
    "Call-ID: ########",
    `CSeq: 1 ${method}`,
    `Contact: <sip:x@${from}>`,
    `${more}Content-Length: 0\r\n\r\n`,
  ].join("\r\n");

describe("a flood in the name of", () => {
  it.each([
    ["the trunk", () => rig.lab.trunk.address4],
    ["an operator", () => OPERATOR],
  ])("%s bans nobody, and the trunk's calls go on", async (_, address) => {
    const source = address();
    const messages = ["REGISTER", "OPTIONS", "INVITE"].map((method) => message(method, source));
    messages.push(message("REGISTER", source, `Authorization: ${wrongDigest}\r\n`));
    const { inside } = rig.lab.outside;
    const running = await flood.start({
      ...{ inside, target: GATEWAY, port: 5060, perSecond: 500, source, sourcePort: 5999, messages },
    });
    await trunkCalls();
    const { sent } = await running.stop();
    expect(sent).toBeGreaterThan(300);
    expect(await rig.bans()).toEqual([]);
    expect((await rig.view()).limited.total).toBe(0);
  });
});

describe("a phone in an allowed range", () => {
  it("registers and calls while another in the same range attacks", async () => {
    const account = await rig.account();
    const attack = rig.attack(rig.lab.event, { localAddress: "10.42.7.7", seconds: 6 });
    await rig.register(rig.lab.event, PHONE, 5062, account);
    await expect.poll(async () => (await rig.view()).sources.registered).toBe(1);
    await answered(rig.call(rig.lab.event, PHONE, 5062, "4121", account));
    expect((await attack).answered).toBeLessThanOrEqual(4);
    expect((await rig.view()).limited.some.map(({ source }) => source)).toEqual(["10.42.7.7"]);
  });

  it("is not banned by what is sent in its name once it is registered, and calls", async () => {
    const account = await rig.account();
    const messages = ["REGISTER", "OPTIONS", "INVITE", "SUBSCRIBE"].map((method) => message(method, PHONE));
    const { inside } = rig.lab.outside;
    const running = await flood.start({
      ...{ inside, target: GATEWAY, port: 5060, perSecond: 300, source: PHONE, sourcePort: 6001, messages },
    });
    await answered(rig.call(rig.lab.event, PHONE, 5062, "4121", account));
    await running.stop();
    expect(await rig.bans()).toEqual([]);
    expect((await rig.view()).limited.total).toBe(0);
  });

  it("with its password wrong once is over its requests, not banned, and comes in when the operator lets it", async () => {
    const account = await rig.account();
    const phone = "10.42.0.21";
    await expect(rig.register(rig.lab.event, phone, 5062, { ...account, secret: "wrong" })).rejects.toThrow();
    await expect(rig.register(rig.lab.event, phone, 5062, account)).rejects.toThrow();
    expect(await rig.bans()).toEqual([]);
    await rig.release();
    await rig.register(rig.lab.event, phone, 5062, account);
    await answered(rig.call(rig.lab.event, phone, 5062, "4121", account));
  });
});

describe("a lie", () => {
  const victim = "10.42.3.3";

  it.each(["udp", "tcp"] as const)("about where it comes from bans nobody else: maddr, %s", async (transport) => {
    const liar = transport === "udp" ? "10.42.4.4" : "10.42.4.5";
    for (const method of ["REGISTER", "INVITE"]) {
      const viaParameters = `;maddr=${victim}`;
      await rig.attack(rig.lab.event, {
        localAddress: liar,
        transport,
        method,
        viaParameters,
        count: 4,
        perSecond: 10,
      });
    }
    const { bans, limited } = await rig.view();
    expect(bans.latest.map(({ source }) => source).filter((source) => source !== liar)).toEqual([]);
    expect(limited.some.map(({ source }) => source).filter((source) => source !== liar)).toEqual([]);
  });

  it("within the name of a REGISTER bans nobody", async () => {
    const places = ["LocalAddress: IPV4/UDP/1.1.1.1/1", `RemoteAddress: IPV4/UDP/${victim}/1`];
    const text = ["x", "SessionID: 0x1", ...places, "Challenge: a", "ReceivedChallenge: a", "", "E: f"].join("\r\n");
    const user = text.replace(/[\r\n: ]/g, (each) => `%${each.charCodeAt(0).toString(16).padStart(2, "0")}`);
    for (const from of ["10.42.5.1", "10.42.5.2", "10.42.5.3"]) {
      const report = await rig.attack(rig.lab.event, { localAddress: from, user, count: 2, perSecond: 20 });
      expect(report.answered).toBeGreaterThan(0);
    }
    const { bans } = await rig.view();
    expect(bans.latest.map(({ source }) => source)).not.toContain(victim);
    const report = await rig.attack(rig.lab.event, { localAddress: victim, count: 1, seconds: 2 });
    expect(report.guessesAnswered).toBe(1);
  });
});

describe("whatever is sent in the trunk's name at full speed", () => {
  const memory = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${rig.gateway.asteriskPid}/status`, "utf8"))?.[1]);
  const sdp = (source: string) =>
    `v=0\r\no=- 1 1 IN IP4 ${source}\r\ns=-\r\nc=IN IP4 ${source}\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8\r\n`;

  it.each(["REGISTER", "INVITE"])("leaves Asterisk small, with audio ports for the next call: %s", async (method) => {
    const before = memory();
    const source = rig.lab.trunk.address4;
    const body = method === "INVITE" ? sdp(source) : "";
    const end = `Content-Type: application/sdp\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    // A number that is none is refused, but without its ACK the refusal holds two audio ports for 32 s.
    const text = message(method, source)
      .replace("sip:4121@", "sip:4999@")
      .replace("Content-Length: 0\r\n\r\n", body === "" ? "$&" : end);
    const { inside } = rig.lab.outside;
    const plan = { inside, target: GATEWAY, port: 5060, perSecond: 0, seconds: 2, source, sourcePort: 5060 };
    const { sent } = await (await flood.start({ ...plan, messages: [text] })).finished;
    const grown = memory() - before;
    const sockets = (await rig.lab.gateway.run(["ss", "-Hnul"])).trim().split("\n").length;
    console.info(`${sockets} UDP sockets are open`);
    console.info(`${sent} ${method} sent in the trunk's name; Asterisk's memory ${before} kB + ${grown} kB`);
    expect(grown).toBeLessThan(25_000);
    expect(await rig.counted("trusted_over")).toBeGreaterThan(0);
    await trunkCalls();
    expect(await rig.bans()).toEqual([]);
  });
});
