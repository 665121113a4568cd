import { formatNetwork, parseAddress } from "../base/ip.ts";

/** Who asks, and whether the browser was led here by a foreign page. */

/** A socket's remote address, canonical: IPv4 in IPv6 is IPv4, no zone. Null when the socket has gone. */
export function addressOf(remote: string | undefined): string | null {
  const address = parseAddress(remote?.split("%")[0] ?? "");
  return address === null ? null : formatNetwork(address);
}

/** Addresses that somebody has as a matter of course: an IPv6 host has its whole /64 (RFC 4291 section 2.5.1). */
export function neighbourhoodOf(address: string): string {
  const parsed = parseAddress(address);
  if (parsed === null || parsed.family === 4) return address;
  return formatNetwork({ family: 6, first: (parsed.first >> 64n) << 64n, prefix: 64 });
}

/** Names' ends that no stranger can register (RFC 6762, RFC 8375, and those that routers use). */
const OWN_ENDS = ["", ".local", ".lan", ".home", ".internal", ".localdomain", ".home.arpa"];

/**
 * Whether a Host header names us. A page of a stranger can turn a name of his own to our address (DNS rebinding) and
 * would then be of our origin; but never an address, nor our own name in a domain of the local network. Another name in
 * `.local` is anybody's who answers for it there (RFC 6762 section 21).
 * `own`: the machine's host name and whatever names were configured, in lower case.
 */
export function isOurHost(header: string | undefined, own: readonly string[]): boolean {
  const host = hostName(header);
  if (host === null) return false;
  if (host.startsWith("[")) return parseAddress(host.slice(1, -1))?.family !== undefined;
  if (parseAddress(host) !== null || host === "localhost") return true;
  return own.some((name) => OWN_ENDS.some((end) => host === name + end));
}

/** The name of a Host header without its port, in lower case; null when it is none. */
function hostName(header: string | undefined): string | null {
  const match = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9._-]{0,252}))(?::[0-9]{1,5})?$/i.exec(header ?? "");
  const name = match?.[1]?.toLowerCase();
  return name === undefined ? null : name.replace(/\.$/, "");
}

export interface Provenance {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  readonly secure: boolean;
}

/**
 * `own`: our own page sent it. `foreign`: another one did. `unknown`: the header that would tell is missing; no
 * browser leaves it out of a POST (Fetch, section 3.1), other programs do.
 */
export function provenanceOf(asked: Provenance): "own" | "foreign" | "unknown" {
  if (asked.fetchSite !== undefined && asked.fetchSite !== "same-origin") return "foreign";
  if (asked.origin === undefined) return "unknown";
  const ours = `${asked.secure ? "https" : "http"}://${asked.host ?? ""}`.toLowerCase();
  return asked.host !== undefined && asked.origin.toLowerCase() === ours ? "own" : "foreign";
}
