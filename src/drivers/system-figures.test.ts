import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SystemStatus } from "../status/schema.ts";
import { SystemFigures } from "./system-figures.ts";
import { deviceNumbers, parseCpuTicks, parseLifeTime, parseOsRelease, parseThrottled } from "./system-figures-parse.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "figures-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

/** A Raspberry Pi 4 with the system on the second partition of an eMMC. */
function pi(): void {
  put({
    "proc/stat": "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 50 0 50 350 50 0 0 0 0 0\n",
    "proc/meminfo": "MemTotal:        1926200 kB\nMemFree:          100000 kB\nMemAvailable:    1500000 kB\n",
    "proc/loadavg": "0.42 0.30 0.20 1/123 4567\n",
    "proc/uptime": "3600.72 7000.10\n",
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
    "sys/class/thermal/thermal_zone0/type": "ddr-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "30000\n",
    "sys/class/thermal/thermal_zone1/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone1/temp": "48312\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
    "sys/devices/mmc/block/mmcblk0/stat": "  10 0 80 5 20 0 2000000 5 0 10 10\n",
    "sys/devices/mmc/block/mmcblk0/device/life_time": "0x01 0x02\n",
    "sys/devices/mmc/block/mmcblk0/mmcblk0p2/partition": "2\n",
    "sys/devices/mmc/block/mmcblk0/mmcblk0p2/stat": "1 1 1 1 1 1 7 1 1 1 1\n",
  });
  mkdirSync(join(root, "sys/dev/block"), { recursive: true });
  symlinkSync("../../devices/mmc/block/mmcblk0/mmcblk0p2", join(root, "sys/dev/block/179:2"));
}

function figures(): SystemFigures {
  return new SystemFigures({
    stateDirectory: "/state",
    root,
    wallMs: () => 1_234,
    rssBytes: () => 95_500_000,
    statfs: () => ({ bsize: 4_096, blocks: 1_000_000, bavail: 250_000 }),
    deviceOf: () => 179 * 256 + 2,
  });
}

describe("the machine's figures", () => {
  it("are read from the kernel's files", () => {
    pi();
    expect(figures().read()).toEqual<SystemStatus>({
      atMs: 1_234,
      model: "Raspberry Pi 4 Model B Rev 1.4",
      os: expect.stringMatching(/^Debian GNU\/Linux 13 \(trixie\), kernel \d/),
      cpuPercent: null,
      load: 0.42,
      temperatureC: 48.3,
      memoryTotalMb: 1_972.4,
      memoryAvailableMb: 1_536,
      processMb: 95.5,
      uptimeS: 3_601,
      disk: { totalMb: 4_096, freeMb: 1_024, writtenMb: 1_024, wearPercent: 20 },
      throttled: { underVoltage: true, capped: false, throttled: true, sinceBoot: true },
    });
  });

  it("tell the processors' use since the last look", () => {
    pi();
    const one = figures();
    one.read();
    put({ "proc/stat": "cpu  130 0 120 840 110 0 0 0 0 0\n" });
    expect(one.read().cpuPercent).toBe(25);
    expect(one.read().cpuPercent).toBeNull();
  });

  it("are null where this machine has none, and never fail", () => {
    const { cpuPercent, temperatureC, throttled, model, disk, memoryTotalMb } = figures().read();
    expect([cpuPercent, temperatureC, throttled, model]).toEqual([null, null, null, null]);
    expect(disk).toMatchObject({ writtenMb: null, wearPercent: null });
    expect(memoryTotalMb).toBeGreaterThan(0);
    const gone = new SystemFigures({ stateDirectory: join(root, "gone"), root });
    expect(gone.read().disk).toEqual({ totalMb: 0, freeMb: 0, writtenMb: null, wearPercent: null });
  });

  it("know a Pi of the mainline kernel by its voltage alarm, and remember it", () => {
    put({ "sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "0\n" });
    const one = figures();
    const quiet = { underVoltage: false, capped: false, throttled: false, sinceBoot: false };
    expect(one.read().throttled).toEqual(quiet);
    put({ "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n" });
    expect(one.read().throttled).toEqual({ ...quiet, underVoltage: true, sinceBoot: true });
    put({ "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "0\n" });
    expect(one.read().throttled).toEqual({ ...quiet, sinceBoot: true });
  });

  it("find the firmware of a Pi 5, whose name has an address", () => {
    put({ "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": "0\n" });
    const quiet = { underVoltage: false, capped: false, throttled: false, sinceBoot: false };
    expect(figures().read().throttled).toEqual(quiet);
  });

  it("are there on this machine, in the order of magnitude that node itself gives", () => {
    const one = new SystemFigures({ stateDirectory: tmpdir() });
    const { memoryTotalMb, processMb, uptimeS, disk } = one.read();
    expect(memoryTotalMb).toBeGreaterThan(100);
    expect(processMb).toBeGreaterThan(20);
    expect(uptimeS).toBeGreaterThan(0);
    expect(disk.totalMb).toBeGreaterThan(disk.freeMb);
  });
});

describe("the kernel's texts", () => {
  it("are understood, or are nothing", () => {
    expect(parseCpuTicks("intr 5\n")).toBeNull();
    expect([parseLifeTime("0x00 0x00"), parseLifeTime("0x0b 0x01"), parseLifeTime("")]).toEqual([null, 100, null]);
    expect([parseThrottled("error"), parseThrottled("0x8\n")?.capped]).toEqual([null, true]);
    expect([parseOsRelease("PRETTY_NAME=Alpine"), parseOsRelease("NAME=x")]).toEqual(["Alpine", null]);
    expect(deviceNumbers(0xfe00)).toEqual({ major: 254, minor: 0 });
    expect(deviceNumbers(0x1000_0a05)).toEqual({ major: 10, minor: 0x1_0005 });
  });
});
