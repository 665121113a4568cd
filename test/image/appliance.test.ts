import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Appliance, BOOT_LIMIT_MS } from "./support/appliance.ts";
import { holdButton, issued, resetTold } from "./support/button.ts";
import { callIntoPax, EVENT_HZ, eventAnswers, heardAt, messageSeen, PAX_HZ, paxDials } from "./support/calls.ts";
import { figure } from "./support/figures.ts";
import { Inspection } from "./support/inspection.ts";
import { addresses } from "./support/outside.ts";
import { openPorts } from "./support/scan.ts";
import { levelOnTheWire } from "./support/sip-peer.ts";
import { PairSound } from "./support/sound.ts";

/**
 * The image's first hour, in one go and in this order: boot, what it is like then, a call each way, new credentials by
 * the button, the plug pulled. What CI runs; everything else goes deeper into one of these.
 */

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

  it("runs its programs in tight sandboxes, in little memory", async () => {
    for (const unit of ["paxgate.service", "paxgate-asterisk.service"]) {
      const exposure = await inspection.exposure(unit);
      figure(`systemd-analyze security ${unit}`, exposure, "", "2.0");
      expect(exposure).toBeLessThanOrEqual(2);
    }
    const { total, used } = await inspection.memory();
    figure(`memory in use after boot, of ${Math.round(total)}`, used, "MiB");
    const startup = await appliance.ssh.run("systemd-analyze; systemd-analyze blame --no-pager | head -8");
    const [finished = "", , ...slowest] = startup.trim().split("\n");
    figure("systemd-analyze", finished.replace(/^Startup finished in /, "").trim(), "");
    figure("systemd-analyze blame", slowest.map((line) => line.trim()).join(", "), "");
  });

  it("lets nobody but root command its updates", async () => {
    expect(await appliance.ssh.run("rauc status 2>&1")).toMatch(/Booted from/);
    for (const user of ["paxgate", "asterisk"]) {
      const words = `setpriv --reuid=${user} --regid=${user} --clear-groups`;
      const said = await appliance.ssh.run(
        `${words} busctl call de.pengutronix.rauc / de.pengutronix.rauc.Installer GetSlotStatus 2>&1 && echo obeyed; true`,
      );
      expect(said, user).toMatch(/[Aa]ccess denied|not allowed|Permission denied/);
      expect(said, user).not.toContain("obeyed");
    }
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
    expect(open.udp).toEqual([]);
    figure("TCP ports open to the LAN", open.tcp.join(" ") || "none", "");
  });

  it("listens nowhere that is not declared", async () => {
    const listening = (await inspection.listeners()).filter(({ address }) => !/^(127\.|\[::1\])/.test(address));
    const declared = new Set(["tcp 22", "tcp 8080", "udp 5060", "udp 68", "udp 546"]);
    const others = listening.filter(({ proto, port }) => !declared.has(`${proto} ${port}`));
    expect(others).toEqual([]);
  });

  it("has grown its data partition to the end of the card", async () => {
    await appliance.ssh.run("systemctl start paxgate-grow-data.service");
    const [blocks = 0, bytes = 0] = (await appliance.ssh.run("stat -f -c '%b %S' /data")).split(" ").map(Number);
    // Of the test's 4 GiB the system's own partitions have 0.8.
    expect((blocks * bytes) / appliance.card.size).toBeGreaterThan(0.7);
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
    const peer = await eventAnswers(appliance);
    const stop = pax.joinSound("tie-1", (onFrame) => new PairSound(ssh, 0, onFrame));
    try {
      await paxDials(appliance, "21", "23");
      await messageSeen(peer, /ACK sip:/, 60_000);
      await pax.client.play("21", { frequencyHz: PAX_HZ });
      await expect.poll(() => heardAt(appliance, "21", EVENT_HZ), { timeout: 30_000 }).toBeGreaterThan(-30);
      await expect.poll(() => levelOnTheWire(outside, PAX_HZ), { timeout: 60_000 }).toBeGreaterThan(-30);
      expect(await heardAt(appliance, "21", PAX_HZ)).toBeLessThan(-40);
      await pax.client.hangup("21");
      await peer.done();
    } finally {
      await stop();
      await peer.stop();
      await pax.client.hangup("21").catch(() => undefined);
    }
  });

  it("goes from the event to a PAX telephone, by impulses that the exchange understands", async () => {
    await callIntoPax(appliance, "37");
  });
});

describe("the reset button", () => {
  it("makes new credentials when it is held for five seconds and let go", async () => {
    const before = await issued(appliance);
    await holdButton(appliance, 7_000);
    await resetTold(appliance);
    expect(await issued(appliance)).not.toBe(before);
  });
});

describe("a power cut", () => {
  it("is followed by a boot to ready, with what had been acknowledged and the same host key", async () => {
    const before = await issued(appliance);
    const { lostSectors } = await appliance.powerCut(0);
    figure("sectors lost in the power cut", lostSectors, "");
    await appliance.powerOn();
    const tookMs = await appliance.readyAndLoggedIn();
    figure("later boot, power-on to ready for calls", tookMs / 1_000, "s");
    expect(await issued(appliance)).toBe(before);
    expect(await inspection.failedUnits()).toEqual([]);
  });
});
