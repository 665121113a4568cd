/** What the store needs from outside: a place that outlives a restart, and new credentials. */

/** A file of state (an adapter of lowdb). */
export interface StateFile {
  /** What was last written, or null when nothing ever was. Rejects with `state-lost` when it cannot be had any more. */
  read(): Promise<unknown>;
  /** What was written before that, for one that turns out to be no state of ours; null when there is none. */
  readPrevious(): Promise<unknown>;
  /** Resolves once the data would survive a loss of power. */
  write(data: unknown): Promise<void>;
  /** Puts what is there beside it, for examination, so that the next write cannot overwrite it. */
  setAside(): Promise<void>;
}

export interface Credentials {
  readonly username: string;
  readonly secret: string;
}

/** Makes credentials (`credentials/generate.ts`, joined by `app/`). */
export interface CredentialSource {
  account(name: string): Credentials;
  secret(): string;
}

/** What people should know of the stored state although the gateway runs. */
export interface StateAlert {
  /**
   * `previous`: the file held no state of ours, the generation before it is used. `begun-anew`: nothing could be read;
   * everything has new credentials, the damaged files are kept. `not-kept`: the state in use is in memory only, what
   * is on disk is left as it is. `not-migrated`: it could be read but not written in its new form yet.
   */
  readonly type: "previous" | "begun-anew" | "not-kept" | "not-migrated";
  /** Why, in words; no secret. */
  readonly reason: string;
}
