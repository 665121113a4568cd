import type { RouterConfig } from "../config/schema.ts";
import { type DnsmasqPlaces, type Lan, lanOf, renderDnsmasq } from "./router-dnsmasq.ts";
import type { InterfaceState } from "./router-port.ts";

/** How the machine has to be while it is the router. Packets are let through by the firewall, and only by it. */
export interface DesiredRouter {
  readonly lan: Lan & { readonly interface: string; readonly withPrefix: string };
  readonly uplink: string;
  /** In this order: switching forwarding resets other settings (kernel documentation, ip-sysctl, ip_forward). */
  readonly sysctls: ReadonlyMap<string, string>;
  /** dnsmasq's configuration; null when somebody else gives out addresses. */
  readonly dhcp: string | null;
}

export interface ObservedRouter {
  readonly interfaces: ReadonlyMap<string, InterfaceState>;
  readonly sysctls: ReadonlyMap<string, string>;
  /** What dnsmasq runs with; null when it does not. */
  readonly dhcp: string | null;
  /** Whether it may be started now: one that keeps dying is not started without end. */
  readonly dhcpMayStart: boolean;
}

export type RouterStep =
  | { readonly kind: "sysctl"; readonly key: string; readonly value: string }
  | { readonly kind: "add-address"; readonly interface: string; readonly address: string }
  | { readonly kind: "remove-address"; readonly interface: string; readonly address: string }
  | { readonly kind: "link"; readonly interface: string; readonly up: boolean }
  | { readonly kind: "dhcp-start"; readonly configuration: string }
  | { readonly kind: "dhcp-stop" };

/** Errors `nat-router`: the LAN cannot be as configured. */
export function desiredRouter(config: RouterConfig, places: DnsmasqPlaces): DesiredRouter {
  const lan = lanOf(config);
  return {
    lan: { ...lan, interface: config.lan, withPrefix: config.address },
    uplink: config.uplink,
    sysctls: sysctls(config),
    dhcp: config.dhcp ? renderDnsmasq(config, lan, places) : null,
  };
}

function sysctls({ uplink, lan }: RouterConfig): Map<string, string> {
  const each = (name: string): [string, string][] => [
    // RFC 3704 section 2.2: nobody sends from an address that lies elsewhere.
    [`net/ipv4/conf/${name}/rp_filter`, "1"],
    [`net/ipv4/conf/${name}/accept_redirects`, "0"],
    [`net/ipv4/conf/${name}/send_redirects`, "0"],
    [`net/ipv4/conf/${name}/accept_source_route`, "0"],
  ];
  return new Map([
    ["net/ipv4/ip_forward", "1"],
    // There is no IPv6 on the LAN: what is not routed cannot be let through by mistake.
    ["net/ipv6/conf/all/forwarding", "0"],
    ["net/ipv4/conf/all/accept_redirects", "0"],
    ["net/ipv4/conf/all/send_redirects", "0"],
    ...each(uplink),
    ...each(lan),
  ]);
}

/** What is to be done, in order. Nothing is done to an interface that is not there. */
export function planRouter(desired: DesiredRouter, observed: ObservedRouter): RouterStep[] {
  const steps: RouterStep[] = [];
  const { lan, sysctls, dhcp } = desired;
  const link = observed.interfaces.get(lan.interface);
  if (link !== undefined && !link.up) steps.push({ kind: "link", interface: lan.interface, up: true });
  if (link !== undefined && !link.addresses.includes(lan.withPrefix)) {
    steps.push({ kind: "add-address", interface: lan.interface, address: lan.withPrefix });
  }
  const reset = observed.sysctls.get("net/ipv4/ip_forward") !== sysctls.get("net/ipv4/ip_forward");
  for (const [key, value] of sysctls) {
    // A key that the kernel does not have belongs to IPv6 that is off, or to an interface that is not there.
    const found = observed.sysctls.get(key);
    const again = reset && key.startsWith("net/ipv4/conf/");
    if (found !== undefined && (found !== value || again)) steps.push({ kind: "sysctl", key, value });
  }
  // dnsmasq waits by itself for the address, but not for the interface. The LAN's phones need no uplink to call us.
  const wanted = link === undefined ? null : dhcp;
  if (observed.dhcp !== null && observed.dhcp !== wanted) steps.push({ kind: "dhcp-stop" });
  if (wanted !== null && observed.dhcp !== wanted && observed.dhcpMayStart) {
    steps.push({ kind: "dhcp-start", configuration: wanted });
  }
  return steps;
}

/** A forward is only ever one of these; the name is for people. */
export type Forward = RouterConfig["forwards"][number];

/** Ports whose forward came, went or leads elsewhere: flows to them that the kernel remembers go to the old place. */
export function changedForwards(
  before: readonly Forward[],
  after: readonly Forward[],
): Pick<Forward, "protocol" | "port">[] {
  const port = ({ protocol, port }: Forward) => `${protocol} ${port}`;
  const target = ({ to, toPort, port }: Forward) => `${to}:${toPort ?? port}`;
  const table = (forwards: readonly Forward[]) => new Map(forwards.map((one) => [port(one), target(one)]));
  const [old, now] = [table(before), table(after)];
  const all = new Map([...before, ...after].map((one) => [port(one), { protocol: one.protocol, port: one.port }]));
  return [...all].filter(([key]) => old.get(key) !== now.get(key)).map(([, flow]) => flow);
}
