import { GatewayError } from "../base/errors.ts";
import { runTool } from "./gpio-child.ts";

interface InterfaceState {
  readonly up: boolean;
  readonly carrier: boolean;
  readonly addresses: readonly string[];
}

/** Network interfaces and their IPv4 addresses, by `ip` (iproute2). */
export class IpInterfaces {
  readonly #words: readonly string[];

  /** `words` come before the program, such as `nsenter …`: another network namespace. */
  constructor(words: readonly string[] = []) {
    this.#words = words;
  }

  async look(): Promise<ReadonlyMap<string, InterfaceState>> {
    return parseInterfaces(await this.#ip("-json", "-4", "addr", "show"), await this.#ip("-json", "link", "show"));
  }

  async setUp(name: string, up: boolean): Promise<void> {
    await this.#ip("link", "set", "dev", name, up ? "up" : "down");
  }

  /** With the network's broadcast address, which some telephones ask. */
  async addAddress(name: string, address: string): Promise<void> {
    await this.#ip("-4", "addr", "replace", address, "broadcast", "+", "dev", name);
  }

  async removeAddress(name: string, address: string): Promise<void> {
    await this.#ip("-4", "addr", "del", address, "dev", name);
  }

  async #ip(...args: readonly string[]): Promise<string> {
    const [program = "", ...rest] = [...this.#words, "ip", ...args];
    const answer = await runTool(program, rest);
    if (answer.ok) return answer.stdout;
    const why = answer.missing ? "there is no such program" : answer.stderr;
    throw new GatewayError("interface-failed", `ip ${args.join(" ")}: ${why}`);
  }
}

/** `ip -json addr show` and `ip -json link show`. Error `interface-failed` when they are not in form. */
export function parseInterfaces(addresses: string, links: string): Map<string, InterfaceState> {
  const found = new Map<string, InterfaceState>();
  const held = new Map<string, string[]>();
  for (const { ifname, addr_info } of entries(addresses)) {
    if (typeof ifname === "string") held.set(ifname, list(addr_info).flatMap(addressOf));
  }
  for (const { ifname, flags } of entries(links)) {
    if (typeof ifname !== "string") continue;
    const set = new Set(list(flags));
    found.set(ifname, { up: set.has("UP"), carrier: set.has("LOWER_UP"), addresses: held.get(ifname) ?? [] });
  }
  return found;
}

function addressOf(entry: unknown): string[] {
  const { family, local, prefixlen } = record(entry);
  return family === "inet" && typeof local === "string" && typeof prefixlen === "number"
    ? [`${local}/${prefixlen}`]
    : [];
}

function entries(text: string): Readonly<Record<string, unknown>>[] {
  let data: unknown;
  try {
    // Without any interface of that kind `ip` prints nothing.
    data = JSON.parse(text.trim() === "" ? "[]" : text);
  } catch (cause) {
    throw new GatewayError("interface-failed", "ip printed what is no JSON", { cause });
  }
  return list(data).map(record);
}

function list(data: unknown): readonly unknown[] {
  return Array.isArray(data) ? data : [];
}

function record(data: unknown): Readonly<Record<string, unknown>> {
  return typeof data === "object" && data !== null ? { ...data } : {};
}
