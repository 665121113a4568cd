import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { contains, formatNetwork, parseAddress, parseNetwork } from "../base/ip.ts";
import type { DefaultRoute, DefaultRoutePort } from "../nat/port.ts";

/** RTF_UP and RTF_GATEWAY of linux/route.h. */
const USABLE = 0x0003;

/** A default route as the kernel lists it. */
export interface RouteLine {
  readonly interface: string;
  readonly gateway: string;
}

/** The default route with the lowest metric of `/proc/net/route`; null when there is none. */
export function parseRoutes(text: string): RouteLine | null {
  let best: (RouteLine & { metric: number }) | null = null;
  for (const line of text.split("\n").slice(1)) {
    const [name = "", destination = "", gateway = "", flags = "", , , metric = "", mask = ""] = line
      .trim()
      .split(/\s+/);
    if (destination !== "00000000" || mask !== "00000000" || !/^[0-9A-F]{8}$/.test(gateway)) continue;
    if ((Number.parseInt(flags, 16) & USABLE) !== USABLE) continue;
    const route = { interface: name, gateway: addressOf(gateway), metric: Number(metric) };
    if (best === null || route.metric < best.metric) best = route;
  }
  return best === null ? null : { interface: best.interface, gateway: best.gateway };
}

/** The kernel prints the address in network byte order as if it were a number of this machine's. */
function addressOf(hex: string): string {
  const word = new Uint32Array([Number.parseInt(hex, 16)]);
  return [...new Uint8Array(word.buffer)].join(".");
}

/** The default route of this machine (of its network namespace). */
export class KernelDefaultRoute implements DefaultRoutePort {
  async read(): Promise<DefaultRoute | null> {
    const route = parseRoutes(await readFile("/proc/net/route", "utf8"));
    if (route === null) return null;
    const gateway = parseAddress(route.gateway);
    if (gateway === null) return null;
    const own = networkInterfaces()[route.interface]?.filter((one) => one.family === "IPv4") ?? [];
    const near = own.find((one) => {
      const network = one.cidr === null ? null : parseNetwork(one.cidr);
      return network !== null && contains(network, gateway);
    });
    // A point-to-point link has no network in common with its far end.
    const address = near ?? own[0];
    if (address === undefined) return null;
    return { interface: route.interface, gateway: formatNetwork(gateway), address: address.address };
  }
}
