import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { GuardView } from "../../../src/firewall/control.ts";
import { GatewayRig, type RigOptions } from "./gateway-rig.ts";
import { Lab, type LabHost } from "./lab.ts";

export const PROGRAM = process.env["PAXGATE_PROGRAM"] ?? join(import.meta.dirname, "../../../dist/paxgate.js");

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of the built program to its end, if wanted inside a host of the lab. */
export function paxgate(args: readonly string[], host?: LabHost, env: Record<string, string> = {}): Promise<Ended> {
  const [program = process.execPath, ...words] = [...(host?.inside ?? []), process.execPath, PROGRAM, ...args];
  return new Promise((resolve, reject) => {
    execFile(program, words, { env: { ...process.env, ...env }, timeout: 30_000 }, (error, stdout, stderr) => {
      const status = error === null ? 0 : error.code;
      if (typeof status === "number") resolve({ status, stdout, stderr });
      else reject(error);
    });
  });
}

/** Part of a configuration, as it stands in the file. */
export type Section = Record<string, unknown>;

export const MANAGEMENT_PORT = 2222;

/** A whole gateway in the lab, worked by its commands and its configuration file. */
export class GuardedGateway {
  readonly lab: Lab;
  readonly rig: GatewayRig;

  private constructor(lab: Lab, rig: GatewayRig) {
    this.lab = lab;
    this.rig = rig;
  }

  static async create(firewall: Section, options: RigOptions & { readonly rest?: Section } = {}) {
    const lab = await Lab.create();
    try {
      const trunk = { name: "t1", server: lab.trunk.address4, username: "4100", password: "x", register: false };
      const rig = await GatewayRig.start({
        namespace: lab.gateway.namespace,
        withoutEvent: true,
        ...options,
        config: {
          trunks: [trunk],
          firewall: { managementPorts: [MANAGEMENT_PORT], ...firewall },
          sip: { port: 5060, bindAddress: "0.0.0.0" },
          ...options.rest,
        } as object,
      });
      return new GuardedGateway(lab, rig);
    } catch (error) {
      await lab.remove();
      throw error;
    }
  }

  async remove(): Promise<void> {
    await this.rig.stop();
    await this.lab.remove();
  }

  /** A command about this gateway. */
  command(...args: readonly string[]): Promise<Ended> {
    return paxgate([...args, "-c", this.rig.configFile]);
  }

  async guard(): Promise<GuardView> {
    return JSON.parse((await this.command("firewall", "status", "--json")).stdout) as GuardView;
  }

  /** Looks at the guard until it fits. */
  async untilGuard(fits: (view: GuardView) => boolean, ms = 15_000): Promise<GuardView> {
    const end = performance.now() + ms;
    for (;;) {
      const { status, stdout } = await this.command("firewall", "status", "--json");
      // Between two gateways nobody answers.
      const view = stdout === "" ? null : (JSON.parse(stdout) as GuardView);
      if (view !== null && fits(view)) return view;
      if (performance.now() > end) throw new Error(`the guard's state did not come: ${status} ${stdout}`);
    }
  }

  /** Edits the file as an operator would; it is not in force before `reload` or a start. */
  async edit(change: (config: Record<string, Section>) => void): Promise<void> {
    const config = parse(await readFile(this.rig.configFile, "utf8")) as Record<string, Section>;
    change(config);
    await writeFile(this.rig.configFile, stringify(config), { mode: 0o600 });
  }

  /** Takes up the file as it stands; resolves when calls can be made on it. */
  async reload(): Promise<void> {
    const from = this.rig.log.length;
    process.kill(this.rig.gatewayPid, "SIGHUP");
    await this.rig.logged((record) => record["msg"] === "ready for calls", from);
  }

  /** Whether a new connection to the management port is let in. */
  async managed(host: LabHost = this.lab.phone, hold?: string): Promise<boolean> {
    const to = host === this.lab.phone ? "10.64.0.1" : this.lab.gateway.address4;
    const held = hold === undefined ? {} : { hold };
    const outcome = await host.agent.tcp({ source: host.address4, to, port: MANAGEMENT_PORT, payloads: [], ...held });
    return outcome.connected;
  }
}
