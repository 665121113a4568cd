import { type Clock, systemClock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { InputConfig } from "../config/schema.ts";
import { type ContactInput, type ContactState, retryAfterMs, stepContact, unknownContact } from "./inputs.ts";
import type { ContactPort, InputCounts } from "./port.ts";
import type { InputStatus } from "./schema.ts";

export interface InputsOptions {
  /** The configured inputs, at most 16, each with its contact. */
  readonly inputs: readonly { readonly config: InputConfig; readonly contact: ContactPort }[];
  readonly counts: InputCounts;
  readonly log: Log;
  readonly clock?: Clock;
  /** Unix time, ms. */
  readonly wallMs?: () => number;
}

interface InputEvents {
  /** An input stands otherwise, or can be read (not) any more. */
  changed: [input: string];
}

interface Entry {
  readonly config: InputConfig;
  readonly contact: ContactPort;
  state: ContactState;
  sinceMs: number;
  failures: number;
  /** The debounce's timer, or that of the next attempt to open. */
  timer: Dispose;
  disposers: readonly Dispose[];
}

/** Keeps the monitored inputs open, debounces them and has their operations counted. Never fails: a lost input is. */
export class InputsService implements Service {
  readonly name = "inputs";
  readonly #entries: readonly Entry[];
  readonly #counts: InputCounts;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #wallMs: () => number;
  readonly #emitter = new TypedEmitter<InputEvents>();
  #running = false;

  constructor({ inputs, counts, log, clock = systemClock, wallMs = Date.now }: InputsOptions) {
    this.#counts = counts;
    this.#log = log;
    this.#clock = clock;
    this.#wallMs = wallMs;
    const sinceMs = wallMs();
    const rest = { state: unknownContact, sinceMs, failures: 0, timer: () => undefined, disposers: [] };
    this.#entries = inputs.map((input) => ({ ...input, ...rest }));
  }

  /** Resolves once every contact has been tried; those that are not there are tried again later. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#running = true;
    for (const entry of this.#entries) {
      entry.disposers = [
        entry.contact.onChange((active) => this.#take(entry, { type: "level", active })),
        entry.contact.onLost((error) => this.#lost(entry, error)),
      ];
    }
    await Promise.all(this.#entries.map((entry) => this.#open(entry)));
  }

  async stop(): Promise<void> {
    this.#running = false;
    for (const entry of this.#entries) {
      entry.timer();
      for (const dispose of entry.disposers) dispose();
      entry.disposers = [];
    }
    await Promise.all(this.#entries.map((entry) => entry.contact.close().catch(() => undefined)));
  }

  onChange(listener: (input: string) => void): Dispose {
    return this.#emitter.on("changed", listener);
  }

  /** In the configuration's order. */
  read(): InputStatus[] {
    return this.#entries.map(({ config: { name, label, alarm }, state, sinceMs }) => ({
      input: name,
      label,
      active: state.active,
      sinceMs,
      alarm,
      operationsToday: this.#counts.today(name),
      operations: this.#counts.ever(name),
    }));
  }

  /** Inputs that can't be read, with why: each is an alert. */
  faults(): { readonly input: string; readonly label: string; readonly fault: string; readonly sinceMs: number }[] {
    return this.#entries.flatMap(({ config, state: { fault }, sinceMs }) =>
      fault === null ? [] : [{ input: config.name, label: config.label, fault, sinceMs }],
    );
  }

  async #open(entry: Entry): Promise<void> {
    try {
      await entry.contact.open();
      const active = await entry.contact.active();
      if (!this.#running) return await entry.contact.close();
      if (entry.failures > 0) this.#log.info("a monitored input can be read again", { input: entry.config.name });
      entry.failures = 0;
      this.#take(entry, { type: "opened", active });
    } catch (error) {
      this.#lost(entry, error);
    }
  }

  #lost(entry: Entry, error: unknown): void {
    if (!this.#running) return;
    const fault = describeError(error);
    const { name: input } = entry.config;
    if (entry.state.fault !== fault) this.#log.warn("a monitored input cannot be read", { input, error: fault });
    entry.failures++;
    this.#take(entry, { type: "lost", fault });
    entry.timer();
    entry.timer = this.#clock.at(this.#clock.now() + retryAfterMs(entry.failures), () => void this.#open(entry));
  }

  #take(entry: Entry, input: ContactInput): void {
    const { debounceMs, name } = entry.config;
    const { state, effects } = stepContact(entry.state, input, this.#clock.now(), debounceMs);
    const before = entry.state.candidate;
    entry.state = state;
    if (state.candidate !== before) this.#arm(entry);
    for (const effect of effects) {
      if (effect.type === "operated") this.#counts.operated(name);
      else entry.sinceMs = this.#wallMs();
    }
    // Told last, so that whoever reads then sees the operation counted.
    if (effects.length > 0) this.#emitter.emit("changed", name);
  }

  #arm(entry: Entry): void {
    entry.timer();
    const { candidate } = entry.state;
    entry.timer =
      candidate === null ? () => undefined : this.#clock.at(candidate.dueMs, () => this.#take(entry, { type: "due" }));
  }
}
