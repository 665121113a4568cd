import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { within } from "../../../src/base/lifecycle.ts";

/**
 * A home behind a router, in network namespaces of its own: nothing of it is seen outside of them.
 *
 *   outside 81.2.69.1 ── 81.2.69.2 router 10.77.0.1 ──┬── 10.77.0.2 gateway
 *                                                     └── 10.77.0.3 rogue (another host of the LAN)
 *
 * The outside has an address of the Internet, because miniupnpd refuses to work with any that is not.
 */
export const PLACES = {
  outside: "81.2.69.1",
  wan: "81.2.69.2",
  router: "10.77.0.1",
  gateway: "10.77.0.2",
  rogue: "10.77.0.3",
} as const;

export interface RouterOptions {
  /** Serves PCP and NAT-PMP. */
  readonly natPmp?: boolean;
  readonly upnp?: boolean;
  /** Lines of miniupnpd's rules; without them high ports are allowed. */
  readonly rules?: readonly string[];
  /** Version 1 of the device, which has no AddAnyPortMapping. */
  readonly version1?: boolean;
  readonly uuid?: string;
  readonly extra?: readonly string[];
}

const NFT = `
table inet filter {
  chain input { type filter hook input priority 0; iifname "wan" ct state new udp dport 1024-65535 drop; }
  chain forward { type filter hook forward priority 0; policy drop; ct state established,related accept; iifname "lan" accept; jump miniupnpd; }
  chain miniupnpd { }
  chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
  chain postrouting { type nat hook postrouting priority 100; jump postrouting_miniupnpd; oifname "wan" masquerade; }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
}
`;

/** The namespaces, with miniupnpd as the router's port mapper. */
export class RouterNetwork {
  readonly directory = mkdtempSync(join(tmpdir(), "paxgate-router-"));
  readonly #tag: string;
  #boots = 0;

  constructor(tag: string) {
    this.#tag = `pxn-${tag}-${process.pid}`;
  }

  name(place: "outside" | "router" | "gateway" | "rogue"): string {
    return `${this.#tag}-${place}`;
  }

  /** Arguments of a command in one of the namespaces. */
  inside(place: Parameters<RouterNetwork["name"]>[0], ...command: string[]): string[] {
    return ["netns", "exec", this.name(place), ...command];
  }

  /** As `run`, for those that have something else to do meanwhile: a simulated exchange that stands still clears. */
  async exec(place: Parameters<RouterNetwork["name"]>[0], ...command: string[]): Promise<string> {
    return (await promisify(execFile)("ip", this.inside(place, ...command))).stdout;
  }

  run(place: Parameters<RouterNetwork["name"]>[0], ...command: string[]): string {
    return execFileSync("ip", this.inside(place, ...command), { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }

  build(wan: string = PLACES.wan): void {
    this.remove();
    for (const place of ["outside", "router", "gateway", "rogue"] as const) {
      execFileSync("ip", ["netns", "add", this.name(place)]);
      this.run(place, "ip", "link", "set", "lo", "up");
    }
    this.run("router", "ip", "link", "add", "lan", "type", "bridge", "mcast_snooping", "0");
    this.run("router", "ip", "address", "add", `${PLACES.router}/24`, "dev", "lan");
    this.run("router", "ip", "link", "set", "lan", "up");
    this.#host("gateway", PLACES.gateway);
    this.#host("rogue", PLACES.rogue);
    this.run(
      "router",
      "ip",
      "link",
      "add",
      "wan",
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      this.name("outside"),
    );
    this.run("router", "ip", "address", "add", `${wan}/24`, "dev", "wan");
    this.run("router", "ip", "link", "set", "wan", "up");
    const far = wan.replace(/\.\d+$/, ".1");
    this.run("outside", "ip", "address", "add", `${far}/24`, "dev", "eth0");
    this.run("outside", "ip", "link", "set", "eth0", "up");
    this.run("router", "ip", "route", "add", "default", "via", far);
    this.run("router", "sysctl", "-qw", "net.ipv4.ip_forward=1");
  }

  /** Starts miniupnpd with empty chains: a router after its start. */
  async start(options: RouterOptions = {}): Promise<void> {
    const rules = options.rules ?? ["allow 1024-65535 10.77.0.0/24 1024-65535"];
    const file = join(this.directory, "miniupnpd.conf");
    const text = [
      "ext_ifname=wan",
      "listening_ip=lan",
      "http_port=0",
      `enable_natpmp=${options.natPmp === false ? "no" : "yes"}`,
      `enable_upnp=${options.upnp === false ? "no" : "yes"}`,
      "secure_mode=yes",
      "system_uptime=no",
      "notify_interval=60",
      "clean_ruleset_interval=60",
      "min_lifetime=2",
      "max_lifetime=86400",
      "upnp_table_name=filter",
      "upnp_nat_table_name=filter",
      "upnp_forward_chain=miniupnpd",
      "upnp_nat_chain=prerouting_miniupnpd",
      "upnp_nat_postrouting_chain=postrouting_miniupnpd",
      `force_igd_desc_v1=${options.version1 === true ? "yes" : "no"}`,
      `uuid=${options.uuid ?? "11111111-2222-4333-8444-555555555555"}`,
      ...(options.extra ?? []),
      ...rules,
      "deny 0-65535 0.0.0.0/0 0-65535",
    ];
    writeFileSync(file, `${text.join("\n")}\n`);
    const script = join(this.directory, "router.nft");
    writeFileSync(script, `table inet filter\ndelete table inet filter\n${NFT}`);
    await this.exec("router", "nft", "-f", script);
    this.#boots += 1;
    rmSync(this.#pidFile, { force: true });
    // It goes to the background by itself; its -d, which would keep it here, makes it skip duties.
    await this.exec("router", "miniupnpd", "-f", file, "-P", this.#pidFile, "-b", String(this.#boots));
    const ports = [options.natPmp === false ? "" : ":5351", options.upnp === false ? "" : ":1900"];
    await within(15_000, this.listening("router", ports), "miniupnpd does not listen");
  }

  /** Ends it. With `clean` it says goodbye and takes its mappings away; without, it just stops, as with a power cut. */
  async stop(clean = true): Promise<void> {
    const pid = this.#pid;
    if (pid === null) return;
    process.kill(pid, clean ? "SIGTERM" : "SIGKILL");
    rmSync(this.#pidFile, { force: true });
    await within(15_000, this.#ended(pid), "miniupnpd does not end");
  }

  /** What a router's script does when the provider has given another address: miniupnpd then announces it. */
  announceAddress(): void {
    if (this.#pid !== null) process.kill(this.#pid, "SIGUSR1");
  }

  /** Until somebody there has these UDP ports open. */
  async listening(place: Parameters<RouterNetwork["name"]>[0], ports: readonly string[]): Promise<void> {
    for (;;) {
      const open = await this.exec(place, "ss", "-Hlun");
      if (ports.every((port) => open.includes(port))) return;
      await delay(20);
    }
  }

  /** How many DNAT rules are in force. */
  async mapped(): Promise<number> {
    const rules = await this.exec("router", "nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd");
    return rules.match(/dnat/g)?.length ?? 0;
  }

  /** The DNAT rules in force. */
  mappings(): string {
    return this.run("router", "nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd");
  }

  async close(): Promise<void> {
    await this.stop().catch(() => undefined);
    this.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }

  remove(): void {
    const there = execFileSync("ip", ["netns", "list"], { encoding: "utf8" });
    for (const place of ["outside", "router", "gateway", "rogue"] as const) {
      if (there.includes(this.name(place))) execFileSync("ip", ["netns", "delete", this.name(place)]);
    }
  }

  #host(place: "gateway" | "rogue", address: string): void {
    const port = `p-${place}`;
    this.run("router", "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", this.name(place));
    this.run("router", "ip", "link", "set", port, "master", "lan", "up");
    this.run(place, "ip", "address", "add", `${address}/24`, "dev", "eth0");
    this.run(place, "ip", "link", "set", "eth0", "up");
    this.run(place, "ip", "route", "add", "default", "via", PLACES.router);
  }

  get #pidFile(): string {
    return join(this.directory, "miniupnpd.pid");
  }

  get #pid(): number | null {
    return existsSync(this.#pidFile) ? Number(readFileSync(this.#pidFile, "utf8")) : null;
  }

  async #ended(pid: number): Promise<void> {
    while (existsSync(`/proc/${pid}`)) await delay(10);
  }
}
