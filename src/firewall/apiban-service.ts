import { assertNever } from "../base/assert-never.ts";
import { describeError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import {
  type ApibanContext,
  type ApibanEffect,
  type ApibanState,
  initialApiban,
  step,
  storedApiban,
} from "./apiban.ts";
import type { ListEntries } from "./block-list.ts";
import type { ListSource, SourceView } from "./list-source-service.ts";
import type { FetchPort } from "./port.ts";
import { WakeTimer } from "./wake-service.ts";

const MAX_BYTES = 256 * 1024;
const TIMEOUT_MS = 20_000;

export interface ApibanSettings {
  readonly key: string;
  readonly url: string;
  readonly refreshMinutes: number;
}

/** What the source tells its owner. */
export interface SourceEvents {
  readonly changed: () => void;
  readonly persist: () => void;
}

type WithoutTime<T> = T extends unknown ? Omit<T, "nowMs" | "jitter"> : never;
type Input = WithoutTime<Parameters<typeof step>[1]>;

/** Performs what the APIBAN machine decides. */
export class ApibanSource implements ListSource {
  readonly name = "apiban";
  readonly origin = "stranger";
  readonly #settings: ApibanSettings;
  readonly #fetch: FetchPort;
  readonly #events: SourceEvents;
  readonly #context: ApibanContext;
  readonly #unixMs: () => number;
  readonly #log: Log;
  readonly #wake: WakeTimer;
  #life = new AbortController();
  #state: ApibanState = initialApiban(null);
  #asking: Promise<void> = Promise.resolve();

  constructor(
    settings: ApibanSettings,
    fetch: FetchPort,
    events: SourceEvents,
    protects: Pick<ApibanContext, "protects4" | "protects6">,
    unixMs: () => number,
    log: Log,
  ) {
    this.#settings = settings;
    this.#fetch = fetch;
    this.#events = events;
    this.#context = { ...protects, refreshMs: settings.refreshMinutes * 60_000 };
    this.#unixMs = unixMs;
    this.#log = log;
    this.#wake = new WakeTimer(unixMs, () => this.#step({ type: "tick" }));
  }

  get entries(): ListEntries {
    const { addresses4, told6 } = this.#state.told;
    return { addresses4, addresses6: [...told6.keys()], networks: [] };
  }

  /** Takes over what was stored, if it is of the same server. */
  restore(stored: unknown): void {
    // A start of the firewall that failed has stopped it.
    if (this.#life.signal.aborted) this.#life = new AbortController();
    const { from, state } = (stored ?? {}) as Readonly<Record<string, unknown>>;
    this.#state = initialApiban(from === this.#settings.url ? state : null);
  }

  stored(): unknown {
    return { from: this.#settings.url, state: storedApiban(this.#state) };
  }

  start(): void {
    this.#step({ type: "tick" });
  }

  async refresh(): Promise<void> {
    this.#step({ type: "refresh" });
    await this.#quiet();
  }

  async stop(): Promise<void> {
    this.#life.abort();
    this.#wake.clear();
    await this.#quiet();
  }

  view(): SourceView {
    const { round, lastAnswerMs, fault } = this.#state;
    return {
      ...round,
      ageS: lastAnswerMs === null ? null : Math.max(0, Math.round((this.#unixMs() - lastAnswerMs) / 1_000)),
      lastError: fault,
    };
  }

  /** Resolves when no request is under way: each page may be followed by another. */
  async #quiet(): Promise<void> {
    let seen: Promise<void> | undefined;
    while (seen !== this.#asking) {
      seen = this.#asking;
      await seen;
    }
  }

  #step(input: Input): void {
    if (this.#life.signal.aborted) return;
    const { state, effects } = step(
      this.#state,
      { ...input, nowMs: this.#unixMs(), jitter: Math.random() },
      this.#context,
    );
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: ApibanEffect): void {
    switch (effect.type) {
      case "ask":
        this.#asking = this.#ask(effect.cursor);
        return;
      case "wake":
        this.#wake.at(effect.atMs);
        return;
      case "changed":
        this.#events.changed();
        return;
      case "persist":
        this.#events.persist();
        return;
      case "round-over":
        this.#log.info("APIBAN has been asked", { ...effect.round });
        return;
      case "fault":
        this.#log.warn("APIBAN gives nothing new now", { fault: effect.fault });
        return;
      default:
        assertNever(effect);
    }
  }

  async #ask(cursor: string): Promise<void> {
    let input: Input;
    try {
      const answer = await this.#fetch.request(
        {
          method: "POST",
          url: `${this.#settings.url.replace(/\/+$/, "")}/api/get`,
          headers: { authorization: `Bearer ${this.#settings.key}`, "content-type": "application/json" },
          body: JSON.stringify({ set: "sip", id: cursor }),
          maxBytes: MAX_BYTES,
          timeoutMs: TIMEOUT_MS,
        },
        this.#life.signal,
      );
      input = { type: "answer", answer };
    } catch (error) {
      input = { type: "failed", why: describeError(error) };
    }
    this.#step(input);
  }
}
