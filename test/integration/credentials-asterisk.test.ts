import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AccountCredentials } from "../../src/sip/model.ts";
import { prepareAsterisk, type TestAsterisk } from "./support/asterisk.ts";
import { SipPeer } from "./support/asterisk-sip.ts";

/** New accounts taken up by the real Asterisk while it runs. */

let asterisk: TestAsterisk;
let serial = 0;
const peers: SipPeer[] = [];

beforeAll(async () => {
  asterisk = await prepareAsterisk({
    accounts: [
      { name: "desk", networks: ["127.0.0.0/8"] },
      { name: "bar", networks: ["127.0.0.0/8"] },
    ],
    sip: { tcp: true },
  } as object);
  await asterisk.service.start(new AbortController().signal);
});
afterAll(async () => {
  for (const peer of peers) peer.close();
  await asterisk?.remove();
});

async function phone(): Promise<SipPeer> {
  const peer = await new SipPeer(asterisk.model.port).open();
  peers.push(peer);
  return peer;
}

const current = (name: string): AccountCredentials => {
  const found = asterisk.service.accounts.find((account) => account.name === name);
  if (found === undefined) throw new Error(`no account ${name}`);
  return found;
};

function fresh(): Map<string, AccountCredentials> {
  serial++;
  const made = (name: string) => ({ username: `${name}-new${serial}`, secret: `Secret${serial}${"x".repeat(18)}` });
  return new Map(["desk", "bar"].map((name) => [name, made(name)]));
}

const register = async (account: AccountCredentials, on?: SipPeer) =>
  (
    await (on ?? (await phone())).sendAuthenticated(
      { method: "REGISTER", from: account.username },
      account.username,
      account.secret,
    )
  ).status;

const command = async (text: string) => (await asterisk.commands.command(text)).join("\n");

describe("new accounts while Asterisk runs", () => {
  it("are taken within 2 s: the old password is refused, its registration gone, the new one registers", async () => {
    const old = current("desk");
    expect(await register(old)).toBe(200);
    expect(await command("database show SIP/Registry")).toContain(old.username);
    const accounts = fresh();
    const desk = accounts.get("desk") as AccountCredentials;
    const begun = performance.now();
    await asterisk.service.setAccounts(accounts);
    expect(performance.now() - begun).toBeLessThan(2_000);
    expect([401, 403]).toContain(await register(old));
    expect(await register({ ...desk, secret: old.secret })).not.toBe(200);
    expect(await register({ ...old, secret: desk.secret })).not.toBe(200);
    expect(await register(desk)).toBe(200);
    expect(await command("sip show peers")).not.toContain(old.username);
    expect(await command("database show SIP")).not.toContain(old.username);
    expect(await asterisk.service.check()).toEqual([]);
  });

  it("are the same answer for whoever guesses: an old name is refused like one that never was", async () => {
    const old = current("bar");
    await asterisk.service.setAccounts(fresh());
    const answers = await Promise.all(
      [old, { ...old, username: "nobody-abcdef" }].map(async (account) => register(account)),
    );
    expect(answers[0]).toBe(answers[1]);
  });

  it("do not stand in Asterisk's files as passwords, nor in its logs, nor in any process's arguments", async () => {
    const accounts = fresh();
    await asterisk.service.setAccounts(accounts);
    const secrets = [...accounts.values()].map(({ secret }) => secret);
    const file = await readFile(join(asterisk.model.directories.config, "sip.conf"), "utf8");
    const { stdout } = await promisify(execFile)("ps", ["-eo", "args"]);
    for (const text of [file, stdout, asterisk.readLog("messages"), await command("sip show peers")]) {
      expect(text.length).toBeGreaterThan(0);
      for (const secret of secrets) expect(text).not.toContain(secret);
    }
    for (const { username } of accounts.values()) expect(file).toContain(`[${username}]`);
  });

  it("are noted while it is down and in force when it is up again, without what it remembered", async () => {
    const old = current("desk");
    expect(await register(old)).toBe(200);
    const again = next("up");
    const down = next("down");
    process.kill(pid(), "SIGKILL");
    await down;
    const accounts = fresh();
    await asterisk.service.setAccounts(accounts).catch((error: unknown) => {
      expect(error).toMatchObject({ code: "sip-accounts" });
    });
    await again;
    await asterisk.service.setAccounts(accounts);
    expect(await register(old)).not.toBe(200);
    expect(await register(accounts.get("desk") as AccountCredentials)).toBe(200);
    expect(await command("database show SIP")).not.toContain(old.username);
  });

  it("leave connections over TCP as they are", async () => {
    const socket = connect(asterisk.model.port, "127.0.0.1");
    await once(socket, "connect");
    const options = async (cseq: number) => {
      const lines = [
        `OPTIONS sip:127.0.0.1:${asterisk.model.port} SIP/2.0`,
        `Via: SIP/2.0/TCP 127.0.0.1:${socket.localPort};branch=z9hG4bKtcp${cseq}`,
        "From: <sip:nobody@127.0.0.1>;tag=tcp",
        `To: <sip:127.0.0.1:${asterisk.model.port}>`,
        "Call-ID: tcp-session",
        `CSeq: ${cseq} OPTIONS`,
        "Content-Length: 0",
      ];
      socket.write(`${lines.join("\r\n")}\r\n\r\n`);
      const [answer] = await once(socket, "data");
      return String(answer);
    };
    expect(await options(1)).toMatch(/^SIP\/2\.0 \d{3}/);
    await asterisk.service.setAccounts(fresh());
    expect(await options(2)).toContain("CSeq: 2 OPTIONS");
    socket.destroy();
  });

  it("without one of its accounts are refused and change nothing", async () => {
    const before = asterisk.service.accounts;
    await expect(asterisk.service.setAccounts(new Map())).rejects.toMatchObject({ code: "sip-secret-missing" });
    expect(asterisk.service.accounts).toEqual(before);
    expect(await asterisk.service.check()).toEqual([]);
  });

  it("changed on every side at once end as the last that were given", async () => {
    const given = [fresh(), fresh(), fresh()];
    await Promise.all(given.map((accounts) => asterisk.service.setAccounts(accounts)));
    const last = given[2]?.get("desk") as AccountCredentials;
    expect(await register(last)).toBe(200);
    for (const each of given.slice(0, 2)) expect(await register(each.get("desk") as AccountCredentials)).not.toBe(200);
  });
});

function next(event: "up" | "down"): Promise<void> {
  return new Promise((resolve) => {
    const dispose = asterisk.service.on(event, () => {
      dispose();
      resolve();
    });
  });
}

function pid(): number {
  return Number(readFileSync(join(asterisk.model.directories.run, "asterisk.pid"), "utf8"));
}
