import { contains, overlaps, parseAddress, parseNetwork } from "../base/ip.ts";
import type { RouterConfig } from "../config/schema.ts";
import { isSpecial } from "./address.ts";
import type { DesiredRouter, Forward, ObservedRouter } from "./router.ts";
import { dhcpRange } from "./router-dnsmasq.ts";

/** What keeps the machine from being the router, as far as it can be seen, in words. */
export function routerFaults(desired: DesiredRouter, observed: ObservedRouter): string[] {
  const faults: string[] = [];
  const lan = observed.interfaces.get(desired.lan.interface);
  const uplink = observed.interfaces.get(desired.uplink);
  if (desired.uplink === desired.lan.interface) faults.push(`nat.router: uplink and lan are both ${desired.uplink}`);
  if (lan === undefined) faults.push(`there is no LAN interface ${desired.lan.interface}`);
  else if (!lan.up) faults.push(`the LAN interface ${desired.lan.interface} is switched off`);
  else if (!lan.carrier) faults.push(`nothing is connected to the LAN interface ${desired.lan.interface}`);
  if (uplink === undefined) faults.push(`there is no uplink interface ${desired.uplink}`);
  else if (!uplink.up || !uplink.carrier) faults.push(`nothing is connected to the uplink interface ${desired.uplink}`);
  else if (uplink.addresses.length === 0) faults.push(`the uplink interface ${desired.uplink} has no address`);
  for (const [name, { addresses }] of observed.interfaces) {
    if (name === desired.lan.interface) continue;
    for (const text of addresses) {
      const network = parseNetwork(text);
      if (network === null || !overlaps(network, desired.lan.network)) continue;
      faults.push(
        `the LAN ${desired.lan.withPrefix} overlaps with ${text} of ${name}: choose another nat.router.address`,
      );
    }
  }
  for (const [key, value] of desired.sysctls) {
    const found = observed.sysctls.get(key);
    if (found !== undefined && found !== value) faults.push(`the kernel's ${key} is ${found} and not ${value}`);
  }
  return faults;
}

/** What is wrong with one forward; null when nothing is. */
export function forwardFault(config: RouterConfig, desired: DesiredRouter, forward: Forward): string | null {
  const target = parseAddress(forward.to);
  if (target === null || !contains(desired.lan.network, target)) return `${forward.to} is not on the LAN`;
  if (forward.to === desired.lan.address) return `${forward.to} is our own address`;
  if (config.dhcp) {
    const [first, last] = [dhcpRange(desired.lan).first, dhcpRange(desired.lan).last].map(parseAddress);
    if (first && last && target.first >= first.first && target.first <= last.first) {
      return `${forward.to} is among the addresses given out by DHCP: it may become somebody else's`;
    }
  }
  return null;
}

/** The address that the world, or the network before us, sees: the uplink's first, a public one before others. */
export function uplinkAddress(desired: DesiredRouter, observed: ObservedRouter): string | null {
  const all = (observed.interfaces.get(desired.uplink)?.addresses ?? []).map((text) => text.split("/")[0] ?? "");
  return all.find((text) => !isSpecial(text)) ?? all[0] ?? null;
}
