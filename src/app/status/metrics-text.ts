import { renderMetrics } from "../../status/metrics.ts";
import type { BrokerState, Message } from "../../status/types.ts";
import type { FleetParts } from "./fleet-parts.ts";
import { partsOf } from "./parts-of.ts";

/** What Prometheus reads; nothing while the status is not known yet. */
export function metricsText(
  snapshot: readonly Message[],
  broker: BrokerState | undefined,
  fleet: FleetParts | null,
): string {
  const parts = partsOf(snapshot);
  if (parts === null) return "";
  return renderMetrics(parts, {
    ...(broker === undefined ? {} : { broker }),
    ...(fleet === null ? {} : { fleet: fleet.fleet.sites(), fleetRefused: { ...fleet.fleet.counts } }),
    ...(fleet?.bans == null ? {} : { sharedBans: fleet.bans.counts }),
  });
}
