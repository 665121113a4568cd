import type { Dispose } from "../base/events.ts";
import type { AuditRecord, Issued, LedPattern, ResetRecord } from "./types.ts";

/** What the credentials room needs from outside. */

/** The button's contact, debounced or not (`drivers/onoff-contact.ts`, `drivers/sim-contact.ts`). */
export interface ContactPort {
  /** Rejects with a `GatewayError` when it is not there. */
  open(): Promise<void>;
  close(): Promise<void>;
  /** Whether it is pressed now. */
  active(): Promise<boolean>;
  onChange(listener: (active: boolean) => void): Dispose;
  onLost(listener: (error: Error) => void): Dispose;
}

/** The status LED. */
export interface LedPort {
  show(pattern: LedPattern): Promise<void>;
}

/** The stored state (`store/repository.ts`). Every change is on disk once its promise resolves, or has not happened. */
export interface IssuedStore {
  readonly issued: Issued;
  readonly reset: ResetRecord;
  /** New credentials for everything, and `pending` set, in one write. */
  resetIssued(atMs: number): Promise<void>;
  /** Clears `pending`: the last thing of a reset. */
  completeReset(): Promise<void>;
  /** Keeps an entry of the audit record (a reset is entered by `resetIssued` itself). */
  record(entry: AuditRecord): Promise<void>;
}

/** Somebody who has to take up new credentials: Asterisk, the page's sessions, the broker's connections. */
export interface Taker {
  readonly name: string;
  /** Puts them in force and ends what the old ones opened. Idempotent; rejects when it could not. */
  take(issued: Issued): Promise<void>;
}

/** The file's first line, by which it is known as ours before it is overwritten or deleted. */
export const FILE_MARK = "paxgate credentials";

/** The file on the boot partition that holds new credentials while the window is open. */
export interface HandoutFile {
  /** Mode 0600 where the file system knows modes; durable. */
  write(text: string): Promise<void>;
  /** Its contents are overwritten and it is gone; no error when there was none. */
  remove(): Promise<void>;
}

/** Makes the gateway forget everything (`drivers/factory-reset.ts`). */
export interface FactoryPort {
  /** Resolves once it is certain, power or not, that the next start forgets everything. */
  mark(): Promise<void>;
}
