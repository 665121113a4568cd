import { readdir, readFile, readlink } from "node:fs/promises";
import { endianness } from "node:os";

/** Who answers at a TCP port of 127.0.0.1. */
export type PortHolder = "ours" | "other";

/** Entries of proc(5), `net/{tcp,udp}`: local address and port in hexadecimal, state, inode of the socket. */
interface Entry {
  readonly address: string;
  readonly port: number;
  readonly state: string;
  readonly inode: string;
}

const LISTENS = "0A";
const LOOPBACK = endianness() === "LE" ? "0100007F" : "7F000001";
/** A socket with this address gets what comes for 127.0.0.1, unless one with that very address is there. */
const ANY = /^0+$/;

/** Local UDP ports that a process of ours holds open. */
export async function openUdpPorts(pid: number): Promise<ReadonlySet<number>> {
  const entries = await entriesOf(pid, ["udp", "udp6"]);
  const inodes = await socketsOf(pid);
  return new Set(entries.filter(({ inode }) => inodes.has(inode)).map(({ port }) => port));
}

/** TCP ports of 127.0.0.1 at which somebody listens: the process `pid`, which binds that very address, or another. */
export async function tcpListeners(pid: number | null): Promise<ReadonlyMap<number, PortHolder>> {
  // The sockets of the process come second: what it opens meanwhile must not pass for another's.
  const entries = (await entriesOf(pid ?? "self", ["tcp", "tcp6"])).filter(({ state }) => state === LISTENS);
  const inodes = pid === null ? new Set<string>() : await socketsOf(pid);
  const holders = new Map<number, PortHolder>();
  for (const { address, port, inode } of entries) {
    if (address === LOOPBACK && inodes.has(inode)) holders.set(port, "ours");
    else if (!holders.has(port) && (ANY.test(address) || address.endsWith(LOOPBACK))) holders.set(port, "other");
  }
  return holders;
}

async function entriesOf(pid: number | "self", tables: readonly string[]): Promise<Entry[]> {
  const texts = await Promise.all(tables.map((name) => readFile(`/proc/${pid}/net/${name}`, "utf8").catch(() => "")));
  return texts
    .join("\n")
    .split("\n")
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      const [, address, port] = /^([0-9A-F]+):([0-9A-F]{4})$/.exec(fields[1] ?? "") ?? [];
      if (address === undefined || port === undefined) return [];
      return [{ address, port: Number.parseInt(port, 16), state: fields[3] ?? "", inode: fields[9] ?? "" }];
    });
}

/** Inodes of the sockets that a process has open. */
async function socketsOf(pid: number): Promise<Set<string>> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const links = await Promise.all(descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")));
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}
