import { afterEach, describe, expect, it } from "vitest";
import { Appliance, type ApplianceOptions } from "./support/appliance.ts";
import { callIntoPax, eventCalls } from "./support/calls.ts";
import { configurationText, SITE } from "./support/configuration.ts";
import { figure } from "./support/figures.ts";
import { Inspection } from "./support/inspection.ts";
import { addresses } from "./support/outside.ts";
import { openPorts } from "./support/scan.ts";
import { lineWirings } from "./support/wiring.ts";

/** What goes wrong in the field. Each begins with a freshly flashed card. */

let appliance: Appliance;
let inspection: Inspection;

afterEach(() => appliance?.remove());

async function flashed(options: ApplianceOptions = {}): Promise<void> {
  appliance = await Appliance.create(options);
  inspection = new Inspection(appliance.ssh);
  await appliance.powerOn();
}

const BROKEN = `${configurationText()}\nlinse: []\n`;

describe("a paxgate.yaml with a fault", () => {
  it("is told of on the boot partition, and the last good one runs", async () => {
    await flashed();
    await appliance.readyAndLoggedIn();
    await appliance.ssh.run("sync; poweroff").catch(() => undefined);
    await appliance.powerCut(1);
    await appliance.fat.write("paxgate.yaml", BROKEN);
    await appliance.powerOn();
    await appliance.readyAndLoggedIn();
    const told = async () => (await appliance.bootPartition()).has("PROBLEM.txt");
    await expect.poll(told, { timeout: 90_000, interval: 3_000 }).toBe(true);
    const problem = await (await appliance.bootPartition()).read("PROBLEM.txt");
    expect(problem).toMatch(/linse/);
    expect(problem).toMatch(/lines/);
    await appliance.ssh.run("cat >/boot/firmware/paxgate.yaml && sync && systemctl restart paxgate.service", {
      input: configurationText(),
    });
    await appliance.ready();
    await expect.poll(told, { timeout: 90_000, interval: 3_000 }).toBe(false);
  });

  it("on a card that never had a good one leaves a machine that is safe, and says what is wrong", async () => {
    await flashed({ configuration: BROKEN });
    await appliance.ssh.connect(300_000);
    await appliance.ssh.run("systemctl is-system-running --wait || true", { timeoutMs: 300_000 });
    const told = async () => (await appliance.bootPartition()).has("PROBLEM.txt");
    await expect.poll(told, { timeout: 90_000, interval: 3_000 }).toBe(true);
    expect(await (await appliance.bootPartition()).read("PROBLEM.txt")).toMatch(/linse/);
    expect(await inspection.failedUnits()).toEqual([]);
  });
});

describe("a machine that has", () => {
  it("no space left on its data partition boots to ready all the same", async () => {
    await flashed();
    await appliance.readyAndLoggedIn();
    // Everything at once, then what the file system had kept back.
    await appliance.ssh.run(
      "fallocate -l $(($(stat -f -c '%f * %S' /data))) /data/fill; dd if=/dev/zero of=/data/rest bs=4k 2>/dev/null; sync; true",
      { timeoutMs: 600_000 },
    );
    expect(Number(await appliance.ssh.run("stat -f -c %a /data"))).toBe(0);
    await appliance.powerCut(0);
    await appliance.powerOn();
    await appliance.readyAndLoggedIn();
    expect(await inspection.failedUnits()).toEqual([]);
  });

  it("a clock that is fifty years wrong boots to ready", async () => {
    await flashed({ clock: "1970-01-01T00:00:10" });
    await appliance.readyAndLoggedIn();
    const year = Number(await appliance.ssh.run("date +%Y"));
    expect(year).toBeGreaterThanOrEqual(2025);
  });

  it("no network gets its lines ready, and tells the broker when the cable is plugged in", async () => {
    appliance = await Appliance.create();
    inspection = new Inspection(appliance.ssh);
    await appliance.powerOn();
    await appliance.machine.setCable(false);
    await appliance.machine.expect(
      "the target of all units",
      300_000,
      appliance.machine.console.waitFor(/Reached target.*multi-user/i),
    );
    await appliance.machine.setCable(true);
    await appliance.ready();
    await appliance.ssh.connect(120_000);
    expect(await inspection.failedUnits()).toEqual([]);
  });

  it("no broker any more works on, and comes back to it", async () => {
    await flashed();
    await appliance.readyAndLoggedIn();
    await appliance.broker.stop();
    const lines = await appliance.ssh.run("paxgate lines --json");
    for (const { line } of lineWirings) expect(lines).toContain(line);
    await appliance.broker.start();
    await appliance.until("the gateway back on the broker", 120_000, () =>
      appliance.watch.seen.some(
        ({ topic, payload }) => topic === `paxgate/${SITE}/availability` && payload === "online",
      )
        ? true
        : null,
    );
  });
});

describe("a card without an SSH key", () => {
  it("becomes a machine that nobody can log in to: no port is open but the page's", async () => {
    await flashed({ withoutSshKey: true });
    await appliance.ready();
    const { tcp } = await openPorts(appliance.outside, addresses.stranger);
    expect(tcp).toEqual([8080]);
  });
});

describe("a supervisor that hangs", () => {
  it("loses its lines at once and is started again by the watchdog", async () => {
    await flashed();
    await appliance.readyAndLoggedIn();
    const pid = await inspection.mainPid("paxgate.service");
    const stopped = performance.now();
    await appliance.ssh.run(`kill -STOP ${pid}`);
    await appliance.ready();
    figure("hung supervisor: stopped to ready again", (performance.now() - stopped) / 1_000, "s");
    expect(await inspection.mainPid("paxgate.service")).not.toBe(pid);
  });

  it("drops a loop that it held within two seconds, by the kernel alone", async () => {
    await flashed();
    await appliance.readyAndLoggedIn();
    const { pax, machine } = appliance;
    const loop = lineWirings[0]?.loopOut ?? 0;
    const peer = await eventCalls(appliance, "4137");
    try {
      await pax.client.waitFor("37", "ringing", 90_000);
      const held = lineWirings.find(({ loopOut }) => machine.pins.isHigh(loopOut))?.loopOut ?? loop;
      expect(machine.pins.isHigh(held)).toBe(true);
      const opened = new Promise<number>((resolve) => {
        machine.pins.onEdge(({ pin, high, atMs }) => {
          if (pin === held && !high) resolve(atMs);
        });
      });
      const pid = await inspection.mainPid("paxgate.service");
      await appliance.ssh.run(`kill -STOP ${pid}`);
      const stopped = performance.now();
      const afterMs = (await machine.expect("the loop open", 10_000, opened)) - stopped;
      figure("hung supervisor: loop open after", afterMs, "ms", "2000");
      expect(afterMs).toBeLessThan(2_000);
    } finally {
      await peer.stop();
    }
  });
});

describe("a sound card that is pulled out", () => {
  it("takes its lines out of service with an alert, and they are back with it", async () => {
    await flashed();
    await appliance.readyAndLoggedIn();
    await appliance.ssh.run("for i in 1 2 3 4 5; do rmmod snd_aloop && exit 0; sleep 1; done; exit 1");
    const peer = await eventCalls(appliance, "4137");
    await peer.done(60_000).catch(() => undefined);
    await appliance.until("an alert", 120_000, () =>
      appliance.watch.seen.some(({ topic, payload }) => topic.startsWith(`paxgate/${SITE}/alerts/`) && payload !== "")
        ? true
        : null,
    );
    await appliance.ssh.run("modprobe snd-aloop");
    await expect
      .poll(async () => JSON.parse(await appliance.ssh.run("paxgate lines --json")), {
        timeout: 120_000,
        interval: 5_000,
      })
      .toMatchObject({ lines: lineWirings.map(() => ({ status: "idle" })) });
    await callIntoPax(appliance, "38");
  });
});
