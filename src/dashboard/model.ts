import type {
  AlertStatus,
  CallsStatus,
  CredentialsStatus,
  DigitEvent,
  GatewayStatus,
  GuardStatus,
  InputStatus,
  LineStatusPayload,
  NatStatus,
  SystemStatus,
  TrunkStatus,
} from "../status/schema.ts";
import type { BrokerState, HistoryView } from "../status/types.ts";

/** What the page knows. Everything is immutable: a part that is the same object has not changed and is not drawn again. */

/** A digit as it was heard. */
export type Heard = HistoryView["digits"][string][number];

/** A thing by its name, in the order of the snapshot. */
export type Named<T> = Readonly<Record<string, T>>;

/** The entry of that name; names come from strangers, and `constructor` is none. */
export function entry<T>(map: Named<T>, name: string): T | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}

export interface SiteView {
  readonly site: string;
  readonly availability: "online" | "offline" | "unknown";
  /** Its last heartbeat, by its own clock, Unix ms. */
  readonly heartbeatMs: number | null;
  /** When something last came from it, by our gateway's clock, Unix ms. */
  readonly heardMs: number;
  readonly gateway: GatewayStatus | null;
  readonly lines: Named<LineStatusPayload>;
  readonly calls: CallsStatus | null;
  readonly trunks: Named<TrunkStatus>;
  readonly guard: GuardStatus | null;
  readonly nat: NatStatus | null;
  readonly system: SystemStatus | null;
  readonly inputs: Named<InputStatus>;
  readonly alerts: Named<AlertStatus>;
  readonly credentials: CredentialsStatus | null;
  /** The last digit of each line, for the picture. */
  readonly lastDigit: Named<DigitEvent>;
  /** The last 100 digits of each line, the oldest first. */
  readonly heard: Named<readonly Heard[]>;
}

/** How the page stands with the gateway. */
export type Link =
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  /** `sinceMs`: when something was last heard, by the gateway's clock. */
  | { readonly state: "lost"; readonly sinceMs: number };

export interface View {
  readonly link: Link;
  /** Gateway's clock minus the browser's, ms. */
  readonly skewMs: number;
  /** When the feed last said anything, by the gateway's clock, Unix ms. */
  readonly heardMs: number;
  /** Our own site; "" before the first snapshot. */
  readonly own: string;
  /** The site shown; null: our own. */
  readonly chosen: string | null;
  readonly sites: Named<SiteView>;
  readonly broker: BrokerState | null;
  /** The plots of our own site. */
  readonly history: HistoryView | null;
}

export type Input =
  | { readonly type: "snapshot"; readonly data: unknown; readonly atMs: number }
  | { readonly type: "message"; readonly data: unknown; readonly atMs: number }
  | { readonly type: "broker"; readonly data: unknown; readonly atMs: number }
  | { readonly type: "alive"; readonly data: unknown; readonly atMs: number }
  | { readonly type: "history"; readonly data: unknown }
  | { readonly type: "lost" }
  | { readonly type: "choose"; readonly site: string };

export const initialView: View = {
  link: { state: "connecting" },
  skewMs: 0,
  heardMs: 0,
  own: "",
  chosen: null,
  sites: {},
  broker: null,
  history: null,
};

export function emptySite(site: string): SiteView {
  return {
    site,
    availability: "unknown",
    heartbeatMs: null,
    heardMs: 0,
    gateway: null,
    lines: {},
    calls: null,
    trunks: {},
    guard: null,
    nat: null,
    system: null,
    inputs: {},
    alerts: {},
    credentials: null,
    lastDigit: {},
    heard: {},
  };
}

/** A site that has not been heard for so long is stale: three of the longest usual heartbeats, ms. */
export const SILENT_MS = 180_000;

/** The site that is shown. */
export function shownSite(view: View): SiteView | null {
  return entry(view.sites, view.chosen ?? view.own) ?? entry(view.sites, view.own) ?? null;
}

export type Staleness = { readonly sinceMs: number; readonly why: "gateway" | "broker" | "offline" | "silent" } | null;

/**
 * Since when the values of a site are not what they seem. Our own site's come from the gateway itself, whether or not
 * there is a broker; those of the others come through the broker.
 */
export function staleness(view: View, site: SiteView | null, nowMs: number): Staleness {
  if (view.link.state === "lost") return { sinceMs: view.link.sinceMs, why: "gateway" };
  if (site === null || site.site === view.own) return null;
  if (view.broker !== null && !view.broker.connected) return { sinceMs: view.broker.sinceMs, why: "broker" };
  if (site.availability === "offline") return { sinceMs: site.heardMs, why: "offline" };
  if (nowMs - site.heardMs > SILENT_MS) return { sinceMs: site.heardMs, why: "silent" };
  return null;
}
