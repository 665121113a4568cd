import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** Of the machine's own table of hosts, bytes. */
const LONGEST_HOSTS = 64_000;

/**
 * What our Asterisk knows of names: a table of hosts that is ours, and no name server. chan_sip looks up whatever name
 * stands in a packet's Via, in the one thread that all of SIP waits for: a resolver that does not answer would stop
 * every call for seconds, for a single forged packet. So the names that the configuration has are looked up by us and
 * written here; any other name is unknown at once.
 */
export class AsteriskNames {
  /** Takes the place of /etc/hosts, for Asterisk. */
  readonly hosts: string;
  /** Takes the place of /etc/nsswitch.conf. */
  readonly services: string;
  readonly #sources: string;
  #written = "";

  /**
   * `directory`: one that Asterisk can read and not write. `others`: who else answers for a name that is not in the
   * table: nobody, or name servers.
   */
  constructor(directory: string, others: "nobody" | "dns" = "nobody") {
    this.#sources = others === "dns" ? "files dns" : "files";
    this.hosts = join(directory, "hosts");
    this.services = join(directory, "nsswitch.conf");
  }

  /**
   * The machine's own table with these names before it. Written in place, for a running Asterisk sees this very file;
   * whether it has changed.
   */
  async write(names: ReadonlyMap<string, readonly string[]>): Promise<boolean> {
    const own = (await readFile("/etc/hosts", "latin1").catch(() => "")).slice(0, LONGEST_HOSTS);
    const text = renderHosts(names, own);
    if (text === this.#written) return false;
    await writeFile(this.services, `passwd: files\ngroup: files\nhosts: ${this.#sources}\n`, { mode: 0o644 });
    await writeFile(this.hosts, text, { mode: 0o644 });
    this.#written = text;
    return true;
  }

  /** Whether a program can be given files of its own in the place of the machine's: that takes CAP_SYS_ADMIN. */
  async possible(): Promise<boolean> {
    return promisify(execFile)("unshare", ["--mount", "true"]).then(
      () => true,
      () => false,
    );
  }
}

/** IPv4 first, which trunks mostly are reached by. What is no name or no address is left out. */
export function renderHosts(names: ReadonlyMap<string, readonly string[]>, own: string): string {
  const lines = [...names].flatMap(([name, addresses]) =>
    /^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(name)
      ? [...addresses]
          .filter((address) => /^[0-9A-Fa-f:.]+$/.test(address))
          .sort((one, other) => Number(one.includes(":")) - Number(other.includes(":")))
          .map((address) => `${address} ${name}`)
      : [],
  );
  return `${["127.0.0.1 localhost", ...lines].join("\n")}\n${own}`;
}
