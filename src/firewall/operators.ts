import { contains, formatNetwork, parseAddress, parseNetwork } from "../base/ip.ts";

const LOOPBACK = ["127.0.0.0/8", "::1"].flatMap((text) => parseNetwork(text) ?? []);

/**
 * Of the addresses connected for management, those whom a change of the firewall could lock out: loopback is never
 * closed. Canonical, each once.
 */
export function remoteOperators(connected: readonly string[]): readonly string[] {
  const remote = connected.flatMap((text) => {
    const address = parseAddress(text);
    return address === null || LOOPBACK.some((loopback) => contains(loopback, address)) ? [] : [formatNetwork(address)];
  });
  return [...new Set(remote)];
}
