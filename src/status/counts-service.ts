import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import { type Service, within } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { StatusCounts } from "./counts.ts";
import { DayCounts } from "./day-counts.ts";
import type { CountStore } from "./port.ts";
import type { RaisedAlert } from "./types.ts";

/** How long counts that changed wait before they are written: a power cut costs so much of them, the card lives. */
export const WRITE_EVERY_MS = 300_000;
/** The wall clock shows an earlier time before it is set: 2020-01-01T00:00Z. */
const SET_AFTER_MS = 1_577_836_800_000;
/** Two of these fit into the time that a service has to stop, ms. */
const STORE_LIMIT_MS = 1_400;

/** Keeps the counts over restarts. A store that fails costs counts, never calls: it is an alert. */
export class CountsService implements Service {
  readonly name = "counts";
  readonly #store: CountStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #counts: DayCounts;
  readonly #alertsChanged: () => void;
  readonly #alerts = new Map<string, RaisedAlert>();
  #timer: Dispose | null = null;
  #unwritten = false;
  #writing: Promise<void> = Promise.resolve();
  #running = false;
  readonly counts: StatusCounts;

  constructor(options: {
    readonly store: CountStore;
    readonly clock: Clock;
    readonly wallClock: () => number;
    readonly log: Log;
    readonly alertsChanged: () => void;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#alertsChanged = options.alertsChanged;
    this.#counts = new DayCounts(
      () => localDay(options.wallClock()),
      () => this.#changed(),
    );
    this.counts = new StatusCounts(this.#counts);
  }

  get alerts(): readonly RaisedAlert[] {
    return [...this.#alerts.values()];
  }

  /** What is counted before it resolves is added to what was kept. */
  async start(): Promise<void> {
    this.#running = true;
    // A slow card must not hold up the start: what it gives later is added later.
    await within(STORE_LIMIT_MS, this.#load(), "the counts were not read").catch((error: unknown) => {
      this.#log.warn("the counts are not there yet", { error: describeError(error) });
    });
    if (this.#unwritten) this.#arm();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#timer?.();
    this.#timer = null;
    await this.#writing;
    if (this.#unwritten) await this.#write();
  }

  async #load(): Promise<void> {
    try {
      const kept = await this.#store.read();
      if (kept !== null && !this.#counts.restore(kept)) this.#alert("lost", "what was kept is damaged");
    } catch (error) {
      this.#alert("lost", describeError(error));
    }
  }

  #changed(): void {
    this.#unwritten = true;
    if (this.#running) this.#arm();
  }

  #arm(): void {
    this.#timer ??= this.#clock.at(this.#clock.now() + WRITE_EVERY_MS, () => {
      this.#timer = null;
      this.#writing = this.#write();
    });
  }

  async #write(): Promise<void> {
    this.#unwritten = false;
    try {
      await within(STORE_LIMIT_MS, this.#store.write(this.#counts.kept()), "the counts were not written");
      if (this.#alerts.delete("kept")) this.#alertsChanged();
    } catch (error) {
      this.#alert("kept", describeError(error));
      this.#changed();
    }
  }

  #alert(what: "lost" | "kept", why: string): void {
    const words = what === "lost" ? "the counts begin anew" : "the counts cannot be kept";
    const text = `${words}: ${why}`;
    if (this.#alerts.get(what)?.text === text) return;
    this.#log.warn(words, { error: why });
    this.#alerts.set(what, { alert: `counts-${what}`, severity: "warning", source: "status", text });
    this.#alertsChanged();
  }
}

/** The local day of a Unix time; null: the clock is not set. */
export function localDay(wallMs: number): string | null {
  if (wallMs < SET_AFTER_MS) return null;
  const date = new Date(wallMs);
  const two = (figure: number) => String(figure).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
