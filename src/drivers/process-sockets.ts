import { readdir, readFile, readlink } from "node:fs/promises";

/** Local UDP ports that a process of ours holds open: proc(5), `net/udp` joined with `fd` by the socket's inode. */
export async function openUdpPorts(pid: number): Promise<ReadonlySet<number>> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const links = await Promise.all(descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")));
  const inodes = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  const tables = await Promise.all(
    ["udp", "udp6"].map((name) => readFile(`/proc/${pid}/net/${name}`, "utf8").catch(() => "")),
  );
  const ports = new Set<number>();
  for (const line of tables.join("\n").split("\n")) {
    const fields = line.trim().split(/\s+/);
    const port = /:([0-9A-F]{4})$/.exec(fields[1] ?? "")?.[1];
    if (port !== undefined && inodes.has(fields[9] ?? "")) ports.add(Number.parseInt(port, 16));
  }
  return ports;
}
