import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CommandOptions, run } from "./command.ts";
import { MAC } from "./machine.ts";

/**
 * The network that the machine is plugged into, with everybody else in it: a namespace whose only way anywhere is the
 * machine's tap device, so that no packet leaves this machine.
 */

/** The router, DHCP server and MQTT broker; the event's SIP server; somebody nobody knows; the machine. */
export const addresses = {
  router: "10.64.0.1",
  event: "10.64.0.10",
  stranger: "10.64.0.66",
  machine: "10.64.0.2",
} as const;

export const TAP = "tap0";

let serial = 0;

export class Outside {
  readonly namespace = `pxi${process.pid}-${++serial}`;
  readonly directory: string;
  readonly #children = new Set<ChildProcess>();

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** `directory`: for its files and sockets. Errors: what `ip` or dnsmasq said. */
  static async create(directory: string): Promise<Outside> {
    const outside = new Outside(directory);
    await run(["ip", "netns", "add", outside.namespace]);
    try {
      await outside.#build();
    } catch (error) {
      await outside.remove();
      throw error;
    }
    return outside;
  }

  /** Words that run a program in here, to be put before its own. */
  get inside(): readonly string[] {
    return ["nsenter", `--net=/run/netns/${this.namespace}`, "--"];
  }

  run(command: readonly string[], options: CommandOptions = {}): Promise<string> {
    return run([...this.inside, ...command], options);
  }

  /** Starts a program that goes on; it ends with the network at the latest. */
  spawn(command: readonly string[]): ChildProcess {
    const [program = "", ...args] = [...this.inside, ...command];
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  async #build(): Promise<void> {
    const ip = (line: string) => run(["ip", "-n", this.namespace, ...line.split(" ")]);
    await ip("link set lo up");
    await ip("link add lan type bridge");
    await ip(`tuntap add ${TAP} mode tap`);
    await ip(`link set ${TAP} master lan`);
    for (const address of [addresses.router, addresses.event, addresses.stranger]) {
      await ip(`addr add ${address}/24 dev lan`);
    }
    await ip("link set lan up");
    await ip(`link set ${TAP} up`);
    const configuration = join(this.directory, "dnsmasq.conf");
    const lines = [
      ...["port=0", "keep-in-foreground", "user=root", "bind-interfaces", "interface=lan", "leasefile-ro", "no-ping"],
      `dhcp-range=${addresses.machine},${addresses.machine},255.255.255.0,1h`,
      `dhcp-host=${MAC},${addresses.machine}`,
      `dhcp-option=option:router,${addresses.router}`,
      `dhcp-option=option:ntp-server,${addresses.router}`,
      `log-facility=${join(this.directory, "dnsmasq.log")}`,
      `pid-file=${join(this.directory, "dnsmasq.pid")}`,
    ];
    await writeFile(configuration, `${lines.join("\n")}\n`);
    const dnsmasq = this.spawn(["dnsmasq", "-C", configuration]);
    dnsmasq.once("exit", (code) => {
      if (code !== null) console.error(`dnsmasq ended with ${code}: see ${configuration}`);
    });
  }

  /** From now on the router tells the time (NTP), as DHCP has promised. */
  async tellTime(): Promise<void> {
    const server = this.spawn(["python3", join(import.meta.dirname, "ntp-server.py"), addresses.router]);
    await once(server.stdout ?? server, "data");
  }

  /** Ends everything in it and takes it away. May be called twice. */
  async remove(): Promise<void> {
    const gone = [...this.#children].map((child) => once(child, "exit"));
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all(gone);
    await run(["ip", "netns", "delete", this.namespace]).catch(() => undefined);
  }
}
