/** What the store needs from outside: a place that outlives a restart, and new credentials. */

/** A file of state (an adapter of lowdb). */
export interface StateFile {
  /** What was last written, or null when nothing ever was. Rejects with `state-lost` when it cannot be had any more. */
  read(): Promise<unknown>;
  /** Resolves once the data would survive a loss of power. */
  write(data: unknown): Promise<void>;
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
