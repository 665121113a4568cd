import { networkInterfaces } from "node:os";
import { contains, type IpNetwork, parseAddress, parseNetwork } from "../../base/ip.ts";
import type { Config } from "../../config/schema.ts";
import type { NatView } from "../../nat/types.ts";

const loopback = networksOf(["127.0.0.0/8", "::1"]);

/** What of port forwarding tells our own addresses outside, and the router's. */
export type NatPlace = Pick<NatView, "router" | "external" | "stunAddress">;

/** DNS names of the configuration with their addresses, as far as they are known. */
export type KnownNames = ReadonlyMap<string, readonly string[]>;

/** Addresses and networks of texts; names with the addresses that are known of them. */
export function networksOf(texts: readonly string[], names: KnownNames = new Map()): IpNetwork[] {
  return texts.flatMap((text) => (names.get(text) ?? [text]).flatMap((one) => parseNetwork(one) ?? []));
}

/** Whether an address may speak to the page: what the firewall says too, where there is one. */
export function admits({ firewall }: Config, address: string, names: KnownNames): boolean {
  const { management, operators } = firewall.lists;
  return isIn(address, [...loopback, ...networksOf([...management, ...operators], names)]);
}

/**
 * Whom no ban from elsewhere may touch: everybody whom the configuration names, and ourselves, also as the world sees
 * us. `nat`: where the world reaches us, as far as it is known.
 */
export function protectedNetworks(config: Config, names: KnownNames, nat: NatPlace | null): IpNetwork[] {
  const { firewall, trunks, accounts, sip } = config;
  const { lists } = firewall;
  const phones = accounts.flatMap(({ networks }) => (networks.length > 0 ? networks : sip.localNetworks));
  const named = [...lists.trunks, ...lists.operators, ...lists.eventNetwork, ...lists.management];
  const servers = trunks.map(({ server }) => server);
  const outside = [nat?.router, nat?.external?.address, nat?.stunAddress, sip.externalAddress].filter(
    (one) => one != null,
  );
  return [...loopback, ...networksOf([...named, ...servers, ...phones, ...outside, ...ownAddresses()], names)];
}

/** An address of ours on the LAN, for telephones: IPv4 before IPv6; null: none. */
export function lanAddress(bindAddress: string): string | null {
  if (bindAddress !== "0.0.0.0" && bindAddress !== "::") return bindAddress;
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outside = own.filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
  return (outside.find(({ family }) => family === "IPv4") ?? outside[0])?.address ?? null;
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
}

function isIn(text: string, networks: readonly IpNetwork[]): boolean {
  // Link-local peers come with their zone (RFC 4007 section 11); IPv4 ones in IPv6 are IPv4 to `parseAddress`.
  const address = parseAddress(text.replace(/%.*$/, ""));
  return address !== null && networks.some((network) => contains(network, address));
}
