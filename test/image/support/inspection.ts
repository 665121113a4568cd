import type { Ssh } from "./ssh.ts";

/** Something that listens on the machine. */
export interface Listener {
  readonly proto: "tcp" | "udp";
  readonly port: number;
  /** As `ss` says it; `0.0.0.0`, `*` and `[::]` are every address. */
  readonly address: string;
}

/** Looks into the running machine. */
export class Inspection {
  readonly #ssh: Ssh;

  constructor(ssh: Ssh) {
    this.#ssh = ssh;
  }

  async failedUnits(): Promise<readonly string[]> {
    const text = await this.#ssh.run("systemctl list-units --failed --plain --no-legend --all");
    return text.split("\n").filter((line) => line.trim() !== "");
  }

  /** What the journal of this boot says that fits. */
  async journal(pattern: string): Promise<readonly string[]> {
    const text = await this.#ssh.run(`journalctl -b -o short-monotonic --no-pager | grep -E '${pattern}' || true`);
    return text.split("\n").filter((line) => line !== "");
  }

  async listeners(): Promise<readonly Listener[]> {
    const text = await this.#ssh.run("ss -H -l -n -t -u");
    return text.split("\n").flatMap((line) => {
      const [proto, , , , local = ""] = line.trim().split(/\s+/);
      if (proto !== "tcp" && proto !== "udp") return [];
      const colon = local.lastIndexOf(":");
      return [{ proto, port: Number(local.slice(colon + 1)), address: local.slice(0, colon) }];
    });
  }

  /** Memory, MiB. */
  async memory(): Promise<{ readonly total: number; readonly available: number; readonly used: number }> {
    const text = await this.#ssh.run("cat /proc/meminfo");
    const value = (key: string) => Number(new RegExp(`^${key}: +(\\d+) kB`, "m").exec(text)?.[1]) / 1_024;
    const [total, available] = [value("MemTotal"), value("MemAvailable")];
    return { total, available, used: total - available };
  }

  /** When a unit became active (or its process was started), seconds of the machine's monotonic clock; null: never. */
  async activeAt(unit: string): Promise<number | null> {
    const text = await this.#ssh.run(`systemctl show -P ActiveEnterTimestampMonotonic ${unit}`);
    const microseconds = Number(text.trim());
    return microseconds > 0 ? microseconds / 1e6 : null;
  }

  /** Process number of a unit's main process. */
  async mainPid(unit: string): Promise<number> {
    const pid = Number((await this.#ssh.run(`systemctl show -P MainPID ${unit}`)).trim());
    if (!(pid > 0)) throw new Error(`${unit} has no process`);
    return pid;
  }

  /** `systemd-analyze security`'s exposure, 0 (tight) to 10. */
  async exposure(unit: string): Promise<number> {
    const text = await this.#ssh.run(`systemd-analyze --no-pager security ${unit} | tail -1`, { timeoutMs: 300_000 });
    const value = /: (\d+(\.\d+)?) /.exec(text)?.[1];
    if (value === undefined) throw new Error(`systemd-analyze security ${unit}: ${text}`);
    return Number(value);
  }
}
