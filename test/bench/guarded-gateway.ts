import { join } from "node:path";
import { STATUS_SOCKET } from "../../src/app/status-server.ts";
import { JsonLinesClient } from "../../src/base/json-lines.ts";
import type { GuardView } from "../../src/firewall/control.ts";
import { GatewayRig } from "../integration/support/gateway-rig.ts";
import { Lab } from "../integration/support/lab.ts";

export interface GuardedOptions {
  readonly mode?: "allowlist" | "open";
  readonly sipPort?: number;
  readonly tieLines?: number;
  /** Further settings of `firewall`. */
  readonly firewall?: object;
}

/** The whole gateway in the lab with its firewall on, a trunk at `lab.trunk` and the event network at `lab.event`. */
export class GuardedGateway {
  readonly lab: Lab;
  readonly rig: GatewayRig;

  private constructor(lab: Lab, rig: GatewayRig) {
    this.lab = lab;
    this.rig = rig;
  }

  static async start(options: GuardedOptions = {}): Promise<GuardedGateway> {
    const lab = await Lab.create();
    try {
      return new GuardedGateway(lab, await GatewayRig.start(rigOptions(lab, options)));
    } catch (error) {
      await lab.remove();
      throw error;
    }
  }

  get sipPort(): number {
    return this.rig.config.sip.port;
  }

  /** Asks the running gateway, as the commands do. */
  async ask(method: string, params: object = {}): Promise<unknown> {
    const client = new JsonLinesClient(join(this.rig.config.paths.runtime, STATUS_SOCKET));
    await client.connect();
    try {
      return await client.request(method, params);
    } finally {
      client.close();
    }
  }

  async view(): Promise<GuardView> {
    return (await this.ask("firewall.status")) as GuardView;
  }

  /** Packets counted by one of the rules' named counters. */
  async counted(name: string): Promise<number> {
    return (await this.view()).counters.find((counter) => counter.name === name)?.packets ?? Number.NaN;
  }

  async stop(): Promise<void> {
    try {
      await this.rig.stop();
    } finally {
      await this.lab.remove();
    }
  }
}

function rigOptions(lab: Lab, { mode = "allowlist", sipPort = 5060, tieLines = 2, firewall = {} }: GuardedOptions) {
  const trunk = { name: "t4100", server: lab.trunk.address4, username: "4100", password: "pw", register: false };
  return {
    namespace: lab.gateway.namespace,
    withoutEvent: true,
    tieLines,
    config: {
      firewall: { mode, lists: { eventNetwork: ["198.51.100.42", "10.42.0.0/16"] }, ...firewall },
      trunks: [{ ...trunk, callLimit: 32 }],
      accounts: [{ name: "desk" }],
      sip: { port: sipPort, bindAddress: "0.0.0.0", tcp: true },
    },
  };
}
