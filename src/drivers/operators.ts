import { readFile } from "node:fs/promises";
import { endianness } from "node:os";
import { describeError, GatewayError } from "../base/errors.ts";
import { formatNetwork } from "../base/ip.ts";
import type { OperatorsPort } from "../firewall/port.ts";

const ESTABLISHED = "01";
/** The tables of a machine with more connections than this are read in part only, characters (about 30,000 of them). */
const LONGEST_TABLE = 5_000_000;

/** Who is connected to which of our TCP ports, from the kernel's tables of the network namespace that we run in. */
export class Operators implements OperatorsPort {
  readonly #tables: readonly string[];

  constructor(tables: readonly string[] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"]) {
    this.#tables = tables;
  }

  /** @throws GatewayError `connections-unknown` when the kernel's table cannot be read */
  async connected(ports: readonly number[]): Promise<readonly string[]> {
    const texts = await Promise.all(this.#tables.map(readTable));
    return [...new Set(texts.flatMap((text) => connectedTo(text, ports)))];
  }
}

/** A kernel without IPv6 has no table of it. */
async function readTable(path: string): Promise<string> {
  try {
    return (await readFile(path, "latin1")).slice(0, LONGEST_TABLE);
  } catch (error) {
    if (path.endsWith("6") && (error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw new GatewayError("connections-unknown", `who is connected cannot be read: ${describeError(error)}`);
  }
}

/**
 * Remote addresses, canonical, of the established connections to these local ports in a table of proc(5)
 * (`net/tcp`, `net/tcp6`): addresses in hexadecimal words of 32 bits in the machine's byte order, port, state.
 */
export function connectedTo(table: string, ports: readonly number[], order = endianness()): readonly string[] {
  const entry = /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]{8}|[0-9A-F]{32}):[0-9A-F]{4} ([0-9A-F]{2}) /gm;
  return [...table.matchAll(entry)].flatMap(([, local = "", remote = "", state]) =>
    state === ESTABLISHED && ports.includes(Number.parseInt(local, 16)) ? [addressOf(remote, order)] : [],
  );
}

function addressOf(hex: string, order: "BE" | "LE"): string {
  const words = hex.match(/.{8}/g) ?? [];
  const network = words.map((word) => (order === "BE" ? word : (word.match(/../g) ?? []).reverse().join("")));
  const value = BigInt(`0x${network.join("")}`);
  if (words.length === 1) return formatNetwork({ family: 4, first: value, prefix: 32 });
  // A dual-stack socket shows IPv4 peers as ::ffff:0:0/96 (RFC 4291 section 2.5.5.2).
  if (value >> 32n === 0xffffn) return formatNetwork({ family: 4, first: value & 0xffff_ffffn, prefix: 32 });
  return formatNetwork({ family: 6, first: value, prefix: 128 });
}
