import { readFile, writeFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FloodTool } from "./support/flood.ts";
import { GATEWAY, GuardRig } from "./support/guard-rig.ts";
import type { LabHost } from "./support/lab.ts";

/** The guard outlives its supervisor: what stands in the kernel, and what is stored. */

const BANNED = "10.42.66.6";
const REGISTER = [
  `REGISTER sip:${GATEWAY} SIP/2.0`,
  "Via: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK########;rport",
  `From: <sip:1@${GATEWAY}>;tag=########`,
  `To: <sip:1@${GATEWAY}>`,
  "Call-ID: ########",
  "CSeq: 1 REGISTER",
  "Content-Length: 0\r\n\r\n",
].join("\r\n");
/** Somebody else's table, which is none of our business. */
const OTHERS =
  "table inet others {\n\tset s {\n\t\ttype ipv4_addr\n\t\telements = { 192.0.2.1 }\n\t}\n\n\tchain c {\n\t\ttype filter hook input priority filter; policy accept;\n\t\tip saddr @s counter packets 0 bytes 0 drop\n\t}\n}\n";

let flood: FloodTool;
beforeAll(() => {
  flood = new FloodTool();
});
afterAll(() => flood?.remove());
afterEach(() => flood.stopAll());

const tables = async (host: LabHost) => (await host.run(["nft", "list", "tables"])).trim().split("\n");
const others = (host: LabHost) => host.run(["nft", "list", "table", "inet", "others"]);

/** While `action` runs, nobody outside has any answer, at full speed, and nothing of it gets through the rules. */
async function withoutGap(rig: GuardRig, action: () => Promise<unknown>): Promise<number> {
  const { inside } = rig.lab.outside;
  const capture = await rig.capture("udp port 5060", ({ from }) => from === GATEWAY);
  const plan = { inside, target: GATEWAY, port: 5060, perSecond: 5_000, source: "203.0.113.9", messages: [REGISTER] };
  const running = await flood.start(plan);
  await action();
  const { sent } = await running.stop();
  await capture.stop();
  expect(capture.packets).toEqual([]);
  expect(await rig.gateway.asterisk("sip show channels").catch(() => "")).not.toMatch(/^203\.0\.113/m);
  return sent;
}

describe("with protect host", () => {
  let rig: GuardRig;
  beforeAll(async () => {
    rig = await GuardRig.start();
    await rig.lab.gateway.run(["nft", "-f", "-"], { input: OTHERS });
  });
  afterAll(() => rig?.stop());

  it("kill -9: the rules, bans and meters stay; after the restart too, with the time that is left", async () => {
    const { event } = rig.lab;
    await rig.ask("firewall.ban", { address: BANNED, minutes: 30 });
    const spent = await rig.attack(event, { localAddress: "10.42.1.1", count: 20, answer: false });
    expect(spent.answered).toBe(3);
    const [before] = await rig.bans();
    const bannedAt = await rig.bannedAtMs(BANNED);
    const stands = async () => {
      for (const localAddress of [BANNED, "10.42.1.1"]) {
        expect(await rig.attack(event, { localAddress, count: 5, perSecond: 50 })).toMatchObject({ answers: 0 });
      }
      expect(await rig.bannedAtMs(BANNED).then((atMs) => Math.abs((atMs ?? 0) - (bannedAt ?? 0)))).toBeLessThan(2_000);
    };
    // The ban is on its way to the disk for a second at most.
    await expect.poll(() => rig.stored("bans"), { timeout: 15_000 }).toContain(BANNED);
    await rig.gateway.stopGateway("SIGKILL");
    expect(await tables(rig.lab.gateway)).toContain("table inet paxgate");
    expect(await withoutGap(rig, stands)).toBeGreaterThan(1_000);
    expect(await withoutGap(rig, () => rig.gateway.startGateway())).toBeGreaterThan(1_000);
    expect((await rig.bans()).map(({ source, untilMs }) => ({ source, untilMs }))).toEqual([
      { source: BANNED, untilMs: before?.untilMs },
    ]);
    for (const localAddress of [BANNED, "10.42.1.1"]) {
      expect(await rig.attack(event, { localAddress, count: 5, perSecond: 50 })).toMatchObject({ answers: 0 });
    }
    // The gateway is there again for somebody else.
    expect(await rig.attack(event, { localAddress: "10.42.1.2", count: 1 })).toMatchObject({ guessesAnswered: 1 });
    expect(await others(rig.lab.gateway)).toBe(OTHERS);
  });

  it("SIGHUP: a changed configuration is taken up without a gap", async () => {
    const from = rig.gateway.log.length;
    const sent = await withoutGap(rig, async () => {
      const file = rig.gateway.configFile;
      await writeFile(file, (await readFile(file, "utf8")).replace("10.42.0.0/16", "10.42.0.0/17"));
      process.kill(rig.gateway.gatewayPid, "SIGHUP");
      await rig.gateway.logged(({ msg }) => msg === "ready for calls", from);
    });
    expect(sent).toBeGreaterThan(1_000);
    expect((await rig.bans()).map(({ source }) => source)).toEqual([BANNED]);
    expect(await others(rig.lab.gateway)).toBe(OTHERS);
  });

  it("a source that is released by command is answered again, and the commands tell of it", async () => {
    const { event } = rig.lab;
    const explained = await rig.paxgate("firewall", "explain", BANNED);
    expect(explained.text).toMatch(/banned/);
    expect((await rig.paxgate("firewall", "bans")).text).toContain(BANNED);
    expect(await rig.paxgate("firewall", "release", BANNED)).toMatchObject({ status: 0 });
    expect(await rig.attack(event, { localAddress: BANNED, count: 1 })).toMatchObject({ guessesAnswered: 1 });
    expect((await rig.paxgate("firewall", "bans")).text).not.toContain(BANNED);
    const status = await rig.paxgate("firewall", "status");
    expect(status.text).toMatch(/^protects the host, mode allowlist, rules of \d+ /);
  });

  it("SIGTERM: SIP is closed behind it, to everybody", async () => {
    await rig.gateway.stopGateway("SIGTERM");
    const { lab } = rig;
    const rules = await lab.gateway.run(["nft", "list", "table", "inet", "paxgate"]);
    expect(rules).not.toContain("goto sip");
    // Something listens where Asterisk did, and hears nobody.
    await lab.gateway.agent.listen("udp", 5060);
    for (const [host, source] of [
      [lab.trunk, lab.trunk.address4],
      [lab.event, "10.42.1.3"],
      [lab.outside, lab.outside.address4],
    ] as const) {
      await host.agent.udp({ source, to: GATEWAY, port: 5060, payloads: ["REGISTER closed"] });
    }
    expect(await lab.gateway.agent.waitFor("REGISTER closed", 500)).toBe(false);
    expect(await others(lab.gateway)).toBe(OTHERS);
  });
});

describe("with protect gateway", () => {
  it("SIGTERM leaves nothing of ours, and everything of others", async () => {
    const rig = await GuardRig.start({
      firewall: { protect: "gateway", lists: { eventNetwork: ["10.42.0.0/16"] } },
    });
    try {
      await rig.lab.gateway.run(["nft", "-f", "-"], { input: OTHERS });
      expect(await rig.attack(rig.lab.outside, { count: 5 })).toMatchObject({ answers: 0 });
      await rig.gateway.stopGateway("SIGTERM");
      expect((await tables(rig.lab.gateway)).filter((table) => !/ (?:raw|mangle)$/.test(table))).toEqual([
        "table inet others",
      ]);
      expect(await rig.lab.gateway.run(["nft", "list", "ruleset"])).not.toMatch(/paxgate/i);
      expect(await others(rig.lab.gateway)).toBe(OTHERS);
    } finally {
      await rig.stop();
    }
  });
});
