import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { AmiSecurityEvents } from "../../src/drivers/ami-events.ts";
import { RegisteredPeers } from "../../src/drivers/registered-peers.ts";
import { BanService } from "../../src/firewall/ban-service.ts";
import type { SecurityEvent } from "../../src/firewall/port.ts";
import { prepareAsterisk, type TestAsterisk } from "./support/asterisk.ts";
import { Attacker, type AttackPlan } from "./support/attacker.ts";
import { RefusalCounter } from "./support/refusals.ts";

let asterisk: TestAsterisk;
let attacker: Attacker;
let events: AmiSecurityEvents;
let refusals: RefusalCounter;
let heard: SecurityEvent[];
let bans: BanService;
/** What the kernel was told: source → seconds. */
let kernel: Map<string, number>;
let trusted: Set<string>;

beforeAll(async () => {
  attacker = new Attacker();
  asterisk = await prepareAsterisk({
    sip: { tcp: true },
    accounts: [
      { name: "kitchen", networks: ["127.0.0.0/8"] },
      { name: "far-away", networks: ["192.0.2.0/24"] },
    ],
    numberPlan: { toPax: [{ number: "41XX", extension: "XX" }] },
  });
  refusals = new RefusalCounter(asterisk.config.sip.port);
  await refusals.ready();
  await asterisk.service.start(new AbortController().signal);
  const holder = (port: number) => asterisk.process.holderOf(port);
  events = new AmiSecurityEvents({ ...asterisk.model.securityEvents, holder }, silentLog);
  events.onEvent((event) => heard.push(event));
  heard = [];
  const up = new Promise<void>((resolve) => events.on("up", resolve));
  await events.start(new AbortController().signal);
  await up;
});

afterAll(async () => {
  await events.stop();
  refusals.close();
  attacker.remove();
  await asterisk.remove();
});

beforeEach(async () => {
  heard = [];
  kernel = new Map();
  trusted = new Set();
  bans = new BanService(
    {
      limits: { failures: 3, failureHours: 24, banMinutes: [10, 60] },
      trusted: (source) => trusted.has(source),
      events,
      state: { read: async () => null, write: async () => undefined },
      kernel: {
        ban: async (source, seconds) => void kernel.set(source, seconds),
        release: async (source) => void kernel.delete(source),
        refusals: () => refusals.counts(),
      },
      clock: systemClock,
      wallNow: () => Date.now(),
    },
    silentLog,
  );
  await bans.start(new AbortController().signal);
});

afterEach(async () => {
  await bans.stop();
});

function attack(from: string, plan: Partial<AttackPlan> = {}) {
  const { port } = asterisk.config.sip;
  const base = { host: "127.0.0.1", port, transport: "udp", method: "REGISTER", user: "nobody{n}" } as const;
  return attacker.run({ ...base, localAddress: from, count: 1, seconds: 10, lingerMs: 300, ...plan });
}

function guess(from: string, plan: Partial<AttackPlan> = {}) {
  return attack(from, { answer: true, count: 3, perSecond: 20, ...plan });
}

function kitchen() {
  const found = asterisk.model.accounts.find(({ name }) => name === "kitchen");
  if (found === undefined) throw new Error("no account");
  return found;
}

const banned = () => [...kernel.keys()];

describe("a source that really failed three times", () => {
  it.each<[string, string, Partial<AttackPlan>]>([
    ["REGISTER", "127.0.1.1", {}],
    ["INVITE", "127.0.1.2", { method: "INVITE", to: "4101" }],
    ["register in small letters", "127.0.1.3", { method: "rEgIsTeR" }],
    ["REGISTER over TCP", "127.0.1.4", { transport: "tcp" }],
    ["REGISTER over TCP, all at once", "127.0.1.12", { transport: "tcp", pipeline: 3 }],
    ["REGISTER one by one", "127.0.1.5", { perSecond: 1 }],
  ])("is banned, and it alone: %s", async (_, from, plan) => {
    const report = await guess(from, plan);
    expect(report.guessesAnswered).toBe(3);
    await expect.poll(banned).toEqual([from]);
    expect(bans.bans).toMatchObject([{ source: from, reason: "logins", count: 1 }]);
    expect(kernel.get(from)).toBe(600);
    expect(events.refused).toBe(0);
  });

  it("is not when it is trusted", async () => {
    trusted.add("127.0.1.6");
    await guess("127.0.1.6", { count: 6 });
    await expect.poll(() => heard.filter((each) => each.proven).length).toBe(6);
    expect(banned()).toEqual([]);
  });

  it("is banned soon after its third failure", async () => {
    let bannedAt = 0;
    bans.on("banned", () => {
      bannedAt = performance.now();
    });
    let thirdAt = 0;
    const stop = events.onEvent((event) => {
      if (event.proven) thirdAt = performance.now();
    });
    const took: number[] = [];
    for (const source of ["127.0.1.7", "127.0.1.17", "127.0.1.27"]) {
      await guess(source);
      await expect.poll(banned).toContain(source);
      took.push(bannedAt - thirdAt);
    }
    stop();
    const sorted = took.toSorted((one, other) => one - other);
    console.info(`banned ${sorted[1]?.toFixed(1)} ms after the event of the third failure, in the middle of three`);
    expect(sorted[1]).toBeLessThan(50);
  });

  it.each(["udp", "tcp"] as const)("is banned by its own address when it names another one: %s", async (transport) => {
    await guess("127.0.1.8", { viaParameters: ";maddr=127.0.1.9", transport });
    // Asterisk believes it, which is why nobody may be banned on that.
    expect(heard.filter((each) => each.proven).map((each) => each.address)).toContain("127.0.1.9");
    await expect.poll(banned).toEqual(["127.0.1.8"]);
    expect(bans.bans.map((ban) => ban.source)).toEqual(["127.0.1.8"]);
  });

  it("is banned also when it names a trusted one", async () => {
    trusted.add("127.0.1.10");
    await guess("127.0.1.11", { viaParameters: ";maddr=127.0.1.10" });
    await expect.poll(banned).toEqual(["127.0.1.11"]);
  });
});

describe("a source that cannot hear us", () => {
  const victim = "127.0.2.1";

  it.each<[string, Partial<AttackPlan>]>([
    ["requests without digest", {}],
    ["a made-up nonce", { madeUpNonce: "1234abcd" }],
    ["a made-up nonce for another user", { madeUpNonce: "1234abcd", digestUser: "other" }],
    ["an empty nonce", { madeUpNonce: "" }],
  ])("gets nobody banned: %s", async (_, plan) => {
    for (const user of [kitchen().username, "nobody"]) {
      await attack(victim, { user, count: 20, perSecond: 200, ...plan });
      await attack(victim, { user, count: 20, perSecond: 200, method: "INVITE", to: "4101", ...plan });
    }
    await expect.poll(() => heard.filter((each) => each.type === "ChallengeSent").length).toBeGreaterThanOrEqual(80);
    expect(heard.filter((each) => each.proven)).toEqual([]);
    expect((await refusals.counts()).get(victim)).toBeUndefined();
    expect(banned()).toEqual([]);
  });

  it("gets nobody banned by a name that is too long, which Asterisk calls a wrong password", async () => {
    await attack(victim, { user: "a".repeat(300), count: 20, perSecond: 200 });
    await expect.poll(() => heard.filter((each) => each.type === "InvalidPassword").length).toBe(20);
    expect(heard.filter((each) => each.proven)).toEqual([]);
    expect((await refusals.counts()).get(victim)).toBeUndefined();
    expect(banned()).toEqual([]);
  });

  it("gets nobody banned with two packets of one call, whatever Asterisk reports", async () => {
    const { port } = asterisk.config.sip;
    const send = (method: string, user: string, id: string, cseq: number, digest: string) =>
      attacker.spoof({
        ...{ from: victim, fromPort: 5060, host: "127.0.0.1", port, count: 1 },
        payload: [
          `${method} sip:${method === "INVITE" ? "4101@" : ""}127.0.0.1:${port} SIP/2.0`,
          `Via: SIP/2.0/UDP ${victim};branch=z9hG4bK${id}${cseq};rport`,
          `From: <sip:${user}@127.0.0.1>;tag=${id}`,
          `To: <sip:${user}@127.0.0.1>`,
          `Call-ID: ${id}`,
          `CSeq: ${cseq} ${method}`,
          `Contact: <sip:x@${victim}>`,
          ...(digest === "" ? [] : [`Authorization: Digest ${digest}`]),
          "Content-Length: 0\r\n\r\n",
        ].join("\r\n"),
      });
    const digestOf = (user: string) =>
      `username="${user}", realm="PBX", nonce="1234abcd", uri="sip:x", response="0123456789abcdef0123456789abcdef"`;
    for (const method of ["REGISTER", "INVITE"]) {
      for (const [user, named] of [
        [kitchen().username, kitchen().username],
        [kitchen().username, "other"],
        ["nobody", "other"],
        ["far-away", "far-away"],
      ] as const) {
        const id = randomBytes(6).toString("hex");
        await send(method, user, id, 1, "");
        await send(method, user, id, 2, digestOf(named));
      }
    }
    await expect.poll(() => heard.length).toBeGreaterThanOrEqual(16);
    expect(heard.map((each) => each.type)).toContain("ChallengeResponseFailed");
    expect(heard.filter((each) => each.proven)).toEqual([]);
    expect((await refusals.counts()).get(victim)).toBeUndefined();
    expect(banned()).toEqual([]);
  });
});

describe("a good login", () => {
  it("is never held against anybody, and tells where the phone is", async () => {
    const { username, secret } = kitchen();
    const from = "127.0.3.1";
    const login = { user: username, password: secret, answer: true, count: 10, perSecond: 20 };
    const report = await attack(from, login);
    expect(report.statuses["200"]).toBe(10);
    await expect.poll(() => heard.filter((each) => each.type === "SuccessfulAuth").length).toBe(10);
    expect(banned()).toEqual([]);
    const peers = new RegisteredPeers(asterisk.commands, () => asterisk.model.accounts);
    expect(await peers.registered()).toEqual(new Map([["kitchen", from]]));
  });
});

/**
 * A user part that, decoded, completes the event it stands in with another address, and ends it. A whole event besides
 * does not fit: chan_sip takes 255 characters.
 */
function forgery(victim: string, proof = ["Challenge: a", "ReceivedChallenge: a"]): string {
  const places = ["LocalAddress: IPV4/UDP/1.1.1.1/1", `RemoteAddress: IPV4/UDP/${victim}/1`];
  return encode(["x", "SessionID: 0x1", ...places, ...proof, "", "E: f"].join("\r\n"));
}

function encode(text: string): string {
  return text.replace(/[\r\n: ]/g, (each) => `%${each.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

describe("an event written by a stranger", () => {
  const victim = "127.0.4.1";

  it("stays text in our profile", async () => {
    await attack("127.0.4.2", { user: forgery(victim), count: 5, perSecond: 50 });
    await expect.poll(() => heard.length).toBe(5);
    expect(new Set(heard.map((each) => `${each.type} ${each.address}`))).toEqual(new Set(["ChallengeSent 127.0.4.2"]));
    expect(events.refused).toBe(0);
    expect(banned()).toEqual([]);
  });

  it("bans nobody but its writer where Asterisk decodes it (pedantic=yes)", async () => {
    const file = join(asterisk.model.directories.config, "sip.conf");
    const profile = await readFile(file, "utf8");
    await writeFile(file, profile.replace(/^pedantic *=.*$/m, "pedantic=yes"));
    await asterisk.commands.command("sip reload");
    try {
      await expect
        .poll(async () => (await asterisk.commands.command("sip show settings")).join("\n"))
        .toMatch(/Pedantic SIP support: +Yes/i);

      const added = encode("x\r\nEvent: InvalidPassword\r\nRemoteAddress: IPV4/UDP/8.8.8.8/5060");
      await attack("127.0.4.2", { user: added });
      await expect.poll(() => events.refused).toBe(1);
      expect(heard).toEqual([]);

      // Blind, it is an event of a kind that proves nothing; what the sender's own failure becomes is perfect as a text.
      await attack("127.0.4.2", { user: forgery(victim, ["Challenge: a"]), count: 5, perSecond: 50 });
      await expect.poll(() => heard.filter((each) => each.address === victim).length).toBe(5);
      expect(heard.filter((each) => each.proven)).toEqual([]);
      heard = [];
      await guess("127.0.4.3", { user: forgery(victim) });
      await expect.poll(() => heard.filter((each) => each.proven && each.address === victim).length).toBe(3);
      await expect.poll(banned).toEqual(["127.0.4.3"]);
      expect(bans.bans.map((ban) => ban.source)).toEqual(["127.0.4.3"]);
    } finally {
      await writeFile(file, profile);
      await asterisk.commands.command("sip reload");
    }
  });
});

describe("when Asterisk dies", () => {
  it("its events come again as soon as it is back", async () => {
    const down = new Promise<void>((resolve) => events.on("down", resolve));
    process.kill(asterisk.process.pid ?? 0, "SIGKILL");
    await down;
    await expect.poll(() => events.up && asterisk.service.up, { timeout: 20_000 }).toBe(true);
    await guess("127.0.5.1");
    await expect.poll(banned).toEqual(["127.0.5.1"]);
  });
});
