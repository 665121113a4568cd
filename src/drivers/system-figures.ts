import { readdirSync, readFileSync, realpathSync, statfsSync, statSync } from "node:fs";
import { freemem, loadavg, release, totalmem, uptime } from "node:os";
import { dirname, join } from "node:path";
import type { SystemStatus } from "../status/schema.ts";
import {
  deviceNumbers,
  parseCpuTicks,
  parseFirstNumber,
  parseLifeTime,
  parseMeminfo,
  parseOsRelease,
  parseThrottled,
  parseWrittenBytes,
} from "./system-figures-parse.ts";

export interface SystemFiguresOptions {
  /** Directory of the gateway's state: the file system, and the card, that are looked at. */
  readonly stateDirectory: string;
  /** Put before `/proc`, `/sys` and `/etc`: for tests. */
  readonly root?: string;
  /** Unix time, ms. */
  readonly wallMs?: () => number;
  /** Resident memory of this process, bytes. Not from /proc/self/statm, whose pages are not of one size on all Pis. */
  readonly rssBytes?: () => number;
  /** The file system's figures, and the number of its device: for tests. */
  readonly statfs?: (path: string) => { readonly bsize: number; readonly blocks: number; readonly bavail: number };
  readonly deviceOf?: (path: string) => number;
}

/** What does not change while the machine runs. */
interface Fixed {
  readonly model: string | null;
  readonly os: string;
  readonly temperature: string | null;
  readonly throttled: string | null;
  readonly voltAlarm: string | null;
  /** The card's directory in sysfs. */
  readonly card: string | null;
}

/**
 * The machine's figures, read from the kernel: a dozen small files, none of which is on the card. 1 MB is 10^6 bytes.
 * What this machine does not have is null.
 */
export class SystemFigures {
  readonly #options: SystemFiguresOptions;
  readonly #root: string;
  #fixed: Fixed | null = null;
  #ticks: { readonly idle: number; readonly total: number } | null = null;
  #alarmSeen = false;

  constructor(options: SystemFiguresOptions) {
    this.#options = options;
    this.#root = options.root ?? "/";
  }

  /** Reads all, without waiting. `cpuPercent` is of the time since the last call; null at the first. */
  read(): SystemStatus {
    const { wallMs = Date.now, rssBytes = process.memoryUsage.rss } = this.#options;
    this.#fixed ??= this.#find();
    const { model, os, temperature } = this.#fixed;
    const meminfo = this.#text("proc/meminfo") ?? "";
    const milliC = temperature === null ? null : parseFirstNumber(this.#text(temperature) ?? "");
    return {
      atMs: wallMs(),
      model,
      os,
      cpuPercent: this.#cpuPercent(),
      load: parseFirstNumber(this.#text("proc/loadavg") ?? "") ?? loadavg()[0] ?? 0,
      temperatureC: milliC === null ? null : tenths(milliC / 1_000),
      memoryTotalMb: megabytes(parseMeminfo(meminfo, "MemTotal") ?? totalmem()),
      memoryAvailableMb: megabytes(parseMeminfo(meminfo, "MemAvailable") ?? freemem()),
      processMb: megabytes(rssBytes()),
      uptimeS: Math.round(parseFirstNumber(this.#text("proc/uptime") ?? "") ?? uptime()),
      disk: this.#disk(this.#fixed),
      throttled: this.#throttled(this.#fixed),
    };
  }

  #cpuPercent(): number | null {
    const before = this.#ticks;
    const now = parseCpuTicks(this.#text("proc/stat") ?? "");
    this.#ticks = now;
    if (before === null || now === null || now.total <= before.total) return null;
    const idle = Math.max(0, now.idle - before.idle);
    return tenths(Math.max(0, 100 * (1 - idle / (now.total - before.total))));
  }

  #disk({ card }: Fixed): SystemStatus["disk"] {
    const { statfs = statfsSync, stateDirectory } = this.#options;
    let [totalMb, freeMb] = [0, 0];
    try {
      const { bsize, blocks, bavail } = statfs(stateDirectory);
      [totalMb, freeMb] = [megabytes(blocks * bsize), megabytes(bavail * bsize)];
    } catch {
      // The directory is gone, or the card is: nothing of it is free.
    }
    const written = card === null ? null : parseWrittenBytes(this.#text(join(card, "stat")) ?? "");
    return {
      totalMb,
      freeMb,
      writtenMb: written === null ? null : megabytes(written),
      wearPercent: card === null ? null : parseLifeTime(this.#text(join(card, "device/life_time")) ?? ""),
    };
  }

  #throttled({ throttled, voltAlarm }: Fixed): SystemStatus["throttled"] {
    const firmware = throttled === null ? null : parseThrottled(this.#text(throttled) ?? "");
    if (firmware !== null) return firmware;
    // The mainline kernel tells only the voltage, and only of the last seconds: what was before us nobody knows.
    const alarm = voltAlarm === null ? null : this.#text(voltAlarm);
    if (alarm === null) return null;
    const underVoltage = alarm.trim() === "1";
    this.#alarmSeen ||= underVoltage;
    return { underVoltage, capped: false, throttled: false, sinceBoot: this.#alarmSeen };
  }

  #find(): Fixed {
    const tree = this.#text("proc/device-tree/model") ?? this.#text("sys/class/dmi/id/product_name");
    const model = tree?.replace(/\0/g, "").trim() ?? "";
    const hwmon = this.#names("sys/class/hwmon").find(
      (name) => this.#text(`sys/class/hwmon/${name}/name`)?.trim() === "rpi_volt",
    );
    return {
      model: model === "" ? null : model,
      os: `${parseOsRelease(this.#text("etc/os-release") ?? "") ?? "Linux"}, kernel ${release()}`,
      temperature: this.#findTemperature(),
      throttled: this.#findThrottled(),
      voltAlarm: hwmon === undefined ? null : `sys/class/hwmon/${hwmon}/in0_lcrit_alarm`,
      card: this.#findCard(),
    };
  }

  /** The processor's zone, or else the first. */
  #findTemperature(): string | null {
    const zones = this.#names("sys/class/thermal").filter((name) => /^thermal_zone\d+$/.test(name));
    const ofProcessor = (name: string) => /cpu|soc|x86_pkg/i.test(this.#text(`sys/class/thermal/${name}/type`) ?? "");
    const zone = zones.find(ofProcessor) ?? zones[0];
    return zone === undefined ? null : `sys/class/thermal/${zone}/temp`;
  }

  /** `soc/soc:firmware` on a Pi 3 and 4; later ones have an address in both names. */
  #findThrottled(): string | null {
    for (const soc of this.#names("sys/devices/platform").filter((name) => /^(?:soc|axi)/.test(name))) {
      for (const part of this.#names(`sys/devices/platform/${soc}`).filter((name) => name.endsWith("firmware"))) {
        const path = `sys/devices/platform/${soc}/${part}/get_throttled`;
        if (this.#text(path) !== null) return path;
      }
    }
    return null;
  }

  /** The whole card that the state's partition is on; null when that is no block device, such as tmpfs. */
  #findCard(): string | null {
    const { stateDirectory, deviceOf = (path) => statSync(path).dev } = this.#options;
    try {
      const { major, minor } = deviceNumbers(deviceOf(stateDirectory));
      const device = realpathSync(join(this.#root, `sys/dev/block/${major}:${minor}`));
      const root = realpathSync(this.#root);
      const card =
        statSync(join(device, "partition"), { throwIfNoEntry: false }) === undefined ? device : dirname(device);
      return card.slice(root === "/" ? 1 : root.length + 1);
    } catch {
      return null;
    }
  }

  #text(path: string): string | null {
    try {
      return readFileSync(join(this.#root, path), "latin1");
    } catch {
      return null;
    }
  }

  #names(path: string): string[] {
    try {
      return readdirSync(join(this.#root, path)).sort();
    } catch {
      return [];
    }
  }
}

const tenths = (value: number): number => Math.round(value * 10) / 10;
const megabytes = (bytes: number): number => tenths(bytes / 1e6);
