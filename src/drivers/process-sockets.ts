import { closeSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { endianness } from "node:os";

/** Who answers at a TCP port of 127.0.0.1. */
export type PortHolder = "ours" | "other";

/**
 * Whose sockets: those that a process has open, for which its `/proc/PID/fd` must be readable (its user, or
 * CAP_SYS_PTRACE, by which one could also take any process over); or those that a user's processes made in our network
 * namespace, which everybody can read.
 */
export type SocketsOf = { readonly pid: number } | { readonly uid: number };

/** Entries of proc(5), `net/{tcp,udp}`: local address and port in hexadecimal, state, user and inode of the socket. */
interface Entry {
  readonly address: string;
  readonly port: number;
  readonly state: string;
  readonly uid: number;
  readonly inode: string;
}

const LISTENS = "0A";
const LOOPBACK = endianness() === "LE" ? "0100007F" : "7F000001";
/** A socket with this address gets what comes for 127.0.0.1, unless one with that very address is there. */
const ANY = /^0+$/;

/** Local UDP ports that are held open by them. */
export async function openUdpPorts(of: SocketsOf): Promise<ReadonlySet<number>> {
  const entries = entriesOf("pid" in of ? of.pid : "self", ["udp", "udp6"], () => true);
  const theirs = belongsTo(of);
  return new Set(entries.filter(theirs).map(({ port }) => port));
}

/** TCP ports of 127.0.0.1 at which somebody listens: they, who bind that very address, or others. */
export async function tcpListeners(of: SocketsOf | null): Promise<ReadonlyMap<number, PortHolder>> {
  // The sockets of the process come second: what it opens meanwhile must not pass for another's.
  // Those that listen come first (Linux, Documentation/networking/proc_net_tcp.rst). What follows is not read: after an
  // attack it is tens of thousands of connections, which took 60 MB and held the process up.
  const place = of !== null && "pid" in of ? of.pid : "self";
  const entries = entriesOf(place, ["tcp", "tcp6"], ({ state }) => state === LISTENS);
  const theirs = of === null ? () => false : belongsTo(of);
  const holders = new Map<number, PortHolder>();
  for (const entry of entries) {
    const { address, port } = entry;
    if (address === LOOPBACK && theirs(entry)) holders.set(port, "ours");
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
  return {
    address,
    port: Number.parseInt(port, 16),
    state: fields[3] ?? "",
    uid: Number(fields[7]),
    inode: fields[9] ?? "",
  };
}

function belongsTo(of: SocketsOf): (entry: Entry) => boolean {
  if ("uid" in of) return ({ uid }) => uid === of.uid;
  const inodes = socketsOf(of.pid);
  return ({ inode }) => inodes.has(inode);
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
