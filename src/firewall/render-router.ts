import { type ClosedPolicy, disjoint, literals } from "./model.ts";

type Passing = Pick<ClosedPolicy, "router" | "protect">;

/** The rules for packets that only pass through: none, unless this machine is the router. */

/** Sources of our LAN must not come from the uplink: the lists trust them. */
export function renderSpoofed({ router }: Passing): string[] {
  if (router === null) return [];
  const lan = lanOf(router.address);
  return [`iifname "${router.uplink}" ip saddr ${lan} counter name spoofed drop`];
}

export function renderForward({ router, protect }: Passing): string[] {
  const closed = "counter name forward_dropped drop";
  if (router === null) return protect === "host" ? [closed] : [];
  const outward = `iifname "${router.lan}" oifname "${router.uplink}"`;
  const inward = `iifname "${router.uplink}" oifname "${router.lan}"`;
  return [
    // A route may carry less than both ends believe, such as PPPoE (RFC 4459 section 3.2).
    "tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu",
    "ct state established,related accept",
    `${inward} ct state invalid counter name forward_dropped drop`,
    `${outward} counter name forwarded accept`,
    `${inward} ct status dnat counter name forwarded accept`,
    // Other interfaces of a machine that does other things too are not ours to close.
    ...(protect === "host"
      ? [closed]
      : ["iifname", "oifname"].map((way) => `${way} { "${router.uplink}", "${router.lan}" } ${closed}`)),
  ];
}

export function renderDnat({ router }: Passing): string[] {
  return (router?.forwards ?? []).map(({ protocol, port, to, toPort }) => {
    const [address = ""] = disjoint(literals([to]), 4);
    const at = `iifname "${router?.uplink}" meta nfproto ipv4 fib daddr type local ${protocol} dport ${port}`;
    return `${at} dnat ip to ${address}:${toPort ?? port}`;
  });
}

export function renderSnat({ router }: Passing): string[] {
  if (router === null) return [];
  return [`oifname "${router.uplink}" ip saddr ${lanOf(router.address)} masquerade`];
}

function lanOf(address: string): string {
  const [lan = ""] = disjoint(literals([address]), 4);
  return lan;
}
