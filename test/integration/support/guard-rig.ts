import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { STATUS_SOCKET } from "../../../src/app/status-server.ts";
import { JsonLinesClient } from "../../../src/base/json-lines.ts";
import type { GuardPart } from "../../../src/drivers/guard-state.ts";
import type { GuardView } from "../../../src/firewall/control.ts";
import type { BansPage } from "../../../src/firewall/requests.ts";
import type { Ban } from "../../../src/firewall/types.ts";
import type { ConfigInput } from "./asterisk.ts";
import { Attacker, type AttackPlan, type AttackReport } from "./attacker.ts";
import { Capture, type Packet } from "./capture.ts";
import { GatewayRig } from "./gateway-rig.ts";
import { Lab, type LabHost } from "./lab.ts";
import { callScenario, registerScenario } from "./lab-phone.ts";

/** The whole gateway, guarded, in a lab; its address there. */
export const GATEWAY = "198.51.100.2";

export interface GuardRigOptions {
  readonly firewall?: object;
  readonly sip?: { readonly port?: number; readonly tcp?: boolean };
  readonly config?: object;
}

interface Account {
  readonly username: string;
  readonly secret: string;
}

let serial = 0;

/**
 * The built gateway with its Asterisk and its rules in the lab's gateway, with a trunk at the lab's trunk, an account
 * `desk` and 10.42.0.0/16 (host `event`) as event network.
 */
export class GuardRig {
  readonly lab: Lab;
  readonly gateway: GatewayRig;
  readonly port: number;
  readonly attacker = new Attacker();

  private constructor(lab: Lab, gateway: GatewayRig) {
    this.lab = lab;
    this.gateway = gateway;
    this.port = gateway.config.sip.port;
  }

  static async start({ firewall = {}, sip = {}, config = {} }: GuardRigOptions = {}): Promise<GuardRig> {
    const lab = await Lab.create();
    try {
      const gateway = await GatewayRig.start({
        namespace: lab.gateway.namespace,
        withoutEvent: true,
        // The exchange tells the answer by reversal, so that nobody has to wait for its inference.
        topology: (standard) => ({
          ...standard,
          lines: (standard.lines ?? []).map((line) => ({ ...line, reversal: true })),
        }),
        config: {
          firewall: { lists: { eventNetwork: ["10.42.0.0/16"] }, ...firewall },
          trunks: [{ name: "t1", server: lab.trunk.address4, username: "4100", password: "pw-4100", register: false }],
          accounts: [{ name: "desk" }],
          sip: { port: 5060, bindAddress: "0.0.0.0", tcp: true, ...sip },
          ...config,
        } as ConfigInput,
      });
      return new GuardRig(lab, gateway);
    } catch (error) {
      await lab.remove();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.attacker.remove();
    await this.gateway.stop();
    await this.lab.remove();
  }

  /** Guesses, from an address of that host if one is named. */
  attack(host: LabHost, plan: Partial<AttackPlan> = {}): Promise<AttackReport> {
    const usual = { host: GATEWAY, port: this.port, transport: "udp", method: "REGISTER", user: "1{n}" } as const;
    const to = /^(?:REGISTER|)$/i.test(plan.method ?? "") ? {} : { to: "4121" };
    return this.attacker.run({ ...usual, ...to, answer: true, seconds: 2, ...plan }, host.namespace);
  }

  /** One request to the gateway's own socket. */
  async ask<T>(method: string, params: object = {}): Promise<T> {
    const client = new JsonLinesClient(join(this.gateway.config.paths.runtime, STATUS_SOCKET));
    await client.connect();
    try {
      return (await client.request(method, params)) as T;
    } finally {
      client.close();
    }
  }

  view(): Promise<GuardView> {
    return this.ask<GuardView>("firewall.status");
  }

  async bans(): Promise<readonly Ban[]> {
    return (await this.ask<BansPage>("firewall.bans")).bans;
  }

  /** Packets that a rule has counted. */
  async counted(name: string): Promise<number> {
    const found = (await this.view()).counters.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no counter ${name}`);
    return found.packets;
  }

  async release(): Promise<void> {
    await this.ask("firewall.release", { address: null });
  }

  /** The command line in the gateway's namespace. Its status and what it printed. */
  async paxgate(...words: readonly string[]): Promise<{ readonly status: number; readonly text: string }> {
    const program = process.env["PAXGATE_PROGRAM"] ?? join(import.meta.dirname, "../../../dist/paxgate.js");
    const [command = "", ...inside] = this.lab.gateway.inside;
    const args = [...inside, process.execPath, program, ...words, "-c", this.gateway.configFile];
    return promisify(execFile)(command, args).then(
      ({ stdout }) => ({ status: 0, text: stdout }),
      (error: { code?: number; stdout?: string; stderr?: string }) => ({
        status: error.code ?? -1,
        text: `${error.stdout ?? ""}${error.stderr ?? ""}`,
      }),
    );
  }

  /** What comes to and leaves the gateway's uplink, before and behind every rule. */
  capture(filter: string, keep?: (packet: Packet) => boolean): Promise<Capture> {
    const { inside } = this.lab.gateway;
    return Capture.start({ inside, interface: "eth0", filter, ...(keep === undefined ? {} : { keep }) });
  }

  /**
   * When the kernel began this ban, by what it says is left of it: Unix time, ms. No earlier than it was: what the reading
   * takes comes on top, so that the quickest of five counts. Null: none.
   */
  async bannedAtMs(source: string): Promise<number | null> {
    let least: number | null = null;
    for (let reading = 0; reading < 5; reading++) {
      const list = await this.lab.gateway.run(["nft", "list", "set", "inet", "paxgate", "banned4"]);
      const atMs = Date.now();
      const element = new RegExp(`\\b${source.replaceAll(".", "\\.")} timeout (\\S+) expires ([0-9a-z]+)`).exec(list);
      if (element === null) return null;
      const sinceMs = durationMs(element[1] ?? "") - durationMs(element[2] ?? "");
      least = Math.min(least ?? Number.POSITIVE_INFINITY, atMs - sinceMs);
    }
    return least;
  }

  /** What is stored of one part of the guard; nothing as yet: an empty text. */
  stored(part: GuardPart): Promise<string> {
    const file = join(this.gateway.config.paths.state, "guard", `${part}.json`);
    return readFile(file, "utf8").catch(() => "");
  }

  async account(): Promise<Account> {
    const { text } = await this.paxgate("accounts", "--json");
    const [account] = (JSON.parse(text) as { accounts: Account[] }).accounts;
    if (account === undefined) throw new Error("no account");
    return account;
  }

  /** A phone registers with sipp. Rejects when it is refused, or has no answer in 8 s. */
  async register(host: LabHost, source: string, port: number, account: Account): Promise<void> {
    await this.#sipp(host, registerScenario(account), source, port, 10_000);
  }

  /** Calls with sipp, as an account or as the trunk, talks and clears. Rejects when the call does not come about. */
  async call(host: LabHost, source: string, port: number, number: string, account?: Account): Promise<void> {
    await this.#sipp(host, callScenario(number, account), source, port, 25_000);
  }

  async #sipp(host: LabHost, scenario: string, source: string, port: number, timeoutMs: number): Promise<void> {
    const file = join(this.gateway.directory, `lab-${++serial}.xml`);
    await writeFile(file, scenario);
    const limits = ["-m", "1", "-nostdin", "-timeout", `${timeoutMs / 1000 - 2}s`, "-timeout_error"];
    const places = ["-i", source, "-p", String(port), "-mi", source, "-mp", String(20_000 + 4 * serial)];
    const messages = ["-trace_msg", "-message_file", `${file}.messages`];
    await host.run(["sipp", `${GATEWAY}:${this.port}`, "-sf", file, ...places, ...limits, ...messages], { timeoutMs });
  }
}

/** nft's `1h2m3s45ms`. */
function durationMs(text: string): number {
  const units: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
  return [...text.matchAll(/(\d+)(ms|[dhms])/g)].reduce(
    (sum, [, n, unit]) => sum + Number(n) * (units[unit ?? ""] ?? 0),
    0,
  );
}

/** Runs a tool for so long, whatever it does; what it printed. */
export function tool(host: LabHost, seconds: number, ...words: readonly string[]): Promise<string> {
  const ended = ["sh", "-c", 'timeout -s INT -k 2 "$@" 2>&1; true', "sh", String(seconds), ...words];
  return host.run(ended, { timeoutMs: (seconds + 8) * 1000 });
}
