import { contains, formatNetwork, type IpNetwork, parseAddress, parseNetwork } from "../base/ip.ts";
import type { Path } from "./faults.ts";
import type { RuleFault } from "./rules.ts";
import { type PortUse, portsOfGateway } from "./rules-ports.ts";
import type { Config, RouterConfig } from "./schema.ts";

/** Lengths of a LAN that dnsmasq gives addresses out in: 65,000 leases fill no Pi, and 13 are worth the trouble. */
const LAN_PREFIX = { min: 16, max: 28, maxWithoutDhcp: 30 } as const;

/** Where no LAN can be (RFC 6890): this host, loopback, link-local, multicast and reserved. */
const NO_LAN = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"].flatMap(
  (text) => parseNetwork(text) ?? [],
);

/** What a router's own services answer at; a forward would take it from them. */
const ROUTER_PORTS: readonly PortUse[] = [
  { protocol: "udp", from: 53, to: 53, what: "DNS" },
  { protocol: "tcp", from: 53, to: 53, what: "DNS" },
  { protocol: "udp", from: 67, to: 68, what: "DHCP" },
];

/** Rules of the `nat` section. What is written is checked in every mode: it may be meant for later. */
export function natRules(config: Config): RuleFault[] {
  const { mode, router } = config.nat;
  const faults: RuleFault[] = [];
  if (mode === "router" && router === undefined) {
    faults.push({ path: ["nat", "mode"], message: "router needs nat.router, with the two interfaces: uplink and lan" });
  }
  if (mode === "router" && config.firewall.protect !== "host") {
    const message = `router needs firewall.protect: host; with ${config.firewall.protect} nobody would keep the event's packets out of the LAN`;
    faults.push({ path: ["nat", "mode"], other: ["firewall", "protect"], message });
  }
  if (router !== undefined) faults.push(...lanRules(router), ...forwardRules(config, router));
  return [...faults, ...upstreamRules(config)];
}

function lanRules(router: RouterConfig): RuleFault[] {
  const faults: RuleFault[] = [];
  const fault = (key: keyof RouterConfig, message: string) => faults.push({ path: ["nat", "router", key], message });
  for (const key of ["uplink", "lan"] as const) {
    if (router[key] === "lo") fault(key, "lo leads nowhere: name the interface of a cable or a radio");
  }
  if (router.uplink === router.lan) {
    const message = "the LAN needs an interface of its own: on one with the uplink nothing would be kept apart";
    faults.push({ path: ["nat", "router", "lan"], other: ["nat", "router", "uplink"], message });
  }
  const lan = lanOf(router);
  if (lan === null) return faults;
  const { network, own } = lan;
  const max = router.dhcp ? LAN_PREFIX.max : LAN_PREFIX.maxWithoutDhcp;
  if (network.prefix < LAN_PREFIX.min || network.prefix > max) {
    fault("address", `a LAN with /${network.prefix} cannot be served: /${LAN_PREFIX.min} to /${max}`);
  } else if (NO_LAN.some((none) => contains(none, network))) {
    fault("address", "no LAN can be there: take one of 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16");
  } else if (!isHost(network, own)) {
    fault("address", `is not an address of a machine in ${formatNetwork(network)}: ${exampleIn(network)} would be`);
  }
  return faults;
}

function forwardRules(config: Config, router: RouterConfig): RuleFault[] {
  const faults: RuleFault[] = [];
  const lan = lanOf(router);
  const names = new Map<string, Path>();
  const ports = new Map<string, Path>();
  const once = (seen: Map<string, Path>, value: string, path: Path, message: string) => {
    const other = seen.get(value);
    if (other === undefined) seen.set(value, path);
    else faults.push({ path, other, message });
  };
  const taken = [...portsOfGateway(config), ...ROUTER_PORTS];
  for (const [at, forward] of router.forwards.entries()) {
    const path: Path = ["nat", "router", "forwards", at];
    const { protocol, port } = forward;
    once(names, forward.name, [...path, "name"], "the name is used twice");
    once(ports, `${protocol} ${port}`, [...path, "port"], `${protocol} port ${port} is forwarded twice`);
    const use = taken.find((one) => one.protocol === protocol && one.from <= port && port <= one.to);
    if (use !== undefined)
      faults.push({ path: [...path, "port"], message: `is the gateway's own port for ${use.what}` });
    const allowed = config.firewall.allow.findIndex((one) => one.protocol === protocol && one.port === port);
    if (allowed >= 0) {
      const message = "this port is also allowed on this machine itself; a packet can go to one of the two";
      faults.push({ path: [...path, "port"], other: ["firewall", "allow", allowed, "port"], message });
    }
    const to = parseAddress(forward.to);
    if (lan === null || to === null) continue;
    const name = formatNetwork(lan.network);
    const wrong = (message: string) => faults.push({ path: [...path, "to"], message });
    if (to.first === lan.own.first) wrong("is the gateway's own address: firewall.allow opens a port of its own");
    else if (!contains(lan.network, to)) wrong(`is not in the LAN ${name}`);
    else if (!isHost(lan.network, to)) wrong(`is not an address of a machine in ${name}`);
  }
  return faults;
}

function upstreamRules(config: Config): RuleFault[] {
  const { upstream, stunServers, mode } = config.nat;
  const faults: RuleFault[] = [];
  for (const [at, protocol] of upstream.protocols.entries()) {
    if (upstream.protocols.indexOf(protocol) < at) {
      faults.push({ path: ["nat", "upstream", "protocols", at], message: `${protocol} is named twice` });
    }
  }
  const { from, to } = config.sip.rtpPorts;
  const { externalPort } = upstream;
  if (mode === "upstream" && externalPort !== undefined && externalPort >= from && externalPort <= to) {
    const message = "is one of the ports for audio, which the router is asked for too";
    faults.push({ path: ["nat", "upstream", "externalPort"], other: ["sip", "rtpPorts"], message });
  }
  for (const [at, server] of stunServers.entries()) {
    const port = /:([0-9]+)$/.exec(server)?.[1];
    if (port !== undefined && !(Number(port) >= 1 && Number(port) <= 65_535)) {
      faults.push({ path: ["nat", "stunServers", at], message: `${port} is no port: 1 to 65535` });
    }
  }
  return faults;
}

function lanOf(router: RouterConfig): { readonly network: IpNetwork; readonly own: IpNetwork } | null {
  const network = parseNetwork(router.address);
  const own = parseAddress(router.address.split("/")[0] ?? "");
  return network === null || own === null ? null : { network, own };
}

/** Neither the network's own address nor its broadcast address (RFC 922). */
function isHost(network: IpNetwork, address: IpNetwork): boolean {
  const last = network.first + (1n << BigInt(32 - network.prefix)) - 1n;
  return address.first > network.first && address.first < last;
}

function exampleIn(network: IpNetwork): string {
  return `${formatNetwork({ ...network, first: network.first + 1n, prefix: 32 })}/${network.prefix}`;
}
