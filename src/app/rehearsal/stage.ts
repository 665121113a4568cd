import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../base/clock.ts";
import { GatewayError } from "../../base/errors.ts";
import { JsonLinesClient } from "../../base/json-lines.ts";
import { compileNumberPlan, type NumberPlan } from "../../calls/number-plan.ts";
import type { Config } from "../../config/schema.ts";
import { SimClient } from "../../sim/client.ts";
import { EventControlClient } from "../../sim/event-control.ts";
import { EVENT_CONTROL_SOCKET } from "../simulated-event.ts";
import { PAX_CONTROL_SOCKET } from "../simulated-pax.ts";
import { type GatewayView, STATUS_SOCKET } from "../status-server.ts";
import { EventDiary } from "./event-diary.ts";

/** Somebody did or noticed something. `who` is such as "PAX 21" or "event 4123". */
export type Narrate = (who: string, what: string) => void;

/** How often a state is looked at of which nothing tells a change, ms. */
const LOOK_MS = 50;

/** A running gateway between a simulated PAX and a simulated event network, and the hands to work them. */
export class Stage {
  readonly pax: SimClient;
  readonly event: EventControlClient;
  readonly diary: EventDiary;
  readonly plan: NumberPlan;
  readonly config: Config;
  readonly #gateway: JsonLinesClient;

  constructor(config: Config) {
    const { runtime } = config.paths;
    const plan = compileNumberPlan(config);
    if (!plan.ok) throw new GatewayError("config-invalid", plan.error.map((fault) => fault.message).join("\n"));
    this.config = config;
    this.plan = plan.value;
    this.pax = new SimClient(join(runtime, PAX_CONTROL_SOCKET));
    this.event = new EventControlClient(join(runtime, EVENT_CONTROL_SOCKET));
    this.diary = new EventDiary(this.event);
    this.#gateway = new JsonLinesClient(join(runtime, STATUS_SOCKET));
  }

  /** @throws GatewayError `not-running` unless all three run, `not-ready` when the gateway takes no calls yet */
  async open(): Promise<void> {
    try {
      await Promise.all([this.pax.connect(), this.event.connect(), this.#gateway.connect()]);
    } catch (error) {
      this.close();
      throw error;
    }
    const { ready, fault } = await this.gateway();
    if (ready) return;
    this.close();
    throw new GatewayError("not-ready", `the gateway is not ready for calls: ${fault ?? "Asterisk is starting"}`);
  }

  close(): void {
    this.diary.close();
    for (const client of [this.pax, this.event, this.#gateway]) client.close();
  }

  /** The running gateway's own view of itself. */
  async gateway(): Promise<GatewayView> {
    return (await this.#gateway.request("status", null)) as GatewayView;
  }

  /** Waits for something of which nothing tells; false after `withinMs` ms. */
  async until(holds: () => Promise<boolean>, withinMs: number): Promise<boolean> {
    const limit = systemClock.now() + withinMs;
    while (!(await holds())) {
      if (systemClock.now() > limit) return false;
      await delay(LOOK_MS);
    }
    return true;
  }

  /** Every line is at rest and no call is left at either end; false after `withinMs` ms. */
  quiet(withinMs: number): Promise<boolean> {
    return this.until(async () => {
      const [view, eventCalls] = await Promise.all([this.gateway(), this.event.calls()]);
      return view.calls.length === 0 && eventCalls.length === 0 && view.lines.every(({ status }) => status === "idle");
    }, withinMs);
  }
}
