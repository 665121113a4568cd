import { networkInterfaces } from "node:os";
import { formatNetwork, parseNetwork } from "../base/ip.ts";

/** The IPv4 networks that this machine has an address in, loopback's with them; in an order that does not change. */
export function attachedNetworks(interfaces = networkInterfaces()): string[] {
  const networks = Object.values(interfaces).flatMap((addresses) =>
    (addresses ?? []).flatMap(({ family, cidr }) => {
      const network = family !== "IPv4" || cidr === null ? null : parseNetwork(cidr);
      return network === null ? [] : [formatNetwork(network)];
    }),
  );
  return [...new Set(["127.0.0.0/8", ...networks])].sort();
}
