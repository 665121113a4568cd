import type { Clock } from "../base/clock.ts";
import type { BlockListSettings } from "./block-list-service.ts";
import type {
  FetchPort,
  GatewaysPort,
  ListFilePort,
  NamesPort,
  NftPort,
  OperatorsPort,
  RegisteredPeersPort,
  ScannerPort,
  SecurityEventPort,
  StatePort,
} from "./port.ts";
import type { Ban, FirewallPolicy } from "./types.ts";

/** What the guard is made of and what it tells. */

export interface GuardOptions {
  /** As configured. */
  readonly policy: FirewallPolicy;
  /** How long a change is on trial, s; 0: none is. */
  readonly confirmSeconds: number;
  readonly blockLists: BlockListSettings;
  /** Names that Asterisk needs besides the policy's: it asks no name server itself. */
  readonly moreNames: readonly string[];
  /** Users besides root that may connect to `policy.localPorts`. */
  readonly localUids: readonly number[];
}

export interface GuardPorts {
  readonly nft: NftPort;
  readonly scanner: ScannerPort;
  readonly events: SecurityEventPort;
  readonly peers: RegisteredPeersPort;
  /** Whether Asterisk runs as it should: only then anything can be expected of it. */
  readonly asterisk: { readonly up: boolean };
  readonly names: NamesPort;
  readonly fetch: FetchPort;
  readonly files: ListFilePort;
  readonly operators: OperatorsPort;
  readonly gateways: GatewaysPort;
  readonly state: Readonly<Record<"bans" | "lists" | "names" | "trial", StatePort>>;
  readonly clock: Clock;
  /** Unix time, ms. */
  readonly unixMs: () => number;
}

export interface GuardEvents {
  banned: [ban: Ban];
  /** By command, or since its time is over, since it is trusted now, or for want of room. */
  released: [ban: Ban];
  /** A change of the rules that was on trial counts for good, or was taken back. */
  trial: [how: "confirmed" | "reverted"];
  /** A DNS name of the configuration has other addresses. */
  names: [];
  /** Rules or the content of sets were put in force. */
  applied: [];
  /** Something of the view has changed that people should see soon. */
  change: [];
}
