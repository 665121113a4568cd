import type { Duplex } from "node:stream";
import type { Dispose } from "../base/events.ts";
import type { BrokerState, HistoryView, OperationName, SiteMessage } from "../status/types.ts";

/** What the web server needs from outside; `app/` joins it. */

/** The status of this site and of all others on the broker. */
export interface Feed {
  /** Our own site's identifier. */
  readonly site: string;
  /** Everything that is retained, ours first. */
  snapshot(): readonly SiteMessage[];
  onMessage(listener: (message: SiteMessage) => void): Dispose;
  broker(): BrokerState;
  onBroker(listener: (state: BrokerState) => void): Dispose;
  history(): HistoryView;
}

/** The dashboard's password. */
export interface Passwords {
  /** Compares in constant time. */
  verify(password: string): boolean;
  /** The password was made anew: every session ends. */
  onChanged(listener: () => void): Dispose;
}

/** One thing that was issued, as it is shown in the window. */
export interface IssuedCredential {
  readonly kind: "sip" | "dashboard" | "broker";
  /** Name of the account, or of the thing. */
  readonly name: string;
  readonly username: string;
  readonly secret: string;
  /** What a softphone's QR code says; null where there is none. */
  readonly uri: string | null;
}

/** New credentials, for whoever stands beside the gateway. */
export interface Handout {
  /** Until when the window is open, Unix ms; null: closed. */
  openUntilMs(): number | null;
  /**
   * Gives them out to the first who asks in a window, and again to the same claim; null to anybody else, and when the
   * window is closed. `claim`: a secret that the server gave this browser. `address`: where it is, for the record.
   */
  collect(claim: string, address: string): readonly IssuedCredential[] | null;
  /** Who has collected in this window; null: nobody. */
  collectedBy(): string | null;
}

/** A session over a restart. Nothing in it opens anything. */
export interface KeptSession {
  /** SHA-256 of its token, base64. */
  readonly hash: string;
  /** When this was written, Unix ms, by a clock that may have been wrong. */
  readonly atMs: number;
  /** How long it was to last from then on, ms. */
  readonly leftMs: number;
}

/** Where sessions are kept, so that nobody has to log in again after a loss of power. */
export interface SessionStore {
  /** Empty for what is no good, or was kept under another password. At most 100. */
  load(): Promise<readonly KeptSession[]>;
  save(sessions: readonly KeptSession[]): Promise<void>;
}

export interface WebOperations {
  perform(name: OperationName, params: unknown, by: string): Promise<unknown>;
}

export interface WebPorts {
  readonly feed: Feed;
  readonly passwords: Passwords;
  readonly handout: Handout;
  readonly operations: WebOperations;
  /** Missing where sessions end with the process. */
  readonly sessions?: SessionStore;
  /** Text of Prometheus' exposition format. */
  metrics(): string;
  /** Whether this address may speak to the server at all, beside the firewall. */
  admits(address: string): boolean;
  /** Takes an MQTT connection that came by WebSocket; missing where the gateway has no broker of its own. */
  readonly broker?: (stream: Duplex, address: string) => void;
}
