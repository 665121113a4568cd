import { contains, formatNetwork, isSingle, parseAddress, parseNetwork } from "../base/ip.ts";
import type { RuleFault } from "./rules.ts";
import type { Config } from "./schema.ts";

/** Where no packet comes from: nobody's address, and groups (RFC 6890). */
const NO_SOURCES = ["0.0.0.0", "255.255.255.255", "224.0.0.0/4", "::", "ff00::/8"].flatMap(
  (text) => parseNetwork(text) ?? [],
);

/** Networks with a shorter prefix are the world, not somebody's: /8 is the largest private IPv4 network, fc00::/7 IPv6's. */
const SHORTEST = { 4: 8, 6: 7 } as const;

/**
 * What is wrong with an address, a network or a DNS name of a list; null when nothing is. What looks like an address
 * but is none must not pass for a name: it would be looked up in vain for ever.
 */
export function sourceFault(source: string): string | null {
  const network = parseNetwork(source);
  if (network === null) return nameFault(source);
  if (NO_SOURCES.some((none) => contains(none, network))) return "nothing is ever sent from there";
  const [address = ""] = source.split("/");
  const whole = parseAddress(address);
  if (whole === null || isSingle(network) || whole.first === network.first) return null;
  return `is one address with the length of a network: write ${formatNetwork(network)} for all of it, or ${formatNetwork(whole)}`;
}

/** Whether a source is (nearly) everybody. */
export function matchesEverything(source: string): boolean {
  const network = parseNetwork(source);
  return network !== null && network.prefix < SHORTEST[network.family];
}

/** Servers and addresses that are a name or one address: what looks like an address must be one. */
export function hostRules({ trunks, sip }: Config): RuleFault[] {
  const hosts = [
    ...trunks.map(({ server }, at) => ({ path: ["trunks", at, "server"], host: server })),
    ...(sip.externalAddress === undefined ? [] : [{ path: ["sip", "externalAddress"], host: sip.externalAddress }]),
  ];
  return hosts.flatMap(({ path, host }) => {
    const message = hostFault(host);
    return message === null ? [] : [{ path, message }];
  });
}

function hostFault(host: string): string | null {
  const address = parseAddress(host);
  if (address !== null) {
    return NO_SOURCES.some((none) => contains(none, address)) ? "is no machine's address" : null;
  }
  const [name = "", ...more] = host.split(":");
  if (more.length === 1 && nameFault(name) === null)
    return `is a name with a port: write ${name}, and the port by itself`;
  return nameFault(host) === null ? null : "is neither an IP address nor a DNS name";
}

/** RFC 1123 section 2.1: labels of letters, digits and hyphens; `_` is met in practice. The last one begins with no digit
 * (RFC 3696 section 2). */
function nameFault(text: string): string | null {
  const neither = "is neither an IP address nor a network nor a DNS name";
  if (text.includes("/")) return networkFault(text);
  if (text.includes(":")) return neither;
  const labels = text.split(".");
  if (labels.some((label) => !/^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label))) return neither;
  return /^[0-9]/.test(labels.at(-1) ?? "") ? neither : null;
}

function networkFault(text: string): string {
  const [address = "", length = ""] = text.split("/");
  const whole = parseAddress(address);
  if (whole === null) return `is no network: "${address}" is no IP address`;
  if (whole.family === 4 && address.includes(":")) return "is an IPv4 network in IPv6's form: write it as IPv4";
  return `is no network: /${length} is not from /0 to /${whole.family === 4 ? 32 : 128}`;
}
