import { closeSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
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
  const entries = entriesOf(pid, ["udp", "udp6"], () => true);
  const inodes = socketsOf(pid);
  return new Set(entries.filter(({ inode }) => inodes.has(inode)).map(({ port }) => port));
}

/** TCP ports of 127.0.0.1 at which somebody listens: the process `pid`, which binds that very address, or another. */
export async function tcpListeners(pid: number | null): Promise<ReadonlyMap<number, PortHolder>> {
  // The sockets of the process come second: what it opens meanwhile must not pass for another's.
  // Those that listen come first (Linux, Documentation/networking/proc_net_tcp.rst). What follows is not read: after an
  // attack it is tens of thousands of connections, which took 60 MB and held the process up.
  const entries = entriesOf(pid ?? "self", ["tcp", "tcp6"], ({ state }) => state === LISTENS);
  const inodes = pid === null ? new Set<string>() : socketsOf(pid);
  const holders = new Map<number, PortHolder>();
  for (const { address, port, inode } of entries) {
    if (address === LOOPBACK && inodes.has(inode)) holders.set(port, "ours");
    else if (!holders.has(port) && (ANY.test(address) || address.endsWith(LOOPBACK))) holders.set(port, "other");
  }
  return holders;
}

/** Entries of these tables, each as far as `wanted` holds. */
function entriesOf(pid: number | "self", tables: readonly string[], wanted: (entry: Entry) => boolean): Entry[] {
  return tables.flatMap((name) => {
    const entries: Entry[] = [];
    for (const line of linesOf(`/proc/${pid}/net/${name}`)) {
      const entry = entryOf(line);
      if (entry === null) continue; // the heading
      if (!wanted(entry)) break;
      entries.push(entry);
    }
    return entries;
  });
}

function entryOf(line: string): Entry | null {
  const fields = line.trim().split(/\s+/);
  const [, address, port] = /^([0-9A-F]+):([0-9A-F]{4})$/.exec(fields[1] ?? "") ?? [];
  if (address === undefined || port === undefined) return null;
  return { address, port: Number.parseInt(port, 16), state: fields[3] ?? "", inode: fields[9] ?? "" };
}

/** Inodes of the sockets that a process has open. */
function socketsOf(pid: number): Set<string> {
  const inodes = new Set<string>();
  for (const fd of orElse(() => readdirSync(`/proc/${pid}/fd`), [])) {
    const link = orElse(() => readlinkSync(`/proc/${pid}/fd/${fd}`), "");
    const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
    if (inode !== undefined) inodes.add(inode);
  }
  return inodes;
}

/**
 * Reading /proc waits for nothing, and this is asked at every connection to Asterisk: done at once and into one buffer,
 * where a promised `readFile` would leave 64 kB behind for each file.
 */
const buffer = Buffer.alloc(64 * 1024);

/** Its lines, read no further than they are taken. */
function* linesOf(path: string): Generator<string> {
  const file = orElse(() => openSync(path, "r"), null);
  if (file === null) return;
  try {
    let rest = "";
    for (;;) {
      const count = orElse(() => readSync(file, buffer), 0);
      if (count === 0) break;
      const lines = (rest + buffer.toString("latin1", 0, count)).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
    if (rest !== "") yield rest;
  } finally {
    closeSync(file);
  }
}

/** A process that has gone meanwhile has nothing open. */
function orElse<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
