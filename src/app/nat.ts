import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import { parseAddress } from "../base/ip.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { type Config, usualLocalNetworks } from "../config/schema.ts";
import { userIn } from "../drivers/asterisk-files.ts";
import { attachedNetworks } from "../drivers/attached-networks.ts";
import { Conntrack } from "../drivers/conntrack.ts";
import { KernelDefaultRoute } from "../drivers/default-route.ts";
import { DnsNames } from "../drivers/dns-names.ts";
import { Dnsmasq } from "../drivers/dnsmasq.ts";
import { IgdMapper } from "../drivers/igd.ts";
import { IpInterfaces } from "../drivers/interface-address.ts";
import { PcpMapper } from "../drivers/pcp.ts";
import { NatPmpMapper } from "../drivers/pcp-nat-pmp.ts";
import { StunClient } from "../drivers/stun.ts";
import { Sysctls } from "../drivers/sysctl.ts";
import type { GuardService } from "../firewall/service.ts";
import { HandService } from "../nat/hand-service.ts";
import { RouterService } from "../nat/router-service.ts";
import { NatService } from "../nat/service.ts";
import type { NatView, WantedMapping } from "../nat/types.ts";
import type { SipPlace } from "../sip/external.ts";
import { guardState } from "./guard.ts";

/** How the world reaches us, whichever way that is kept true. */
export interface Nat extends Service {
  view(): NatView;
}

/** Counters of SIP packets that were let in. */
const ARRIVED = ["trusted", "strangers"];

/** The service for the configuration's `nat.mode`. `moved`: where the world finds us has changed. */
export async function makeNat(
  config: Config,
  guard: GuardService | null,
  moved: (place: SipPlace | null) => void,
  log: Log,
): Promise<Nat> {
  const { nat, sip, paths } = config;
  if (nat.mode === "upstream") return upstream(config, moved, log);
  if (nat.mode === "router" && nat.router !== undefined) {
    const root = process.getuid?.() === 0;
    const accounts = await readFile("/etc/passwd", "utf8");
    const user = root ? (userIn(accounts, "dnsmasq") ?? userIn(accounts, "nobody")) : null;
    const places = { leaseFile: join(paths.runtime, "dnsmasq", "leases"), resolvFile: "/etc/resolv.conf" };
    const router = new RouterService(
      { ...places, config: nat.router, sipPort: sip.port, clock: systemClock, log },
      {
        interfaces: new IpInterfaces(),
        sysctls: new Sysctls(),
        dhcp: new Dnsmasq({ program: "dnsmasq", user, leaseFile: places.leaseFile }),
        conntrack: new Conntrack(),
        // Beside the sockets: after a reboot there is nothing to be undone.
        note: guardState(paths.runtime, "nat", log),
      },
    );
    return guard === null ? router : new GuardedRouter(router, guard, nat.router.forwards);
  }
  return new HandService(
    {
      config: {
        externalAddress: sip.externalAddress ?? null,
        sipPort: sip.port,
        tcp: sip.tcp,
        rtp: sip.rtpPorts,
        localNetworks: sip.localNetworks,
        trunkAddresses: config.trunks.map(({ server }) => server).filter((server) => parseAddress(server) !== null),
      },
      stunServers: nat.stunServers,
      clock: systemClock,
      log,
    },
    {
      stun: new StunClient(),
      route: new KernelDefaultRoute(),
      arrivals: {
        fromOutside: async () => {
          if (guard === null) return null;
          const { counters } = await guard.view();
          return counters.filter(({ name }) => ARRIVED.includes(name)).reduce((sum, { packets }) => sum + packets, 0);
        },
      },
      names: new DnsNames(),
    },
  );
}

function upstream({ nat, sip, paths, trunks }: Config, moved: (place: SipPlace | null) => void, log: Log): Nat {
  const { protocols, leaseSeconds, otherPort, externalPort = sip.port } = nat.upstream;
  const sipPort = { internalPort: sip.port, count: 1, externalPort, otherPort };
  const { from, to } = sip.rtpPorts;
  const wanted: WantedMapping[] = [
    { name: "sip", protocol: "udp", ...sipPort },
    ...(sip.tcp ? [{ name: "sip-tcp", protocol: "tcp", ...sipPort } as const] : []),
    { name: "rtp", protocol: "udp", internalPort: from, count: to - from + 1, externalPort: from, otherPort: false },
  ];
  const service = new NatService(
    { protocols, wanted, leaseSeconds, stunServers: nat.stunServers, trunkServers: trunks.map(({ server }) => server) },
    {
      route: new KernelDefaultRoute(),
      mappers: { pcp: new PcpMapper(systemClock), "nat-pmp": new NatPmpMapper(systemClock), upnp: new IgdMapper() },
      stun: new StunClient(),
      state: guardState(paths.state, "nat", log),
    },
    systemClock,
    log,
  );
  // Nobody said which networks are ours: of the private ones those that we are in, for the event's may be private too.
  const usual = sip.localNetworks.join() === usualLocalNetworks.join();
  service.on("external", (place) => {
    moved(place === null || !usual ? place : { ...place, localNetworks: attachedNetworks() });
  });
  return service;
}

/** A router that forgets old flows whenever the firewall has other forwards in force. */
class GuardedRouter implements Nat {
  readonly name = "router";
  readonly #router: RouterService;
  readonly #guard: GuardService;
  readonly #forwards: Parameters<RouterService["forwardsInForce"]>[0];
  #dispose: Dispose = () => undefined;

  constructor(router: RouterService, guard: GuardService, forwards: Parameters<RouterService["forwardsInForce"]>[0]) {
    this.#router = router;
    this.#guard = guard;
    this.#forwards = forwards;
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#router.start(signal);
    this.#dispose = this.#guard.on("applied", () => void this.#router.forwardsInForce(this.#forwards));
    // The rules were put in force before us.
    await this.#router.forwardsInForce(this.#forwards);
  }

  stop(): Promise<void> {
    this.#dispose();
    return this.#router.stop();
  }

  view(): NatView {
    return this.#router.view();
  }
}
