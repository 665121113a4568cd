import type { Config } from "./schema.ts";

/** Ports that a part of the gateway holds, and for what, in words. */
export interface PortUse {
  readonly protocol: "udp" | "tcp";
  readonly from: number;
  readonly to: number;
  readonly what: string;
}

/** Every port of the gateway itself, those on loopback too. */
export function portsOfGateway(config: Config): readonly PortUse[] {
  return [
    ...portsOfAsterisk(config),
    ...portsOfStatus(config),
    ...config.firewall.managementPorts.map((port) => tcp(port, "management")),
  ];
}

/** Whether the gateway runs a broker of its own. */
export function ownBroker({ mqtt, broker }: Config["status"]): boolean {
  return mqtt === undefined && broker.enabled;
}

/** The ports of the page and of the gateway's own broker, as far as they run. */
export function portsOfStatus({ web, status }: Config): readonly PortUse[] {
  return [
    ...(web.enabled ? [tcp(web.port, "the page (web.port)")] : []),
    ...(ownBroker(status) ? [tcp(status.broker.port, "the gateway's broker (status.broker.port)")] : []),
  ];
}

/** The ports that the gateway's Asterisk holds. */
export function portsOfAsterisk({ sip, asterisk }: Config): readonly PortUse[] {
  return [
    { protocol: "udp", from: sip.port, to: sip.port, what: "SIP" },
    ...(sip.tcp ? [tcp(sip.port, "SIP")] : []),
    { protocol: "udp", from: sip.rtpPorts.from, to: sip.rtpPorts.to, what: "audio" },
    tcp(asterisk.ariPort, "ARI (asterisk.ariPort)"),
    tcp(asterisk.managerPort, "AMI (asterisk.managerPort)"),
  ];
}

function tcp(port: number, what: string): PortUse {
  return { protocol: "tcp", from: port, to: port, what };
}
