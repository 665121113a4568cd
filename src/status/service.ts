import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { type AlertsState, alertsOf, noAlerts, stepAlerts } from "./alerts.ts";
import type { StatusCounts } from "./counts.ts";
import { CountsService, localDay } from "./counts-service.ts";
import { History } from "./history.ts";
import { changesOf, type Retained, type ToldPart, topicsOf } from "./model.ts";
import type { CountStore, StatusSources } from "./port.ts";
import type { DigitEvent, GatewayStatus } from "./schema.ts";
import { specOf } from "./topics.ts";
import type { HistoryView, Message, Part, RaisedAlert, StatusParts } from "./types.ts";

/** How often each part is read though nobody says that it changed, ms. */
const EVERY_MS: { readonly [P in Part]: number } = {
  gateway: 5_000,
  lines: 10_000,
  calls: 10_000,
  trunks: 5_000,
  guard: 5_000,
  nat: 30_000,
  system: 10_000,
  inputs: 30_000,
  alerts: 5_000,
  credentials: 10_000,
};
const parts = Object.keys(EVERY_MS) as readonly Part[];
const TICK_MS = 5_000;
/** A source that has not answered for so long is an alert, ms. */
const SLOW_MS = 20_000;
/** Parts whose reading costs something: they wait for further changes, ms. */
const GATHER_MS: { readonly [P in Part]?: number } = { guard: 50, nat: 50, system: 50, trunks: 5 };
/** Events in a second; more are dropped: nobody reads them, and a broker on a slow link chokes on them. */
const MOST_EVENTS = 200;

export interface StatusOptions {
  readonly site: string;
  readonly sources: StatusSources;
  readonly counts: CountStore;
  readonly clock: Clock;
  /** Unix time, ms. */
  readonly wallClock: () => number;
  readonly log: Log;
}

interface Reading {
  /** Since when it is being read, monotonic; null: it is not. */
  sinceMs: number | null;
  again: boolean;
  waiting: boolean;
  dueMs: number;
  /** Why it could not be read or told; null: it could. */
  fault: string | null;
  retained: Retained;
}

/**
 * What the gateway is, as messages. It asks for a part when that may have changed, and now and then; it tells what
 * differs from what it told before. Whatever a source does, the others are served.
 */
export class StatusService implements Service {
  readonly name = "status";
  readonly site: string;
  readonly #options: StatusOptions;
  readonly #keeper: CountsService;
  readonly #history = new History();
  readonly #emitter = new TypedEmitter<{ message: [message: Message] }>();
  readonly #readings = new Map<Part, Reading>();
  readonly #snapshot = new Map<string, Message>();
  readonly #timers = new Set<Dispose>();
  #raised: readonly RaisedAlert[] = [];
  #alerts: AlertsState = noAlerts;
  #gateway: GatewayStatus | null = null;
  #day: string | null = null;
  #events = { second: 0, count: 0 };
  #running = false;

  constructor(options: StatusOptions) {
    this.site = options.site;
    this.#options = options;
    const { clock, wallClock, log } = options;
    const alertsChanged = () => this.changed("alerts");
    this.#keeper = new CountsService({ store: options.counts, clock, wallClock, log, alertsChanged });
    for (const part of parts) {
      const fresh = { sinceMs: null, again: false, waiting: false, dueMs: 0, fault: null, retained: new Map() };
      this.#readings.set(part, fresh);
    }
  }

  /** Counts of today and for ever: for the inputs, and for `CallLog`. */
  get counts(): StatusCounts {
    return this.#keeper.counts;
  }

  /** Resolves when the counts are there; the parts come as their sources give them. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#keeper.start();
    signal.throwIfAborted();
    this.#running = true;
    this.#tick();
  }

  async stop(): Promise<void> {
    if (this.#running && this.#gateway !== null)
      this.#tell({ part: "gateway", value: { ...this.#gateway, state: "stopping" } });
    this.#running = false;
    for (const dispose of this.#timers) dispose();
    this.#timers.clear();
    await this.#keeper.stop();
  }

  /** The part may be another one now. Cheap: it is read once for many calls. */
  changed(part: Part): void {
    const reading = this.#of(part);
    if (!this.#running || reading.waiting) return;
    reading.waiting = true;
    const gatherMs = GATHER_MS[part];
    if (gatherMs === undefined) setImmediate(() => this.#read(part));
    else this.#after(gatherMs, () => this.#read(part));
  }

  /** Something happened, which is told once and not kept. What has no topic, or not its form, is dropped and logged. */
  event(topic: string, payload: unknown): void {
    if (!this.#running) return;
    const fault = this.#faultOf("event", topic, payload);
    if (fault !== null) return this.#options.log.error("an event cannot be told", { topic, error: fault });
    const line = /^lines\/([^/]+)\/digit$/.exec(topic)?.[1];
    if (line !== undefined) this.#history.digit(line, payload as DigitEvent);
    const second = Math.floor(this.#options.clock.now() / 1_000);
    if (second !== this.#events.second) this.#events = { second, count: 0 };
    this.#events.count += 1;
    if (this.#events.count <= MOST_EVENTS) this.#emitter.emit("message", { topic, payload, retain: false });
    else if (this.#events.count === MOST_EVENTS + 1) this.#options.log.warn("too many events; some are not told");
  }

  /** Everything that is retained. */
  snapshot(): readonly Message[] {
    return [...this.#snapshot.values()];
  }

  onMessage(listener: (message: Message) => void): Dispose {
    return this.#emitter.on("message", listener);
  }

  history(): HistoryView {
    return this.#history.view(this.#options.clock.now(), this.#options.wallClock());
  }

  #tick(): void {
    const now = this.#options.clock.now();
    for (const part of parts) {
      const reading = this.#of(part);
      if (reading.sinceMs !== null && now - reading.sinceMs > SLOW_MS) this.#fault(part, "no answer");
      if (now >= reading.dueMs) this.changed(part);
    }
    const day = localDay(this.#options.wallClock());
    if (day !== this.#day) {
      // Today's counts begin anew.
      this.#day = day;
      for (const part of ["lines", "calls", "inputs"] as const) this.changed(part);
    }
    this.#after(TICK_MS, () => this.#tick());
  }

  async #read(part: Part): Promise<void> {
    const reading = this.#of(part);
    reading.waiting = false;
    if (!this.#running) return;
    // A part is read once at a time: an earlier answer must not come after a later one.
    reading.again = reading.sinceMs !== null;
    if (reading.again) return;
    const now = this.#options.clock.now();
    reading.sinceMs = now;
    reading.dueMs = now + EVERY_MS[part];
    try {
      const value = await this.#options.sources.read(part);
      if (this.#running) this.#take(part, value);
    } catch (error) {
      this.#fault(part, describeError(error));
      if (part === "alerts" && this.#running) this.#tellAlerts();
    } finally {
      reading.sinceMs = null;
      if (reading.again) this.changed(part);
    }
  }

  #take<P extends Part>(part: P, value: StatusParts[P]): void {
    const told = { part, value } as { [Q in Part]: { part: Q; value: StatusParts[Q] } }[Part];
    this.#remember(told);
    if (told.part === "alerts") {
      this.#raised = told.value;
      this.#fault("alerts", null);
      this.#tellAlerts();
    } else {
      this.#tell(told);
    }
  }

  #remember(read: { [Q in Part]: { part: Q; value: StatusParts[Q] } }[Part]): void {
    const now = this.#options.clock.now();
    if (read.part === "gateway") this.#gateway = read.value;
    if (read.part === "guard") this.#history.sample(now, { dropped: read.value.droppedPerMinute });
    if (read.part === "calls") this.#history.sample(now, { calls: read.value.active.length });
    if (read.part !== "system") return;
    const { cpuPercent, temperatureC, memoryAvailableMb } = read.value;
    this.#history.sample(now, { cpuPercent, temperatureC, memoryAvailableMb });
  }

  #tellAlerts(): void {
    const own = [...this.#readings].flatMap(([part, { fault }]): RaisedAlert[] => {
      const text = `the ${part} part of the status is not up to date: ${fault}`;
      return fault === null ? [] : [{ alert: `status-${part}`, severity: "warning", source: "status", text }];
    });
    const moment = { nowMs: this.#options.clock.now(), wallMs: this.#options.wallClock() };
    this.#alerts = stepAlerts(this.#alerts, [...this.#raised, ...own, ...this.#keeper.alerts], moment);
    this.#tell({ part: "alerts", value: alertsOf(this.#alerts) });
  }

  /** Tells what differs. A payload that has not its form is not told: what was told before stays. */
  #tell(told: ToldPart): void {
    const reading = this.#of(told.part);
    const { retained, changes } = changesOf(reading.retained, topicsOf(told));
    const next = new Map(retained);
    let bad: string | null = null;
    let news = 0;
    for (const [topic, payload] of changes) {
      const fault = payload === null ? null : this.#faultOf("state", topic, payload);
      if (fault !== null) {
        bad ??= `${topic}: ${fault}`;
        const before = reading.retained.get(topic);
        if (before === undefined) next.delete(topic);
        else next.set(topic, before);
        continue;
      }
      news += 1;
      const message = { topic, payload, retain: true };
      if (payload === null) this.#snapshot.delete(topic);
      else this.#snapshot.set(topic, message);
      this.#emitter.emit("message", message);
    }
    reading.retained = next;
    if (told.part === "alerts") return;
    this.#fault(told.part, bad);
    if (news > 0) this.changed("alerts");
  }

  #fault(part: Part, fault: string | null): void {
    const reading = this.#of(part);
    if (reading.fault === fault) return;
    reading.fault = fault;
    if (fault !== null) this.#options.log.warn("a part of the status is not up to date", { part, error: fault });
    if (part !== "alerts") this.changed("alerts");
  }

  /** Why it may not be told as such; null: it may. */
  #faultOf(kind: "state" | "event", topic: string, payload: unknown): string | null {
    const spec = specOf(topic);
    if (spec?.kind !== kind) return `there is no such ${kind}`;
    const parsed = spec.schema.safeParse(payload);
    // The values are left out: the fault may be that a secret stands where none has a place.
    return parsed.success ? null : parsed.error.issues.map(({ code, path }) => `${path.join(".")} ${code}`).join(", ");
  }

  #after(ms: number, fire: () => void): void {
    const { clock } = this.#options;
    const dispose = clock.at(clock.now() + ms, () => {
      this.#timers.delete(dispose);
      fire();
    });
    this.#timers.add(dispose);
  }

  #of(part: Part): Reading {
    const reading = this.#readings.get(part);
    if (reading === undefined) throw new Error(`no reading of ${part}`);
    return reading;
  }
}
