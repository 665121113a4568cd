import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agree, callee, caller, receive, stream, toneFile } from "../integration/support/sipp.ts";
import { Appliance, BOOT_LIMIT_MS } from "./support/appliance.ts";
import { figure } from "./support/figures.ts";
import { Inspection } from "./support/inspection.ts";
import { addresses } from "./support/outside.ts";
import { openPorts } from "./support/scan.ts";
import { levelOnTheWire, SipPeer } from "./support/sip-peer.ts";
import { PairSound } from "./support/sound.ts";

/**
 * The image's first hour, in one go and in this order: boot, what it is like then, a call each way, new credentials by
 * the button, the plug pulled. What CI runs; everything else goes deeper into one of these.
 */

const EVENT_HZ = 1_400;
const PAX_HZ = 700;

let appliance: Appliance;
let inspection: Inspection;

beforeAll(async () => {
  appliance = await Appliance.create();
  inspection = new Inspection(appliance.ssh);
});

afterAll(() => appliance?.remove());

describe("a freshly flashed card", () => {
  it("boots unattended until it tells a broker outside that calls can be made", async () => {
    await appliance.powerOn();
    const tookMs = await appliance.ready(2 * BOOT_LIMIT_MS);
    figure("first boot, power-on to ready for calls", tookMs / 1_000, "s");
    await appliance.ssh.connect(120_000);
  });

  it("has no failed unit and no ordering cycle", async () => {
    expect(await inspection.failedUnits()).toEqual([]);
    expect(await inspection.journal("ordering cycle")).toEqual([]);
  });

  it("has a root that nobody can write to, root himself neither", async () => {
    const options = await appliance.ssh.run("findmnt -n -o OPTIONS /");
    expect(options.trim().split(",")).toContain("ro");
    const attempts = await appliance.ssh.run(
      "for f in /x /etc/x /usr/x /usr/lib/paxgate/x; do if touch $f 2>/dev/null; then echo $f; fi; done; mount -o remount,rw / 2>/dev/null && touch /x 2>/dev/null && echo remounted; true",
    );
    expect(attempts).toBe("");
  });

  it("had its firewall up before its network", async () => {
    const rules = await inspection.activeAt("paxgate-static.service");
    const network = await inspection.activeAt("systemd-networkd.service");
    expect(rules).not.toBeNull();
    expect(network).not.toBeNull();
    expect(rules).toBeLessThan(Number(network));
  });

  it("shows strangers on the network nothing but what is declared", async () => {
    const open = await openPorts(appliance.outside, addresses.stranger);
    expect(open.tcp.filter((port) => ![22, 8080].includes(port))).toEqual([]);
    expect(open.udp.filter((port) => ![5353].includes(port))).toEqual([]);
    figure("TCP ports open to the LAN", open.tcp.join(" ") || "none", "");
  });

  it("listens nowhere that is not declared", async () => {
    const listening = (await inspection.listeners()).filter(({ address }) => !/^(127\.|\[::1\])/.test(address));
    const declared = new Set(["tcp 22", "tcp 8080", "udp 5060", "udp 68", "udp 546", "udp 5353"]);
    const others = listening.filter(({ proto, port }) => !declared.has(`${proto} ${port}`));
    expect(others).toEqual([]);
  });

  it("takes no password at its door", async () => {
    const { ok, said } = await appliance.ssh.tryLogin([
      ...["-o", "PreferredAuthentications=password,keyboard-interactive", "-o", "PubkeyAuthentication=no"],
      `root@${addresses.machine}`,
    ]);
    expect(ok).toBe(false);
    expect(said).toMatch(/Permission denied \(publickey\)/);
  });
});

describe("a call through the pins and the sound card", () => {
  it("goes from a PAX telephone to the event, with sound both ways", async () => {
    const { outside, pax, ssh } = appliance;
    const tone = await toneFile(appliance.directory, EVENT_HZ);
    const peer = await SipPeer.run(
      outside,
      receive('request="INVITE"') +
        callee.respondWithMedia("200 OK", "stream") +
        receive('request="ACK"') +
        stream(tone) +
        receive('request="BYE"') +
        agree,
    );
    const line = "tie-1";
    const stop = pax.joinSound(line, (onFrame) => new PairSound(ssh, 0, onFrame));
    try {
      const { client } = pax;
      await client.lift("21");
      await client.waitFor("21", "dial-tone", 5_000);
      await client.dial("21", "9");
      await client.waitFor("21", "dial-tone", 15_000);
      await client.dial("21", "23");
      await client.waitFor("21", "answered", 30_000);
      await client.play("21", { frequencyHz: PAX_HZ });
      await expect.poll(() => heard("21", EVENT_HZ), { timeout: 30_000 }).toBeGreaterThan(-30);
      await expect.poll(() => levelOnTheWire(outside, PAX_HZ), { timeout: 60_000 }).toBeGreaterThan(-30);
      await client.hangup("21");
      await peer.done();
    } finally {
      await stop();
      await peer.stop();
    }
  });

  it("goes from the event to a PAX telephone, by impulses that the exchange understands", async () => {
    const { outside, pax } = appliance;
    const peer = await SipPeer.run(
      outside,
      caller.invite("echo") +
        receive('response="100"', 'optional="true"') +
        receive('response="183"', 'optional="true"') +
        receive('response="200"', 'rtd="true"') +
        caller.ack +
        receive('request="BYE"') +
        agree,
      "4137",
    );
    try {
      await pax.client.waitFor("37", "ringing", 60_000);
      await pax.client.lift("37");
      await pax.client.waitFor("37", "talking", 10_000);
      await pax.client.hangup("37");
      await peer.done(90_000);
    } finally {
      await peer.stop();
    }
  });
});

async function heard(ext: string, frequencyHz: number): Promise<number> {
  const { tones } = await appliance.pax.client.hear(ext, { ms: 1_000, frequenciesHz: [frequencyHz] });
  return tones[0]?.levelDbm0 ?? -100;
}
