import { GatewayError } from "../base/errors.ts";
import { formatNetwork, type IpNetwork, parseAddress, parseNetwork } from "../base/ip.ts";
import type { RouterConfig } from "../config/schema.ts";

/** Where dnsmasq finds and keeps things. */
export interface DnsmasqPlaces {
  /** Leases outlive a restart there. */
  readonly leaseFile: string;
  /** The machine's own name servers, asked for everything that is not on the LAN. */
  readonly resolvFile: string;
}

/** Domain of the LAN: `internal` is reserved for private use (ICANN board resolution 2024.07.29.06). */
export const LAN_DOMAIN = "pax.internal";
/** Name under which phones find us there. */
export const GATEWAY_NAME = `paxgate.${LAN_DOMAIN}`;

/** The LAN: our address on it, and its network. */
export interface Lan {
  readonly address: string;
  readonly network: IpNetwork;
}

/** Error `nat-router` for a network without room for anybody, or an address that no host can have. */
export function lanOf(config: RouterConfig): Lan {
  const [text = ""] = config.address.split("/");
  const address = parseAddress(text);
  const network = parseNetwork(config.address);
  if (address?.family !== 4 || network === null) throw refused(config, "is no IPv4 address with a prefix length");
  if (network.prefix < 8 || network.prefix > 30) throw refused(config, "needs a prefix length from 8 to 30");
  if (address.first === network.first || address.first === lastOf(network)) {
    throw refused(config, "is the network's own or its broadcast address");
  }
  return { address: formatNetwork(address), network };
}

function refused({ address }: RouterConfig, why: string): GatewayError {
  return new GatewayError("nat-router", `nat.router.address: ${address} ${why}`, { details: { address } });
}

/** Broadcast address. */
function lastOf(network: IpNetwork): bigint {
  return network.first + (1n << BigInt(32 - network.prefix)) - 1n;
}

/**
 * Addresses that are given out: .100 to .199 of our own /24, in a smaller network the upper half. When our own
 * address is among them, the longer side of it. The rest is for what has a fixed address.
 */
export function dhcpRange({ address, network }: Lan): { readonly first: string; readonly last: string } {
  const own = parseAddress(address)?.first ?? 0n;
  const size = 1n << BigInt(32 - network.prefix);
  const base = own & ~0xffn;
  let [first, last] =
    network.prefix <= 24 ? [base + 100n, base + 199n] : [network.first + size / 2n, lastOf(network) - 1n];
  // In a /30 the other one of two.
  if (first === last && own === first) [first, last] = [first - 1n, last - 1n];
  else if (own >= first && own <= last) {
    if (own - first > last - own) last = own - 1n;
    else first = own + 1n;
  }
  const text = (value: bigint) => formatNetwork({ family: 4, first: value, prefix: 32 });
  return { first: text(first), last: text(last) };
}

/**
 * dnsmasq's configuration. It answers on the LAN interface alone, by name of the interface and not by address, so it
 * may come up before the address does; nothing of the LAN's names and addresses is asked upstream, and upstream cannot
 * make a name mean an address of the LAN.
 */
export function renderDnsmasq(config: RouterConfig, lan: Lan, places: DnsmasqPlaces): string {
  const { first, last } = dhcpRange(lan);
  const count = (parseAddress(last)?.first ?? 0n) - (parseAddress(first)?.first ?? 0n) + 1n;
  const mask = formatNetwork({
    family: 4,
    first: (0xffff_ffffn << BigInt(32 - lan.network.prefix)) & 0xffff_ffffn,
    prefix: 32,
  });
  return [
    `interface=${config.lan}`,
    "except-interface=lo",
    "bind-dynamic",
    // Names: ours, those of the leases, and upstream's; the machine's own hosts file is its own business.
    "no-hosts",
    `resolv-file=${places.resolvFile}`,
    `domain=${LAN_DOMAIN}`,
    `local=/${LAN_DOMAIN}/`,
    `host-record=${GATEWAY_NAME},${lan.address}`,
    "domain-needed",
    "bogus-priv",
    "stop-dns-rebind",
    // Names are short-lived at an event, and so is what is not there (RFC 2308 section 5).
    "cache-size=1000",
    "max-cache-ttl=300",
    "neg-ttl=30",
    // 1232: fits every path without fragments (DNS flag day 2020).
    "edns-packet-max=1232",
    "dhcp-authoritative",
    `dhcp-range=${first},${last},${mask},${config.leaseHours}h`,
    `dhcp-lease-max=${count}`,
    `dhcp-leasefile=${places.leaseFile}`,
    `dhcp-option=option:router,${lan.address}`,
    `dhcp-option=option:dns-server,${lan.address}`,
    // A host named wpad would be taken for everybody's proxy.
    "dhcp-name-match=set:no-name,wpad",
    "dhcp-ignore-names=tag:no-name",
    "quiet-dhcp",
    "log-facility=-",
    "",
  ].join("\n");
}
