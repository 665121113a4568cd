import type {
  AlertStatus,
  CallsStatus,
  CredentialsStatus,
  GatewayStatus,
  GuardStatus,
  InputStatus,
  LineStatusPayload,
  NatStatus,
  SystemStatus,
  TrunkStatus,
} from "./schema.ts";

/** A message of this site; `topic` is below `<base>/<site>/`. */
export interface Message {
  readonly topic: string;
  /** JSON; null: a retained message is deleted. */
  readonly payload: unknown;
  readonly retain: boolean;
}

/** A message of any site on the broker, as the dashboard has it. */
export interface SiteMessage extends Message {
  readonly site: string;
}

/** What is wrong now; since when is the status's to know, whatever is said here. */
export type RaisedAlert = Omit<AlertStatus, "sinceMs"> & Partial<Pick<AlertStatus, "sinceMs">>;

/** The parts of the status that are read anew when something may have changed. */
export interface StatusParts {
  readonly gateway: GatewayStatus;
  readonly lines: readonly LineStatusPayload[];
  readonly calls: CallsStatus;
  readonly trunks: readonly TrunkStatus[];
  readonly guard: GuardStatus;
  readonly nat: NatStatus;
  readonly system: SystemStatus;
  readonly inputs: readonly InputStatus[];
  readonly alerts: readonly RaisedAlert[];
  readonly credentials: CredentialsStatus;
}
export type Part = keyof StatusParts;

/** For the plots: points of one minute, the oldest first; null where nothing is known. At most 24 hours. */
export interface HistoryView {
  /** Unix time of the first point, ms. */
  readonly fromMs: number;
  readonly stepMs: 60_000;
  readonly dropped: readonly (number | null)[];
  readonly calls: readonly (number | null)[];
  readonly cpuPercent: readonly (number | null)[];
  readonly temperatureC: readonly (number | null)[];
  readonly memoryAvailableMb: readonly (number | null)[];
  /** The last digits of each line, at most 100. */
  readonly digits: Readonly<
    Record<string, readonly { atMs: number; ips: number | null; breakPercent: number | null }[]>
  >;
}

/** How the gateway stands with the broker. */
export interface BrokerState {
  /** Without secrets. */
  readonly url: string;
  readonly embedded: boolean;
  readonly connected: boolean;
  /** Since when that is so, Unix time in ms. */
  readonly sinceMs: number;
  /** Why it is not connected, in words. */
  readonly fault: string | null;
}

/** What people may ask of the gateway, from the page and over MQTT alike. */
export const operationNames = [
  "line/block",
  "line/unblock",
  "call/test",
  "guard/release",
  "guard/refresh",
  "guard/confirm",
  "asterisk/restart",
  "homeassistant/announce",
  "homeassistant/remove",
] as const;
export type OperationName = (typeof operationNames)[number];
