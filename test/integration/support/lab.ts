import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * A network of its own for a test, in namespaces: a gateway between an uplink and a LAN, and hosts on either. Packets are
 * really sent and never leave the machine. Nothing is done in the machine's own namespace.
 *
 * ```text
 *   outside 198.51.100.66  trunk 198.51.100.10  event 198.51.100.42  router 198.51.100.1 (default route)
 *        └──────────────────────┴── uplink ──┴────────────────────────────┘
 *                                     │ eth0 198.51.100.2
 *                                  gateway
 *                                     │ eth1 10.64.0.1
 *                    phone 10.64.0.20 ┴ lan
 * ```
 *
 * IPv6 likewise: 2001:db8:1::NN on the uplink, fd64::NN on the LAN. Some hosts own whole networks besides (`owns`): they
 * can send from, and are reached at, any address there.
 */

const AGENT = join(dirname(fileURLToPath(import.meta.url)), "lab-agent.py");

export const standardHosts = {
  outside: { segment: "uplink", number: 66, owns: ["203.0.113.0/24", "2001:db8:bad::/48"] },
  trunk: { segment: "uplink", number: 10, owns: [] },
  event: { segment: "uplink", number: 42, owns: ["10.42.0.0/16", "2001:db8:42::/48"] },
  phone: { segment: "lan", number: 20, owns: [] },
} as const satisfies Record<string, HostOptions>;

export interface HostOptions {
  readonly segment: "uplink" | "lan";
  /** Last part of its addresses: 2 to 254 (1 and 2 are taken). */
  readonly number: number;
  /** Networks that are this host's too; the gateway's routes lead there. */
  readonly owns?: readonly string[];
}

export interface RunOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** What a listener of an agent has heard. `connect` is a TCP connection that was accepted. */
export interface Heard {
  readonly proto: "udp" | "tcp" | "connect";
  readonly port: number;
  readonly from: string;
  readonly fromPort: number;
  /** The first 64 characters. */
  readonly text: string;
}

let serial = 0;

export class Lab {
  readonly #prefix = `pxl${process.pid}-${++serial}`;
  readonly #hosts: LabHost[] = [];
  readonly gateway: LabHost;
  readonly outside: LabHost;
  readonly trunk: LabHost;
  readonly event: LabHost;
  readonly phone: LabHost;
  readonly router: LabHost;

  private constructor() {
    const host = (name: string, four: string, six: string) => {
      const made = new LabHost(`${this.#prefix}-${name}`, four, six);
      this.#hosts.push(made);
      return made;
    };
    this.router = host("router", "198.51.100.1", "2001:db8:1::1");
    this.gateway = host("gateway", "198.51.100.2", "2001:db8:1::2");
    const standard = (name: keyof typeof standardHosts) => {
      const { segment, number } = standardHosts[name];
      return host(name, ...addressesOf(segment, number));
    };
    this.outside = standard("outside");
    this.trunk = standard("trunk");
    this.event = standard("event");
    this.phone = standard("phone");
  }

  /** Errors: what `ip` said; then everything made so far is gone again. */
  static async create(): Promise<Lab> {
    await sweep();
    const lab = new Lab();
    try {
      await lab.#build();
    } catch (error) {
      await lab.remove();
      throw error;
    }
    return lab;
  }

  async #build(): Promise<void> {
    for (const host of this.#hosts) await host.create();
    const { router, gateway } = this;
    // The router's namespace holds both switches; on the uplink it is a host itself.
    await router.ip("link add uplink type bridge", "link add lan type bridge", "link set uplink up", "link set lan up");
    await router.ip("addr add 198.51.100.1/24 dev uplink", "addr add 2001:db8:1::1/64 dev uplink nodad");
    await this.#plug(gateway, "eth0", "uplink");
    await this.#plug(gateway, "eth1", "lan");
    await gateway.ip("addr add 198.51.100.2/24 dev eth0", "addr add 2001:db8:1::2/64 dev eth0 nodad");
    await gateway.ip("addr add 10.64.0.1/24 dev eth1", "addr add fd64::1/64 dev eth1 nodad");
    await gateway.ip("route add default via 198.51.100.1", "-6 route add default via 2001:db8:1::1");
    for (const name of ["outside", "trunk", "event", "phone"] as const) {
      await this.#settle(this[name], standardHosts[name]);
    }
  }

  /** A further host; `name` at most 8 letters. */
  async addHost(name: string, options: HostOptions): Promise<LabHost> {
    const host = new LabHost(`${this.#prefix}-${name}`, ...addressesOf(options.segment, options.number));
    this.#hosts.push(host);
    await host.create();
    await this.#settle(host, options);
    return host;
  }

  async #settle(host: LabHost, { segment, owns = [] }: HostOptions): Promise<void> {
    await this.#plug(host, "eth0", segment);
    const [gateway4, gateway6] = segment === "uplink" ? ["198.51.100.2", "2001:db8:1::2"] : ["10.64.0.1", "fd64::1"];
    await host.ip(`addr add ${host.address4}/24 dev eth0`, `addr add ${host.address6}/64 dev eth0 nodad`);
    await host.ip(`route add default via ${gateway4}`, `-6 route add default via ${gateway6}`);
    for (const network of owns) {
      const six = network.includes(":");
      await host.ip(`${six ? "-6 " : ""}route add local ${network} dev lo`);
      await this.gateway.ip(`${six ? "-6 " : ""}route add ${network} via ${six ? host.address6 : host.address4}`);
    }
  }

  async #plug(host: LabHost, name: string, bridge: string): Promise<void> {
    const port = `p${this.#hosts.indexOf(host)}${name}`;
    await this.router.ip(`link add ${port} type veth peer name ${name} netns ${host.namespace}`);
    await this.router.ip(`link set ${port} master ${bridge}`, `link set ${port} up`);
    await host.ip(`link set ${name} up`);
  }

  /** Ends every process in the lab and takes it all away. May be called twice. */
  async remove(): Promise<void> {
    for (const host of this.#hosts.splice(0)) await host.remove();
  }
}

function addressesOf(segment: HostOptions["segment"], number: number): [string, string] {
  return segment === "uplink"
    ? [`198.51.100.${number}`, `2001:db8:1::${number}`]
    : [`10.64.0.${number}`, `fd64::${number}`];
}

/** One namespace. */
export class LabHost {
  readonly namespace: string;
  readonly address4: string;
  readonly address6: string;
  #agent: Agent | undefined;
  readonly #children = new Set<ChildProcess>();

  constructor(namespace: string, address4: string, address6: string) {
    this.namespace = namespace;
    this.address4 = address4;
    this.address6 = address6;
  }

  /** Words that run a program in here, to be put before its own. */
  get inside(): readonly string[] {
    return ["nsenter", `--net=/run/netns/${this.namespace}`, "--"];
  }

  async create(): Promise<void> {
    await run(["ip", "netns", "add", this.namespace]);
    await this.ip("link set lo up");
    await this.run(
      ["sysctl", "-q", "-w", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_dad=0"].concat([
        "net.ipv4.conf.all.rp_filter=0",
        "net.ipv4.conf.default.rp_filter=0",
        "net.ipv6.conf.default.accept_ra=0",
      ]),
    );
  }

  /** Runs `ip` once for each of the lines. */
  async ip(...lines: readonly string[]): Promise<void> {
    for (const line of lines) await run(["ip", "-n", this.namespace, ...line.split(" ")]);
  }

  /** Runs a program to its end. Its output; throws with its words when it fails or takes too long (10 s). */
  run(command: readonly string[], options: RunOptions = {}): Promise<string> {
    return run([...this.inside, ...command], options);
  }

  /** Starts a program that goes on; it ends with the lab at the latest. `pid` is the program's own. */
  spawn(command: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const [program = "", ...args] = [...this.inside, ...command];
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  /** The sender and listener in here; started when it is first used. */
  get agent(): Agent {
    this.#agent ??= new Agent(this.spawn(["python3", "-u", AGENT]));
    return this.#agent;
  }

  async remove(): Promise<void> {
    const gone = [...this.#children].map((child) => once(child, "exit"));
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all(gone);
    await removeNamespace(this.namespace);
  }
}

export interface Sending {
  readonly source: string;
  readonly sourcePort?: number;
  readonly to: string;
  readonly port: number;
  readonly payloads: readonly string[];
  readonly gapMs?: number;
  /** How much silence ends the wait for answers; without it none are waited for. */
  readonly waitMs?: number;
}

/** Speaks with lab-agent.py. Payloads are Latin-1 texts. */
export class Agent {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #serial = 0;
  #rest = "";

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#receive(text));
    let words = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-2000);
    });
    child.once("exit", () => {
      for (const { reject } of this.#pending.values()) reject(new Error(`the lab's agent ended: ${words}`));
      this.#pending.clear();
    });
  }

  /** Listens from now on; `answer` goes back for every request heard. */
  async listen(proto: "udp" | "tcp", port: number, addresses = ["0.0.0.0", "::"], answer = ""): Promise<void> {
    await this.#do("listen", { proto, port, addresses, answer });
  }

  /** Sends the payloads, `times` times over and until `forMs` is over. The source need not be the host's own. */
  async udp(sending: Sending & { times?: number; forMs?: number }): Promise<{ sent: number; answers: number }> {
    return (await this.#do("udp", sending)) as { sent: number; answers: number };
  }

  /** One connection. `answers`: SIP responses received. `hold`: name under which it is kept open. */
  async tcp(sending: Sending & { connectMs?: number; hold?: string }): Promise<TcpOutcome> {
    return (await this.#do("tcp", sending)) as TcpOutcome;
  }

  /** Whether something with this text (in its first 64 characters) was heard, or is within the limit. */
  async waitFor(text: string, limitMs = 10_000): Promise<boolean> {
    return (await this.#do("waitFor", { text, limitMs })) as boolean;
  }

  /** What was heard since the last time. */
  async take(): Promise<readonly Heard[]> {
    return (await this.#do("take", {})) as readonly Heard[];
  }

  #do(what: string, fields: object): Promise<unknown> {
    const id = ++this.#serial;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#child.stdin?.write(`${JSON.stringify({ ...fields, do: what, id })}\n`);
    });
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const { id, ok, error } = JSON.parse(line) as { id: number; ok?: unknown; error?: string };
      const waiting = this.#pending.get(id);
      this.#pending.delete(id);
      if (error === undefined) waiting?.resolve(ok);
      else waiting?.reject(new Error(error));
    }
  }
}

export interface TcpOutcome {
  readonly connected: boolean;
  /** Name of the error when it did not connect. */
  readonly why: string;
  readonly answers: number;
  readonly text: string;
}

function run(command: readonly string[], { input, timeoutMs = 10_000 }: RunOptions = {}): Promise<string> {
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: timeoutMs, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command.join(" ")}: ${stderr || stdout || error.message}`));
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

async function removeNamespace(namespace: string): Promise<void> {
  const pids = await run(["ip", "netns", "pids", namespace]).catch(() => "");
  for (const pid of pids.split("\n").filter(Boolean)) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
  await run(["ip", "netns", "del", namespace]).catch(() => undefined);
}

/** Takes away labs whose test process is gone without having done so. */
async function sweep(): Promise<void> {
  const list = await run(["ip", "netns", "list"]);
  for (const [, namespace = "", pid] of list.matchAll(/^(pxl(\d+)-\S+)/gm)) {
    try {
      process.kill(Number(pid), 0);
    } catch {
      await removeNamespace(namespace);
    }
  }
}
