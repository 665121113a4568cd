import { Low } from "lowdb";
import type { CredentialSource, Credentials, StateFile } from "./port.ts";
import { readState, STATE_VERSION, type State } from "./schema.ts";

/**
 * The stored state in use. Invariants: nothing is handed out before it is safely on disk, so that a telephone never
 * has a password which the gateway has forgotten after a loss of power; changes happen one after the other.
 */
export class Repository {
  /** What is being written; `#state` follows once it is on disk. */
  readonly #db: Low<unknown>;
  readonly #source: CredentialSource;
  #state: State | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(file: StateFile, source: CredentialSource) {
    this.#db = new Low<unknown>(file, null);
    this.#source = source;
  }

  /** Reads the state, or makes and stores a first one. Rejects with `state-lost`, `state-invalid` or `state-newer`. */
  async open(): Promise<void> {
    await this.#db.read();
    const stored = this.#db.data;
    const state = stored === null ? this.#firstState() : readState(stored, () => this.#source.secret());
    // A state of an earlier version is kept in its new form at once: it may hold secrets that were made just now.
    if ((stored as { version?: unknown } | null)?.version !== STATE_VERSION) await this.#store(state);
    this.#state = state;
  }

  /** Secrets between the gateway and its Asterisk. */
  get asterisk(): State["asterisk"] {
    return this.#opened.asterisk;
  }

  /** An account's credentials, if it has any. */
  account(name: string): Credentials | undefined {
    const { accounts } = this.#opened;
    return Object.hasOwn(accounts, name) ? accounts[name] : undefined;
  }

  /**
   * Gives credentials to accounts that have none and resolves to those of all that are named. Accounts that are no
   * longer named keep theirs: a slip in the configuration must not lock every telephone out.
   */
  async ensureAccounts(names: readonly string[]): Promise<ReadonlyMap<string, Credentials>> {
    await this.#change((state) => {
      const missing = names.filter((name) => !Object.hasOwn(state.accounts, name));
      if (missing.length === 0) return state;
      const added = Object.fromEntries(missing.map((name) => [name, this.#source.account(name)]));
      return { ...state, accounts: { ...state.accounts, ...added } };
    });
    return new Map(
      names.flatMap((name) => {
        const credentials = this.account(name);
        return credentials === undefined ? [] : [[name, credentials] as const];
      }),
    );
  }

  /** Gives an account new credentials; the old ones are gone once this resolves. */
  async renewAccount(name: string): Promise<Credentials> {
    const credentials = this.#source.account(name);
    await this.#change((state) => ({ ...state, accounts: { ...state.accounts, [name]: credentials } }));
    return credentials;
  }

  /** Forgets an account's credentials. */
  async forgetAccount(name: string): Promise<void> {
    await this.#change((state) => {
      if (!Object.hasOwn(state.accounts, name)) return state;
      const { [name]: _forgotten, ...accounts } = state.accounts;
      return { ...state, accounts };
    });
  }

  async #change(make: (state: State) => State): Promise<void> {
    const change = this.#last.then(async () => {
      const before = this.#opened;
      const after = make(before);
      if (after === before) return;
      await this.#store(after);
      this.#state = after;
    });
    // A failed change is the caller's to hear of; those that wait behind it are made all the same.
    this.#last = change.catch(() => undefined);
    await change;
  }

  async #store(state: State): Promise<void> {
    this.#db.data = state;
    await this.#db.write();
  }

  get #opened(): State {
    if (this.#state === undefined) throw new Error("the repository is not open");
    return this.#state;
  }

  #firstState(): State {
    const secret = () => this.#source.secret();
    const asterisk = { ariSecret: secret(), amiSecret: secret(), eventsSecret: secret() };
    return { version: STATE_VERSION, accounts: {}, asterisk };
  }
}
