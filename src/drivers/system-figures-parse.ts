/** What the kernel's texts of its own state mean. Pure; null for what is not as it should be. */

/** Ticks of all processors since the start, from `/proc/stat` (proc(5)): idle ones, those that wait for the card too. */
export function parseCpuTicks(text: string): { readonly idle: number; readonly total: number } | null {
  const found = /^cpu +((?:\d+ ?){4,})/m.exec(text);
  if (found === null) return null;
  // user nice system idle iowait irq softirq steal; what guests use is in user already.
  const ticks = (found[1] ?? "").trim().split(" ").slice(0, 8).map(Number);
  return { idle: (ticks[3] ?? 0) + (ticks[4] ?? 0), total: ticks.reduce((sum, one) => sum + one, 0) };
}

/** A figure of `/proc/meminfo`, bytes. */
export function parseMeminfo(text: string, name: "MemTotal" | "MemAvailable"): number | null {
  const found = new RegExp(`^${name}: +(\\d+) kB$`, "m").exec(text);
  return found === null ? null : Number(found[1]) * 1024;
}

/** The first number of a text: `/proc/loadavg`, `/proc/uptime`, a temperature. */
export function parseFirstNumber(text: string): number | null {
  const found = /^\s*(-?\d+(?:\.\d+)?)/.exec(text);
  return found === null ? null : Number(found[1]);
}

/** Bytes written, from a block device's `stat`: the seventh figure counts sectors of 512 bytes (iostats). */
export function parseWrittenBytes(text: string): number | null {
  const sectors = text.trim().split(/\s+/)[6];
  return sectors === undefined || !/^\d+$/.test(sectors) ? null : Number(sectors) * 512;
}

/**
 * Life used, percent, from an eMMC's `life_time` (JEDEC eMMC 5.0, EXT_CSD 268 and 269): two figures, each in tenths, of
 * which the worse counts, rounded up; 0x00 is not defined, 0x0b is more than its life.
 */
export function parseLifeTime(text: string): number | null {
  const tenths = [...text.matchAll(/0x([0-9a-f]{2})/gi)].map(([, hex]) => Number.parseInt(hex ?? "", 16));
  const worst = Math.max(0, ...tenths);
  return worst === 0 || worst > 0x0b ? null : Math.min(100, worst * 10);
}

export interface Throttled {
  readonly underVoltage: boolean;
  readonly capped: boolean;
  readonly throttled: boolean;
  readonly sinceBoot: boolean;
}

/**
 * The Raspberry Pi firmware's `get_throttled`, hexadecimal (Raspberry Pi documentation, vcgencmd): bits 0 to 3 are now:
 * under-voltage, frequency capped, throttled, soft temperature limit; bits 16 to 19 the same since the start.
 */
export function parseThrottled(text: string): Throttled | null {
  if (!/^(?:0x)?[0-9a-f]{1,8}\s*$/i.test(text)) return null;
  const bits = Number.parseInt(text, 16);
  const has = (...some: number[]) => some.some((bit) => ((bits >>> bit) & 1) === 1);
  return { underVoltage: has(0), capped: has(1, 3), throttled: has(2), sinceBoot: has(16, 17, 18, 19) };
}

/** What people call the operating system, from `/etc/os-release` (os-release(5)). */
export function parseOsRelease(text: string): string | null {
  const found = /^PRETTY_NAME=(?:"([^"\n]*)"|'([^'\n]*)'|(\S*))$/m.exec(text);
  const name = found?.[1] ?? found?.[2] ?? found?.[3] ?? "";
  return name === "" ? null : name;
}

/** Major and minor number of a device as stat(2) gives it (Linux's encoding in 64 bits). */
export function deviceNumbers(dev: number): { readonly major: number; readonly minor: number } {
  const value = BigInt(dev);
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n);
  const minor = (value & 0xffn) | ((value >> 12n) & 0xffffff00n);
  return { major: Number(major), minor: Number(minor) };
}
