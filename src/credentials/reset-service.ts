import { isIP } from "node:net";
import { assertNever } from "../base/assert-never.ts";
import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { KeptFile } from "./file-service.ts";
import { type HandedOut, handedOut, handoutText, type SipAddress } from "./handout.ts";
import type { FactoryPort, HandoutFile, IssuedStore, Taker } from "./port.ts";
import { Taking } from "./take-service.ts";
import type { ButtonMeaning, HandoutView, LedPattern } from "./types.ts";
import { HandoutWindow } from "./window.ts";

/** How long the LED says where the gateway is, ms. */
const IDENTIFY_MS = 10_000;

export interface ResetPorts {
  readonly store: IssuedStore;
  readonly takers: readonly Taker[];
  /** Null: none is configured. */
  readonly file: HandoutFile | null;
  readonly factory: FactoryPort;
  readonly clock: Clock;
  /** Unix time, ms. */
  readonly wallMs: () => number;
  /** Where telephones reach us now. */
  readonly sip: () => SipAddress;
  /** The LED, while the button does not need it. */
  readonly indicate: (pattern: LedPattern) => void;
  /** The gateway is to start again in place: everything is forgotten on the way. */
  readonly restart: () => void;
}

export interface ResetEvents {
  /** What `view` or `alerts` say has changed. */
  change: [];
  button: [meaning: ButtonMeaning, atMs: number];
}

/** What people should know of, for as long as it stands. */
export interface ResetAlert {
  readonly alert: "credentials-window" | "credentials-collected" | "credentials-pending" | "credentials-failed";
  readonly severity: "warning" | "error";
  readonly text: string;
}

/** Does what the button means, and hands new credentials out; README.md of this room has the order of things. */
export class ResetService implements Service {
  readonly name = "credentials";
  readonly #ports: ResetPorts;
  readonly #windowMinutes: number;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<ResetEvents>();
  readonly #window: HandoutWindow;
  readonly #taking: Taking;
  readonly #file: KeptFile | null;
  #life = new AbortController();
  /** Presses take turns; what a reset began goes on behind them. */
  #turn: Promise<void> = Promise.resolve();
  #taken: Promise<void> = Promise.resolve();
  #failure: string | null = null;
  #identifying: Dispose | null = null;

  constructor(ports: ResetPorts, windowMinutes: number, log: Log) {
    const { clock, file, store, takers } = ports;
    this.#ports = ports;
    this.#windowMinutes = windowMinutes;
    this.#log = log;
    this.#window = new HandoutWindow(clock, () => void this.#ended());
    this.#taking = new Taking(store, takers, clock, log);
    this.#file = file === null ? null : new KeptFile(file, clock, log, () => this.#changed());
  }

  on<K extends keyof ResetEvents>(event: K, listener: (...args: ResetEvents[K]) => void): Dispose {
    return this.#emitter.on(event, listener);
  }

  /** A file that a loss of power left is removed, and a reset that one cut short is done again. Never rejects. */
  async start(_signal: AbortSignal): Promise<void> {
    this.#life = new AbortController();
    await this.#file?.remove();
    if (!this.#ports.store.reset.pending) return;
    this.#log.warn("a reset of credentials was cut short: it is done again");
    this.#begin();
  }

  async stop(): Promise<void> {
    this.#life.abort();
    this.#identifying?.();
    this.#identifying = null;
    await this.#turn;
    this.#window.close();
    await this.#file?.stop();
    await this.#taken;
  }

  /** What the button means is done; never rejects. Resolves when a reset is stored and its window is open. */
  press(meaning: ButtonMeaning): Promise<void> {
    this.#emitter.emit("button", meaning, this.#ports.wallMs());
    switch (meaning) {
      case "identify":
        this.#identify();
        return Promise.resolve();
      case "reset":
        return this.#next("the reset of credentials", () => this.#reset());
      case "factory-reset":
        return this.#next("the factory reset", () => this.#factoryReset());
      case "cancelled":
      case "stuck":
        return Promise.resolve();
      default:
        return assertNever(meaning);
    }
  }

  /** Resolves when everybody has taken what the resets so far made, or at the stop. */
  async settled(): Promise<void> {
    await this.#turn;
    await this.#taken;
  }

  view(): HandoutView {
    const { lastMs, pending } = this.#ports.store.reset;
    return {
      windowUntilMs: this.openUntilMs(),
      collectedBy: this.#window.collectedBy,
      lastResetMs: lastMs,
      resetPending: pending,
    };
  }

  alerts(): readonly ResetAlert[] {
    const by = this.#window.collectedBy;
    const { behind } = this.#taking;
    const alert = (name: ResetAlert["alert"], severity: ResetAlert["severity"], text: string) => [
      { alert: name, severity, text },
    ];
    const failures = [this.#failure, this.#file?.fault ?? null].filter((text) => text !== null);
    return [
      ...(this.#window.isOpen
        ? alert("credentials-window", "warning", "new credentials can be collected by whoever is first")
        : []),
      ...(by === null ? [] : alert("credentials-collected", "warning", `new credentials were collected by ${by}`)),
      ...(behind.length === 0
        ? []
        : alert("credentials-pending", "error", `old credentials may still be good: ${behind.join(", ")}`)),
      ...(failures.length === 0 ? [] : alert("credentials-failed", "error", failures.join("; "))),
    ];
  }

  /** Until when the window is open, Unix ms; null: closed. */
  openUntilMs(): number | null {
    return this.#window.untilMs(this.#ports.wallMs());
  }

  collectedBy(): string | null {
    return this.#window.collectedBy;
  }

  /** Gives them to the first who asks in a window, and to the same claim again; null to anybody else. */
  collect(claim: string, address: string): readonly HandedOut[] | null {
    const where = isIP(address) === 0 ? "an unknown address" : address;
    const outcome = this.#window.collect(claim, where);
    if (outcome === "refused") return null;
    if (outcome === "claimed") this.#collected(where);
    return handedOut(this.#ports.store.issued, this.#ports.sip());
  }

  #collected(address: string): void {
    this.#log.warn("new credentials were collected", { address });
    const record = { type: "collected", atMs: this.#ports.wallMs(), address } as const;
    this.#ports.store.record(record).catch((error: unknown) => {
      this.#log.error("the audit record could not be kept", { error: describeError(error) });
    });
    this.#changed();
  }

  #next(what: string, run: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      if (this.#life.signal.aborted) return;
      this.#ports.indicate("busy");
      try {
        await run();
        this.#failure = null;
      } catch (error) {
        // Nothing has happened: the write is all of it or nothing.
        this.#failure = `${what} has failed, nothing was changed: ${describeError(error)}`;
        this.#log.error(this.#failure);
      }
      this.#changed();
    });
    return this.#turn;
  }

  async #reset(): Promise<void> {
    const { store, wallMs } = this.#ports;
    await store.resetIssued(wallMs());
    this.#log.warn("all issued credentials were made anew, as the button asked for", { count: store.reset.count });
    this.#begin();
  }

  /** What follows once new credentials are stored. */
  #begin(): void {
    const { sip, store } = this.#ports;
    this.#window.open(this.#windowMinutes * 60_000);
    void this.#file?.write(handoutText(handedOut(store.issued, sip()), this.#windowMinutes));
    this.#taken = this.#taking
      .run(this.#life.signal, () => this.#changed())
      .then((complete) => {
        if (!complete) return;
        this.#log.info("the new credentials are in force everywhere");
        this.#changed();
      });
    this.#changed();
  }

  async #factoryReset(): Promise<void> {
    await this.#ports.factory.mark();
    this.#log.warn("factory reset, as the button asked for: everything stored is forgotten");
    this.#window.close();
    await this.#file?.remove();
    this.#ports.restart();
  }

  async #ended(): Promise<void> {
    this.#log.info("the time to collect new credentials is over");
    this.#changed();
    await this.#file?.remove();
  }

  #identify(): void {
    const { clock } = this.#ports;
    this.#identifying?.();
    this.#identifying = clock.at(clock.now() + IDENTIFY_MS, () => {
      this.#identifying = null;
      this.#indicate();
    });
    this.#indicate();
  }

  #indicate(): void {
    const { indicate, store } = this.#ports;
    if (store.reset.pending) indicate("busy");
    else if (this.#failure !== null) indicate("fault");
    else indicate(this.#identifying === null ? "on" : "identify");
  }

  #changed(): void {
    this.#indicate();
    this.#emitter.emit("change");
  }
}
