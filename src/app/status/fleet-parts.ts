import { systemClock } from "../../base/clock.ts";
import type { Service } from "../../base/lifecycle.ts";
import type { Log } from "../../base/log.ts";
import type { GuardService } from "../../firewall/service.ts";
import { FleetService } from "../../status/fleet-service.ts";
import type { BrokerLink } from "../../status/port.ts";
import { SharedBanService } from "../../status/shared-ban-service.ts";
import type { Prepared } from "../prepare.ts";
import { type NatPlace, protectedNetworks } from "./networks.ts";

/** The other gateways on the broker. */
export interface FleetParts {
  readonly fleet: FleetService;
  /** Null where bans are neither told nor taken. */
  readonly bans: SharedBanService | null;
  readonly services: readonly Service[];
}

/** What of the gateway they need. */
export interface FleetGateway {
  readonly guard: GuardService | null;
  /** Where the world reaches us; null before it is known. */
  readonly nat: () => NatPlace | null;
}

export function fleetParts(
  { loaded, fleetKey }: Prepared,
  site: string,
  link: BrokerLink,
  { guard, nat }: FleetGateway,
  log: Log,
): FleetParts {
  const { status } = loaded.config;
  const fleet = new FleetService(
    {
      base: status.topic,
      ownSite: site,
      heartbeatMs: status.heartbeatSeconds * 1_000,
      clock: systemClock,
      unixMs: Date.now,
    },
    link,
  );
  const { shareBans, acceptBans } = status.fleet;
  if (fleetKey === null || guard === null || (!shareBans && acceptBans.length === 0)) {
    return { fleet, bans: null, services: [fleet] };
  }
  const bans = new SharedBanService(
    { base: status.topic, site, key: fleetKey, share: shareBans, accept: acceptBans, unixMs: Date.now },
    link,
    {
      protects: () => protectedNetworks(loaded.config, guard.names, nat()),
      bans: () => guard.bans(),
      ban: (address, minutes) => guard.ban(address, minutes, "fleet"),
      onBanned: (listener) => guard.on("banned", listener),
    },
    log,
  );
  return { fleet, bans, services: [fleet, bans] };
}
