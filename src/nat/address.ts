import { contains, parseAddress, parseNetwork } from "../base/ip.ts";

/**
 * Networks of which no address is reachable from the Internet (RFC 6890): private, shared by a provider's customers
 * (RFC 6598), this host, this link, protocol assignments, measurement, multicast and reserved.
 */
const SPECIAL = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/3",
].flatMap((text) => parseNetwork(text) ?? []);

/** Whether the address means something only inside a network. What is no IPv4 address is not one of these. */
export function isSpecial(text: string): boolean {
  const address = parseAddress(text);
  return address !== null && SPECIAL.some((network) => contains(network, address));
}

/** Whether an IPv4 address can be one of the Internet's. */
export function isPublic(text: string): boolean {
  const address = parseAddress(text);
  return address !== null && address.family === 4 && !isSpecial(text);
}
