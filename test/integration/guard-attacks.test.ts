import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { GATEWAY, GuardRig, tool } from "./support/guard-rig.ts";
import type { LabHost } from "./support/lab.ts";

/** The whole gateway in its default mode, and attackers who are not allowed: Asterisk hears nothing, they get nothing. */

const methods = ["REGISTER", "INVITE", "SUBSCRIBE", "OPTIONS", "register"] as const;

describe.each([5060, 5872])("a source on no list, SIP port %i", (port) => {
  let rig: GuardRig;
  beforeAll(async () => {
    rig = await GuardRig.start({ sip: { port } });
  });
  afterAll(() => rig?.stop());
  afterEach(() => rig.release());

  /** Nothing leaves towards the attacker, nothing comes to Asterisk, while this is done. */
  async function nothingHappens(attack: (host: LabHost) => Promise<unknown>): Promise<number> {
    const { outside } = rig.lab;
    const capture = await rig.capture(`host ${outside.address4} and not arp`, ({ from }) => from === GATEWAY);
    const before = await rig.counted("strangers");
    await attack(outside);
    const { dropped } = await capture.stop();
    expect(dropped).toBe(0);
    expect(capture.packets.map(({ proto, fromPort }) => `${proto} ${fromPort}`)).toEqual([]);
    expect(await rig.counted("strangers")).toBe(before);
    expect(await rig.gateway.asterisk("sip show channels")).toMatch(/^0 active SIP dialogs/m);
    expect(await rig.bans()).toEqual([]);
    return capture.count;
  }

  it("nmap finds nothing", async () => {
    const ports = `${port},5061,4569,8088,5038,22,80`;
    const heard = await nothingHappens(async (host) => {
      const common = ["-n", "-Pn", "--max-retries", "0", "--host-timeout", "15s", "-p"];
      for (const kind of ["-sU", "-sS", "-sT"]) {
        const text = await tool(host, 20, "nmap", kind, ...common, ports, GATEWAY);
        expect(text).not.toMatch(/^\d+\/\S+ +(?:open|closed)(?!\|)/m);
      }
    });
    expect(heard).toBeGreaterThan(20);
  });

  it("sipvicious finds nothing", async () => {
    const heard = await nothingHappens(async (host) => {
      const p = `-p${port}`;
      const attacks = [
        ["svmap", p, GATEWAY],
        ["svmap", p, "-m", "REGISTER", GATEWAY],
        ["svwar", p, "-e100-200", "-m", "REGISTER", GATEWAY],
        ["svwar", p, "-e100-200", "-m", "INVITE", GATEWAY],
        ["svcrack", p, "-u100", "-r1-200", GATEWAY],
      ].map((words) => tool(host, 3, ...words));
      for (const text of await Promise.all(attacks)) {
        expect(text).not.toMatch(/reqauth|noauth|The password for|\| *198\.51\.100\.2:/);
      }
    });
    expect(heard).toBeGreaterThan(4);
  });

  it.each(["udp", "tcp"] as const)("no method is answered at full speed over %s", async (transport) => {
    const heard = await nothingHappens(async (host) => {
      for (const method of methods) {
        const report = await rig.attack(host, { method, transport, seconds: 0.5, lingerMs: 100 });
        expect(report).toMatchObject({ answers: 0, guesses: 0 });
        if (transport === "tcp") expect(report.error).toBe("no connection");
      }
    });
    expect(heard).toBeGreaterThanOrEqual(methods.length);
  });
});
