import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { RegisteredPeersPort, SecurityEventPort } from "./port.ts";

export interface RegisteredOptions {
  readonly peers: RegisteredPeersPort;
  readonly events: SecurityEventPort;
  readonly clock: Clock;
}

const POLL_MS = 10_000;
/** After a good login: at once, and again when Asterisk has surely stored it. Logins come in bursts after a power cut. */
const SOON_MS = 100;

/** Addresses of registered phones, kept up to date: asked for every 10 s, and after each good login. */
export class RegisteredService implements Service {
  readonly name = "registered phones";
  readonly #options: RegisteredOptions;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<{ changed: [addresses: ReadonlySet<string>] }>();
  readonly #disposers: Dispose[] = [];
  #addresses: ReadonlySet<string> = new Set();
  #asking: Promise<void> | undefined;
  #timer: { atMs: number; dispose: Dispose } | undefined;
  #running = false;
  #unknown = false;

  constructor(options: RegisteredOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  /** As last known; when Asterisk cannot be asked, what it said before. */
  get addresses(): ReadonlySet<string> {
    return this.#addresses;
  }

  /** Asterisk could not be asked the last time. */
  get unknown(): boolean {
    return this.#unknown;
  }

  onChanged(listener: (addresses: ReadonlySet<string>) => void): Dispose {
    return this.#emitter.on("changed", listener);
  }

  /** Returns at once: Asterisk may not be there yet. */
  async start(): Promise<void> {
    this.#running = true;
    this.#disposers.push(
      this.#options.events.onEvent((event) => {
        if (event.type !== "SuccessfulAuth" || event.service !== "SIP") return;
        this.#ask();
        this.#arm(SOON_MS);
      }),
    );
    this.#ask();
  }

  async stop(): Promise<void> {
    this.#running = false;
    for (const dispose of this.#disposers.splice(0)) dispose();
    this.#timer?.dispose();
    this.#timer = undefined;
    await this.#asking;
  }

  #ask(): void {
    if (this.#asking !== undefined || !this.#running) return;
    this.#asking = this.#askOnce()
      .catch((error: unknown) => {
        this.#unknown = true;
        this.#log.debug("registered phones are not known", { error: describeError(error) });
      })
      .then(() => {
        this.#asking = undefined;
        this.#arm(POLL_MS);
      });
  }

  async #askOnce(): Promise<void> {
    const addresses = new Set((await this.#options.peers.registered()).values());
    this.#unknown = false;
    const before = this.#addresses;
    if (addresses.size === before.size && [...addresses].every((each) => before.has(each))) return;
    this.#addresses = addresses;
    this.#emitter.emit("changed", addresses);
  }

  /** Arms the next question, or brings it forward. */
  #arm(afterMs: number): void {
    if (!this.#running) return;
    const { clock } = this.#options;
    const atMs = clock.now() + afterMs;
    if (this.#timer !== undefined && this.#timer.atMs <= atMs) return;
    this.#timer?.dispose();
    const dispose = clock.at(atMs, () => {
      this.#timer = undefined;
      this.#ask();
    });
    this.#timer = { atMs, dispose };
  }
}
