import { afterEach, describe, expect, it } from "vitest";
import { Appliance, type ApplianceOptions } from "./support/appliance.ts";
import { holdButton, issued, resetTold } from "./support/button.ts";
import { callIntoPax, eventCalls } from "./support/calls.ts";
import { configurationText, lineInputs, SITE } from "./support/configuration.ts";
import { figure } from "./support/figures.ts";
import { Inspection } from "./support/inspection.ts";
import { addresses } from "./support/outside.ts";
import { openPorts } from "./support/scan.ts";
import { lineWirings, STATUS_LED_PIN } from "./support/wiring.ts";

/** What goes wrong in the field. Each begins with a freshly flashed card. */

let appliance: Appliance;
let inspection: Inspection;

afterEach(() => appliance?.remove());

async function flashed(options: ApplianceOptions = {}): Promise<void> {
  appliance = await Appliance.create(options);
  inspection = new Inspection(appliance.ssh);
  await appliance.powerOn();
}

/** `fits`: the alert's name and what it says. */
async function alertTold(what: string, fits: (name: string, text: string) => boolean): Promise<void> {
  await appliance.until(`the alert ${what}`, 120_000, () =>
    [...appliance.alerts].some(([name, text]) => fits(name, text)) ? true : null,
  );
}

/** Three flashes of 150 ms and a pause of 1.25 s: 17 edges in six seconds of a machine that is not held up. */
async function ledShowsFault(): Promise<void> {
  const { pins } = appliance.machine;
  const lately = () =>
    pins.edges.filter(({ pin, atMs }) => pin === STATUS_LED_PIN && atMs > performance.now() - 6_000).length;
  await expect.poll(lately, { timeout: 120_000, interval: 500 }).toBeGreaterThanOrEqual(9);
}

/** Each line's status, in their order, once what goes on there has ended. */
async function linesBecome(...statuses: string[]): Promise<void> {
  await expect
    .poll(async () => JSON.parse(await appliance.ssh.run("paxgate lines --json")), {
      timeout: 240_000,
      interval: 5_000,
    })
    .toMatchObject({ lines: statuses.map((status) => ({ status })) });
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
    await alertTold("of the configuration", (name) => name === "configuration");
    await ledShowsFault();
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
    await ledShowsFault();
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
    await callIntoPax(appliance, "37");
    // New credentials can't be kept there: none are made, the old ones hold, and it is told.
    const before = await issued(appliance);
    await holdButton(appliance, 7_000);
    await alertTold("of a reset that failed", (name) => name === "credentials-failed");
    expect(await issued(appliance)).toBe(before);
    await appliance.ssh.run("rm /data/fill /data/rest; sync");
    await holdButton(appliance, 7_000);
    await resetTold(appliance);
    expect(await issued(appliance)).not.toBe(before);
  });

  it("no file system where its data were gets a new one; of a damaged one it keeps what there is", async () => {
    appliance = await Appliance.create();
    inspection = new Inspection(appliance.ssh);
    await appliance.wipeData(Number.POSITIVE_INFINITY);
    await appliance.powerOn();
    await appliance.readyAndLoggedIn();
    await alertTold("that they are gone", (_, text) => text.includes("made anew"));
    expect(await appliance.ssh.run("stat -f -c %T /data")).toContain("ext");
    await appliance.ssh.run("systemctl start paxgate-grow-data.service && echo kept >/data/rauc/kept && sync");
    await appliance.powerCut(1);
    // The superblock; there are others further on.
    await appliance.wipeData(4_096);
    await appliance.powerOn();
    // By the host key that was made at the first start.
    await appliance.readyAndLoggedIn();
    await alertTold("that they were damaged", (_, text) => text.includes("damaged and repaired"));
    expect(await appliance.ssh.run("cat /data/rauc/kept")).toBe("kept\n");
    expect(await inspection.failedUnits()).toEqual([]);
  });

  it("a clock that is fifty years wrong boots to ready, and goes on when it is put right", async () => {
    await flashed({ clock: "1970-01-01T00:00:10" });
    await appliance.readyAndLoggedIn();
    const now = async () => 1_000 * Number(await appliance.ssh.run("date +%s"));
    // No earlier than what the image was built with: the certificates that it has were good then.
    expect(await now()).toBeGreaterThan(Date.parse("2025-01-01"));
    const wrongMs = Math.abs((await now()) - Date.now());
    expect(wrongMs).toBeGreaterThan(60_000);
    await appliance.outside.tellTime();
    await expect
      .poll(async () => Math.abs((await now()) - Date.now()), { timeout: 300_000, interval: 3_000 })
      .toBeLessThan(5_000);
    await linesBecome(...lineWirings.map(() => "idle"));
    await callIntoPax(appliance, "37");
  });

  it("no network starts what it has, and tells the broker when the cable is plugged in", async () => {
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
    await callIntoPax(appliance, "37");
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
  it("is started again by the watchdog", async () => {
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
  it("takes its line out of service with an alert, the other one works on, and it is back with the card", async () => {
    const [first, second] = lineInputs();
    if (first === undefined || second === undefined) throw new Error("two lines are to be wired");
    const without = { ...second, interface: { ...second.interface, audio: "null" } };
    await flashed({ configuration: configurationText({ lines: [first, without] }) });
    await appliance.readyAndLoggedIn();
    await appliance.ssh.run("for i in 1 2 3 4 5; do rmmod snd_aloop && exit 0; sleep 1; done; exit 1");
    // The first call to come meets the fault.
    const peer = await eventCalls(appliance, "4137");
    try {
      await alertTold("of the line", (name) => name === `line-${first.name}`);
    } finally {
      await peer.stop();
    }
    // It may have gone on to the second line, which then rests for a while.
    await linesBecome("fault", "idle");
    await callIntoPax(appliance, "37");
    await appliance.ssh.run("modprobe snd-aloop");
    await linesBecome(...lineWirings.map(() => "idle"));
    await callIntoPax(appliance, "38");
  });
});

describe("a line whose GPIO names nobody has", () => {
  it("is out of service with an alert, and the others work", async () => {
    const [first, ...others] = lineInputs();
    if (first === undefined) throw new Error("no line is wired");
    const missing = {
      ...first,
      interface: { inputs: { loop: "nowhere-loop" }, outputs: { loop: "nowhere:loop" }, audio: "null" },
    };
    await flashed({ configuration: configurationText({ lines: [missing, ...others] }) });
    await appliance.readyAndLoggedIn();
    await alertTold("of the line", (name) => name === `line-${first.name}`);
    await linesBecome("fault", ...others.map(() => "idle"));
    expect(await inspection.failedUnits()).toEqual([]);
    await callIntoPax(appliance, "37");
    const told = async () => (await appliance.bootPartition()).has("PROBLEM.txt");
    await expect.poll(told, { timeout: 120_000, interval: 3_000 }).toBe(true);
    expect(await (await appliance.bootPartition()).read("PROBLEM.txt")).toMatch(/nowhere/);
  });
});
