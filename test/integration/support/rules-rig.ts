import { expect } from "vitest";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { configSchema } from "../../../src/config/schema.ts";
import { Nft } from "../../../src/drivers/nft.ts";
import { literals, nothingBlocked, policyOf, type RulesState } from "../../../src/firewall/model.ts";
import { RulesService } from "../../../src/firewall/rules-service.ts";
import { type Heard, Lab, type LabHost } from "./lab.ts";

export const SIP = 5060;
export const RTP = 10_000;

export type Version = 4 | 6;

/** Input of the configuration's schema, as far as it concerns the firewall. */
export interface GuardInput {
  readonly sip?: object;
  readonly nat?: object;
  readonly firewall?: { readonly lists?: object; readonly limits?: object; readonly [setting: string]: unknown };
}

/** As long as Asterisk's: the budget over TCP counts bytes. */
const answer = `SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: ${"x".repeat(420)}\r\n\r\n`;

let serial = 0;

/** An address that no test has used yet: on the event network, which is allowed, or on no list. */
export function fresh(where: "event" | "outside", version: Version): string {
  const n = ++serial;
  if (where === "outside") return version === 4 ? `203.0.113.${n % 250}` : `2001:db8:bad:${n.toString(16)}::7`;
  return version === 4 ? `10.42.${n >> 8}.${n & 255}` : `2001:db8:42:${n.toString(16)}::7`;
}

export const gatewayAt = (version: Version) => (version === 4 ? "198.51.100.2" : "2001:db8:1::2");

export function ipv4Number(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** Allowed: 10.42.0.0/16; management: the LAN; trunk: the lab's; TCP port 8088 for the LAN. */
export function stateOf(input: GuardInput = {}, change: Partial<RulesState> = {}): RulesState {
  const policy = policyOf(
    configSchema.parse({
      lines: [{ name: "one" }],
      ...input,
      sip: { tcp: true, ...input.sip },
      firewall: {
        managementPorts: [22],
        allow: [{ port: 8088, from: ["10.64.0.0/24", "fd64::/64"] }],
        ...input.firewall,
        limits: { requestBurst: 4, ...input.firewall?.limits },
        lists: {
          trunks: ["198.51.100.10", "2001:db8:1::10"],
          eventNetwork: ["10.42.0.0/16", "2001:db8:42::/48"],
          management: ["10.64.0.0/24", "fd64::/64"],
          ...input.firewall?.lists,
        },
      },
    }),
  );
  if (policy === null) throw new Error("there is nothing to test without a firewall");
  const { trunks, operators, allowed, management } = policy.lists;
  return {
    policy,
    lists: {
      trunks: literals(trunks),
      operators: literals(operators),
      allowed: literals(allowed),
      management: literals(management),
      allow: policy.allow.map(({ from }) => literals(from)),
    },
    blocked: nothingBlocked,
    registered: [],
    gateways: literals(["198.51.100.1"]),
    localUids: [],
    serving: true,
    ...change,
  };
}

export interface Shot {
  readonly host?: LabHost;
  readonly port?: number;
  readonly times?: number;
}

/** The lab with listeners at the gateway, and the rules there. */
export class RulesRig {
  readonly lab: Lab;
  readonly nft: Nft;
  #services: RulesService[] = [];

  private constructor(lab: Lab) {
    this.lab = lab;
    this.nft = new Nft({ command: [...lab.gateway.inside, "nft"] });
  }

  static async create(): Promise<RulesRig> {
    const rig = new RulesRig(await Lab.create());
    const { agent } = rig.lab.gateway;
    await agent.listen("udp", SIP, undefined, answer);
    await agent.listen("tcp", SIP, undefined, answer);
    await agent.listen("udp", RTP);
    for (const port of [22, 8088, 9999]) await agent.listen("tcp", port);
    await agent.listen("tcp", 8188, ["127.0.0.1"]);
    return rig;
  }

  async guarded(input: GuardInput = {}, change: Partial<RulesState> = {}, clock: Clock = systemClock) {
    const service = new RulesService(stateOf(input, change), { nft: this.nft, clock }, silentLog);
    this.#services.push(service);
    await service.start(new AbortController().signal);
    return service;
  }

  async stop(): Promise<void> {
    for (const service of this.#services.splice(0)) await service.stop();
  }

  async clear(): Promise<void> {
    await this.lab.gateway.run(["nft", "flush", "ruleset"]);
    await this.lab.gateway.agent.take();
  }

  async remove(): Promise<void> {
    await this.lab.remove();
  }

  /** What was heard at the gateway, once everything that was sent before has come or has been dropped. */
  async heard(version: Version): Promise<readonly Heard[]> {
    const { trunk, gateway } = this.lab;
    const fence = `BYE fence-${++serial}`;
    const source = version === 4 ? trunk.address4 : trunk.address6;
    await trunk.agent.udp({ source, to: gatewayAt(version), port: SIP, payloads: [fence] });
    expect(await gateway.agent.waitFor(fence)).toBe(true);
    return (await gateway.agent.take()).filter(({ text }) => text !== fence);
  }

  /** How many of these packets arrive. */
  async arrive(source: string, payloads: readonly string[], { host, port = SIP, times = 1 }: Shot = {}) {
    const from = host ?? (/^(10\.42|2001:db8:42)/.test(source) ? this.lab.event : this.lab.outside);
    const version = source.includes(":") ? 6 : 4;
    await from.agent.udp({ source, to: gatewayAt(version), port, payloads, times });
    return (await this.heard(version)).filter((one) => one.from === source).length;
  }

  /** Whether a TCP connection to the gateway comes about. */
  async connects(host: LabHost, port: number, version: Version = 4): Promise<boolean> {
    const source = version === 4 ? host.address4 : host.address6;
    const to = source.startsWith("10.64") ? "10.64.0.1" : source.startsWith("fd64") ? "fd64::1" : gatewayAt(version);
    return (await host.agent.tcp({ source, to, port, payloads: [], connectMs: 600 })).connected;
  }
}
