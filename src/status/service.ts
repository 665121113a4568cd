import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { type AlertsState, alertsOf, noAlerts, stepAlerts } from "./alerts.ts";
import type { StatusCounts } from "./counts.ts";
import { CountsService, localDay } from "./counts-service.ts";
import { History } from "./history.ts";
import { changesOf, faultOf, lineOfDigit, noneRetained, type Retained, type ToldPart, topicsOf } from "./model.ts";
import type { CountStore, StatusSources } from "./port.ts";
import { PartReader, type ReadPart } from "./reader-service.ts";
import type { DigitEvent, GatewayStatus } from "./schema.ts";
import type { HistoryView, Message, Part, RaisedAlert } from "./types.ts";

/** Events in a second; more are dropped: nobody reads them, and a broker on a slow link chokes on them. */
export const MOST_EVENTS = 200;

export interface StatusOptions {
  readonly site: string;
  readonly sources: StatusSources;
  readonly counts: CountStore;
  readonly clock: Clock;
  /** Unix time, ms. */
  readonly wallClock: () => number;
  readonly log: Log;
}

/**
 * What the gateway is, as messages: what differs from what was told before. Whatever a source or a listener does, the
 * others are served; what is wrong with a source is an alert.
 */
export class StatusService implements Service {
  readonly name = "status";
  readonly site: string;
  readonly #clock: Clock;
  readonly #wallClock: () => number;
  readonly #log: Log;
  readonly #reader: PartReader;
  readonly #keeper: CountsService;
  readonly #history = new History();
  readonly #listeners = new Set<{ readonly listener: (message: Message) => void }>();
  readonly #retained = new Map<Part, Retained>();
  readonly #snapshot = new Map<string, Message>();
  /** Why a part could not be read or told. */
  readonly #faults = new Map<Part, string>();
  #raised: readonly RaisedAlert[] = [];
  #alerts: AlertsState = noAlerts;
  #gateway: GatewayStatus | null = null;
  #day: string | null = null;
  #events = { second: 0, count: 0 };
  #running = false;

  constructor({ site, sources, counts, clock, wallClock, log }: StatusOptions) {
    this.site = site;
    this.#clock = clock;
    this.#wallClock = wallClock;
    this.#log = log;
    this.#reader = new PartReader({
      sources,
      clock,
      take: (read) => this.#take(read),
      failed: (part, why) => this.#failed(part, why),
      tick: () => this.#lookAtDay(),
    });
    const alertsChanged = () => this.changed("alerts");
    this.#keeper = new CountsService({ store: counts, clock, wallClock, log, alertsChanged });
  }

  /** Counts of today and for ever: for the inputs, and for `CallLog`. */
  get counts(): StatusCounts {
    return this.#keeper.counts;
  }

  /** Resolves when the counts are there, or cannot be had; the parts come as their sources give them. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#keeper.start();
    signal.throwIfAborted();
    this.#running = true;
    this.#reader.start();
  }

  async stop(): Promise<void> {
    this.#reader.stop();
    if (this.#running && this.#gateway !== null) {
      this.#tell({ part: "gateway", value: { ...this.#gateway, state: "stopping" } });
    }
    this.#running = false;
    await this.#keeper.stop();
  }

  /** The part may be another one now. Cheap: it is read once for many calls. */
  changed(part: Part): void {
    this.#reader.changed(part);
  }

  /** Something happened, which is told once and not kept. What has no topic, or not its form, is dropped and logged. */
  event(topic: string, payload: unknown): void {
    if (!this.#running) return;
    const fault = faultOf("event", topic, payload);
    if (fault !== null) return this.#log.error("an event cannot be told", { topic, error: fault });
    const line = lineOfDigit(topic);
    if (line !== null) this.#history.digit(line, payload as DigitEvent);
    const second = Math.floor(this.#clock.now() / 1_000);
    if (second !== this.#events.second) this.#events = { second, count: 0 };
    this.#events.count += 1;
    if (this.#events.count <= MOST_EVENTS) this.#emit({ topic, payload, retain: false });
    else if (this.#events.count === MOST_EVENTS + 1) this.#log.warn("too many events; some are not told");
  }

  /** Everything that is retained. */
  snapshot(): readonly Message[] {
    return [...this.#snapshot.values()];
  }

  onMessage(listener: (message: Message) => void): Dispose {
    const entry = { listener };
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  history(): HistoryView {
    return this.#history.view(this.#clock.now(), this.#wallClock());
  }

  /** On another day today's counts are others. */
  #lookAtDay(): void {
    const day = localDay(this.#wallClock());
    if (day === this.#day) return;
    this.#day = day;
    for (const part of ["lines", "calls", "inputs"] as const) this.changed(part);
  }

  #take(read: ReadPart): void {
    this.#remember(read);
    if (read.part !== "alerts") return this.#tell(read);
    this.#raised = read.value;
    this.#faults.delete("alerts");
    this.#tellAlerts();
  }

  #remember(read: ReadPart): void {
    const now = this.#clock.now();
    if (read.part === "gateway") this.#gateway = read.value;
    if (read.part === "guard") this.#history.sample(now, { dropped: read.value.droppedPerMinute });
    if (read.part === "calls") this.#history.sample(now, { calls: read.value.active.length });
    if (read.part === "system") this.#history.sample(now, read.value);
  }

  #failed(part: Part, why: string): void {
    if (this.#faults.get(part) === why) return;
    this.#faults.set(part, why);
    this.#log.warn("a part of the status is not up to date", { part, error: why });
    // When they themselves cannot be read, those that were raised last go on.
    if (part === "alerts") this.#tellAlerts();
    else this.changed("alerts");
  }

  #tellAlerts(): void {
    const own = [...this.#faults].map(([part, why]): RaisedAlert => {
      const text = `part of the status is not up to date: ${part}: ${why}`;
      return { alert: `status-${part}`, severity: "warning", source: "status", text };
    });
    const moment = { nowMs: this.#clock.now(), wallMs: this.#wallClock() };
    this.#alerts = stepAlerts(this.#alerts, [...this.#raised, ...own, ...this.#keeper.alerts], moment);
    this.#tell({ part: "alerts", value: alertsOf(this.#alerts) });
  }

  /** Tells what differs. A payload that has not its form is not told: what was told before stays. */
  #tell(told: ToldPart): void {
    const { part } = told;
    const { retained, changes, fault } = changesOf(this.#retained.get(part) ?? noneRetained, topicsOf(told));
    this.#retained.set(part, retained);
    for (const [topic, payload] of changes) {
      const message = { topic, payload, retain: true };
      if (payload === null) this.#snapshot.delete(topic);
      else this.#snapshot.set(topic, message);
      this.#emit(message);
    }
    if (part === "alerts") {
      if (fault !== null) this.#log.error("an alert cannot be told", { error: fault });
      // Whether the gateway is degraded follows from the alerts, and they from everything else.
      if (changes.length > 0) this.changed("gateway");
      return;
    }
    const recovered = fault === null && this.#faults.delete(part);
    if (fault !== null) this.#failed(part, fault);
    if (changes.length > 0 || recovered) this.changed("alerts");
  }

  #emit(message: Message): void {
    for (const { listener } of this.#listeners) {
      try {
        listener(message);
      } catch (error) {
        // Who listens badly must not keep the message from the others.
        this.#log.error("a message was not taken", { topic: message.topic, error: describeError(error) });
      }
    }
  }
}
