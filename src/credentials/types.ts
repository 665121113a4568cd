/** What the gateway issues. Credentials that the event issued to us are the configuration's and never come here. */

export interface Credentials {
  readonly username: string;
  readonly secret: string;
}

/** Everything that was issued. Never logged, never part of an error, a topic or a process's arguments. */
export interface Issued {
  /** SIP accounts, by name. */
  readonly accounts: ReadonlyMap<string, Credentials>;
  /** Password of the page. */
  readonly dashboard: string;
  /** Users of the gateway's own broker: `viewer` reads the status, `operator` may send requests too. */
  readonly broker: { readonly viewer: Credentials; readonly operator: Credentials };
}

/** How a reset stands in the stored state. */
export interface ResetRecord {
  /** New credentials are stored, and not everybody has taken them up yet: it is done again at the next start. */
  readonly pending: boolean;
  /** When they were last made anew by the button, Unix ms; null: never. */
  readonly lastMs: number | null;
  readonly count: number;
}

/** What a press of the button means. */
export type ButtonMeaning = "identify" | "reset" | "factory-reset" | "cancelled" | "stuck";

/** What the status LED shows. `armed-…`: letting go now does that. */
export type LedPattern = "off" | "on" | "identify" | "pressed" | "armed-reset" | "armed-factory" | "busy" | "fault";

/** For the status; no secret. */
export interface HandoutView {
  readonly windowUntilMs: number | null;
  readonly collectedBy: string | null;
  readonly lastResetMs: number | null;
  readonly resetPending: boolean;
}

/** Something that was done with credentials; no secret. */
export interface AuditRecord {
  readonly type: "reset" | "collected";
  /** Unix ms. */
  readonly atMs: number;
  /** Where the page was that collected them. */
  readonly address: string | null;
}
