import { type IpNetwork, parseNetwork } from "../base/ip.ts";
import { covers4, indexNetworks, type NetworkIndex, overlapsAny } from "./address-set.ts";

/** Addresses that no list from elsewhere may block, and no DNS name may stand for. */

/** Never a source of packets that anybody could block: RFC 6890 section 2.2.2 and 2.2.3, RFC 4291 section 2.7. */
const UNUSABLE = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/127", "ff00::/8"];

/**
 * Only of meaning inside some network, ours perhaps: RFC 1918, 6598, 3927, 4193, 4291 section 2.5.6; and the ranges
 * for documents and measurements (RFC 5737, 2544, 3849), which nobody attacks from.
 */
const PRIVATE = [
  "10.0.0.0/8",
  "100.64.0.0/10",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "2001:db8::/32",
  "fc00::/7",
  "fe80::/10",
];

const unusable = indexTexts(UNUSABLE);
const local = indexTexts([...UNUSABLE, ...PRIVATE]);

/** Loopback, unspecified, multicast, reserved, broadcast, or a network that has such addresses in it. */
export function isUnusable(network: IpNetwork): boolean {
  return overlapsAny(unusable, network);
}

/** Those, and addresses that mean something else in every network. */
export function isLocal(network: IpNetwork): boolean {
  return overlapsAny(local, network);
}

/** As `isUnusable` and `isLocal`, for an IPv4 address as a number. */
export function isUnusable4(address: number): boolean {
  return covers4(unusable, address);
}

export function isLocal4(address: number): boolean {
  return covers4(local, address);
}

function indexTexts(texts: readonly string[]): NetworkIndex {
  return indexNetworks(
    texts.flatMap((text) => {
      const network = parseNetwork(text);
      return network === null ? [] : [network];
    }),
  );
}
