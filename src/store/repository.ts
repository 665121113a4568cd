import { Low } from "lowdb";
import { describeError, GatewayError } from "../base/errors.ts";
import type { CredentialSource, Credentials, StateAlert, StateFile } from "./port.ts";
import { AUDIT_LIMIT, firstState, newPageAndBroker, readState, STATE_VERSION, type State } from "./schema.ts";

/**
 * The stored state in use. Invariants:
 * - nothing is handed out before it is safely on disk, so that a telephone never has a password which the gateway has
 *   forgotten after a loss of power;
 * - changes happen one after the other, each to what is on disk then: another process, or the gateway that runs until
 *   a changed configuration is taken up, may have changed it since;
 * - no file, whatever is in it, keeps the gateway from starting.
 */
export class Repository {
  /** What is being written; `#state` follows once it is on disk. */
  readonly #db: Low<unknown>;
  readonly #file: StateFile;
  readonly #source: CredentialSource;
  readonly #alert: (alert: StateAlert) => void;
  #state: State | undefined;
  /** Nothing is written: what is on disk is a later gateway's, or cannot be read. */
  #volatile = false;
  /** Accounts of the configuration; null: nobody has said. */
  #wanted: readonly string[] | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(file: StateFile, source: CredentialSource, alert: (alert: StateAlert) => void = () => undefined) {
    this.#db = new Low<unknown>(file, null);
    this.#file = file;
    this.#source = source;
    this.#alert = alert;
  }

  /**
   * Reads the state, or makes and stores a first one. It never rejects for what is on the disk, for an appliance that
   * does not start helps nobody: what cannot be used is put aside and begun anew, what must not be overwritten is left
   * and the gateway runs on a state in memory; both are told.
   */
  async open(): Promise<void> {
    let stored: unknown;
    try {
      stored = await this.#read();
    } catch (error) {
      return this.#openWithout(error);
    }
    const known = stored === null ? null : this.#parse(stored);
    if (known instanceof GatewayError) return this.#openPrevious(known);
    const state = known ?? firstState(this.#source);
    // A state of an earlier version is kept in its new form at once: it may hold secrets that were made just now.
    if ((stored as { version?: unknown } | null)?.version !== STATE_VERSION) await this.#storeIfPossible(state);
    this.#state = state;
  }

  /** Secrets between the gateway and its Asterisk. */
  get asterisk(): State["asterisk"] {
    return this.#opened.asterisk;
  }

  /** Everything that was issued; of the accounts those that `ensureAccounts` last named. */
  get issued(): {
    readonly accounts: ReadonlyMap<string, Credentials>;
    readonly dashboard: string;
    readonly broker: { readonly viewer: Credentials; readonly operator: Credentials };
  } {
    const { accounts, dashboard, broker } = this.#opened;
    return { accounts: this.#named(this.#wanted ?? Object.keys(accounts)), dashboard, broker };
  }

  /** How the last reset by the button stands. */
  get reset(): State["reset"] {
    return this.#opened.reset;
  }

  /** Who did what with credentials, the oldest first. */
  get audit(): State["audit"] {
    return this.#opened.audit;
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
    this.#wanted = [...names];
    await this.#change((state) => {
      const missing = names.filter((name) => !Object.hasOwn(state.accounts, name));
      if (missing.length === 0) return state;
      return { ...state, accounts: { ...state.accounts, ...this.#newAccounts(missing) } };
    });
    return this.#named(names);
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

  /**
   * New credentials for everything that was ever issued, and `pending` set, in one write: all of it or nothing. The
   * secrets between gateway and Asterisk stay, for nobody was ever given them.
   */
  async resetIssued(atMs: number): Promise<void> {
    await this.#change((state) => ({
      ...state,
      accounts: this.#newAccounts(Object.keys(state.accounts)),
      ...newPageAndBroker(this.#source),
      reset: { pending: true, lastMs: atMs, count: state.reset.count + 1 },
      audit: [...state.audit, { type: "reset" as const, atMs, address: null }].slice(-AUDIT_LIMIT),
    }));
  }

  /** Everybody has taken up the new credentials. */
  async completeReset(): Promise<void> {
    await this.#change((state) =>
      state.reset.pending ? { ...state, reset: { ...state.reset, pending: false } } : state,
    );
  }

  /** Keeps an entry of the audit record. */
  async record(entry: State["audit"][number]): Promise<void> {
    await this.#change((state) => ({ ...state, audit: [...state.audit, entry].slice(-AUDIT_LIMIT) }));
  }

  async #read(): Promise<unknown> {
    await this.#db.read();
    return this.#db.data;
  }

  #parse(stored: unknown): State | GatewayError {
    try {
      return readState(stored, this.#source);
    } catch (error) {
      if (error instanceof GatewayError) return error;
      throw error;
    }
  }

  async #openPrevious(fault: GatewayError): Promise<void> {
    if (fault.code === "state-newer") return this.#openWithout(fault);
    const previous = await this.#file.readPrevious().catch(() => null);
    const state = previous === null ? fault : this.#parse(previous);
    if (state instanceof GatewayError) return this.#openWithout(fault);
    await this.#replaceDamaged(state, { type: "previous", reason: fault.message });
  }

  /** Nothing on disk is of use. */
  async #openWithout(fault: unknown): Promise<void> {
    const code = fault instanceof GatewayError ? fault.code : "unreadable";
    const state = firstState(this.#source);
    if (code === "state-lost" || code === "state-invalid") {
      return this.#replaceDamaged(state, { type: "begun-anew", reason: describeError(fault) });
    }
    this.#keepInMemory(state, fault);
  }

  async #replaceDamaged(state: State, alert: StateAlert): Promise<void> {
    try {
      await this.#file.setAside();
      await this.#store(state);
    } catch (error) {
      return this.#keepInMemory(state, error);
    }
    this.#state = state;
    this.#alert(alert);
  }

  #keepInMemory(state: State, fault: unknown): void {
    this.#volatile = true;
    this.#state = state;
    this.#alert({ type: "not-kept", reason: describeError(fault) });
  }

  async #storeIfPossible(state: State): Promise<void> {
    await this.#store(state).catch((error: unknown) => {
      this.#alert({ type: "not-migrated", reason: describeError(error) });
    });
  }

  async #change(make: (state: State) => State): Promise<void> {
    const change = this.#last.then(async () => {
      const before = await this.#latest();
      const after = make(before);
      if (after !== before) await this.#store(after);
      this.#state = after;
    });
    // A failed change is the caller's to hear of; those that wait behind it are made all the same.
    this.#last = change.catch(() => undefined);
    await change;
  }

  /** What is on disk now, if it is of use; otherwise what was last known. */
  async #latest(): Promise<State> {
    const known = this.#opened;
    if (this.#volatile) return known;
    const stored = await this.#read().catch(() => null);
    const state = stored === null ? known : this.#parse(stored);
    if (state instanceof GatewayError) {
      if (state.code === "state-newer") throw state;
      return known;
    }
    // A first state that could not be written, or an earlier version's: what is in memory goes further.
    if ((stored as { version?: unknown } | null)?.version !== STATE_VERSION) return known;
    // A change that alters nothing has nothing to write: then it must be the same object.
    return JSON.stringify(state) === JSON.stringify(known) ? known : state;
  }

  async #store(state: State): Promise<void> {
    if (this.#volatile) return;
    this.#db.data = state;
    await this.#db.write();
  }

  #newAccounts(names: readonly string[]): State["accounts"] {
    return Object.fromEntries(names.map((name) => [name, this.#source.account(name)]));
  }

  #named(names: readonly string[]): ReadonlyMap<string, Credentials> {
    return new Map(
      names.flatMap((name) => {
        const credentials = this.account(name);
        return credentials === undefined ? [] : [[name, credentials] as const];
      }),
    );
  }

  get #opened(): State {
    if (this.#state === undefined) throw new Error("the repository is not open");
    return this.#state;
  }
}
