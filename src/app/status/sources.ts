import { systemClock } from "../../base/clock.ts";
import type { Dispose } from "../../base/events.ts";
import type { Config } from "../../config/schema.ts";
import type { Ban } from "../../firewall/types.ts";
import type { CallLog } from "../../status/call-log.ts";
import type { StatusSources } from "../../status/port.ts";
import type {
  CallEvent,
  CallsStatus,
  CredentialsStatus,
  GatewayStatus,
  GuardEvent,
  GuardStatus,
  InputStatus,
  LineStatusPayload,
  NatStatus,
  SystemStatus,
  TrunkStatus,
} from "../../status/schema.ts";
import type { BrokerState, Part, RaisedAlert, StatusParts } from "../../status/types.ts";
import type { Gateway } from "../gateway.ts";
import { trunkOf } from "../status-server.ts";
import { alertsOf, type Concerns } from "./alerts.ts";
import { banStatus, GuardHistory, unguarded } from "./guard-part.ts";
import { dialPart, natPart, TrunkHistory, unknownNat } from "./parts.ts";

/** What of the gateway is looked at. */
export interface SourceGateway
  extends Pick<Gateway, "ready" | "fault" | "configFault" | "alerts" | "lines" | "calls" | "onReady"> {
  readonly nat: Pick<NonNullable<Gateway["nat"]>, "view"> | null;
  readonly asterisk: Pick<Gateway["asterisk"], "on">;
  readonly sip: Pick<Gateway["sip"], "onEvent">;
  readonly trunks: Pick<Gateway["trunks"], "registered">;
  readonly guard: Pick<NonNullable<Gateway["guard"]>, "on" | "view"> | null;
}

/** What of the status does not come from the gateway's lines, calls and guard. */
export interface OtherSources {
  readonly site: string;
  readonly version: string;
  running(): GatewayStatus["system"];
  system(): Promise<SystemStatus>;
  inputs(): readonly InputStatus[];
  credentials(): CredentialsStatus;
  broker(): BrokerState | null;
  /** Further alerts: of the page, the button, the store. */
  concerns(): Concerns["others"];
}

/** Where what happens is told. */
export interface StatusSink {
  changed(part: Part): void;
  event(topic: string, payload: unknown): void;
}

/** The gateway's rooms as the parts of the status. */
export class GatewaySources implements StatusSources {
  readonly #config: Config;
  readonly #gateway: SourceGateway;
  readonly #others: OtherSources;
  readonly #calls: CallLog;
  readonly #guard = new GuardHistory();
  readonly #trunks = new TrunkHistory();
  readonly #since = new Map<string, { readonly state: string; readonly sinceMs: number }>();
  readonly #startedMs = Date.now();
  #readyMs: number | null = null;
  #system: SystemStatus | null = null;

  constructor(config: Config, gateway: SourceGateway, calls: CallLog, others: OtherSources) {
    this.#config = config;
    this.#gateway = gateway;
    this.#calls = calls;
    this.#others = others;
  }

  /** Tells the sink of everything that happens from now on. */
  follow(sink: StatusSink): Dispose {
    const gateway = this.#gateway;
    const { calls, lines, asterisk, sip, guard } = gateway;
    const each = [...lines.services.values()].flatMap((line) => [
      line.onStatus((state) => {
        this.#since.set(line.name, { state, sinceMs: Date.now() });
        sink.changed("lines");
      }),
      line.onEvent((event) => {
        if (event.type === "digit") this.#digit(sink, line.name, event.digit, null, event.health);
        else if (event.type === "digit-error") this.#digit(sink, line.name, null, event.reason, null);
      }),
    ]);
    const state = () => {
      sink.changed("gateway");
      sink.changed("alerts");
    };
    const told = (type: GuardEvent["type"], ban: Ban | null) => {
      const event: GuardEvent = { type, atMs: Date.now(), ban: ban === null ? null : banStatus(ban) };
      sink.event("guard/event", event);
      sink.changed("guard");
    };
    const disposers = [
      ...each,
      calls.onReport((report) => {
        // A call is placed at its last digit, which the line has yet to tell us of.
        this.#know();
        const event: CallEvent | null = this.#calls.report(report, Date.now());
        if (event !== null) sink.event("calls/event", event);
        for (const part of ["calls", "lines", "trunks"] as const) sink.changed(part);
      }),
      calls.onBlocked(() => sink.changed("lines")),
      gateway.onReady(state),
      asterisk.on("up", state),
      asterisk.on("down", state),
      asterisk.on("drift", state),
      sip.onEvent((event) => {
        if (event.type === "up" || event.type === "down") state();
      }),
      ...(guard === null
        ? []
        : [
            guard.on("banned", (ban) => {
              this.#guard.banned(ban);
              told("banned", ban);
            }),
            guard.on("released", (ban) => told("released", ban)),
            guard.on("trial", (how) => told(how, null)),
            guard.on("change", () => sink.changed("guard")),
          ]),
    ];
    return () => {
      for (const dispose of disposers) dispose();
    };
  }

  async read<P extends Part>(part: P): Promise<StatusParts[P]> {
    return (await this.#parts[part]()) as StatusParts[P];
  }

  readonly #parts: { readonly [P in Part]: () => StatusParts[P] | Promise<StatusParts[P]> } = {
    gateway: () => this.#gatewayPart(),
    lines: () => this.#linesPart(),
    calls: () => this.#callsPart(),
    trunks: () => this.#trunksPart(),
    guard: () => this.#guardPart(),
    nat: () => this.#natPart(),
    system: async () => {
      this.#system = await this.#others.system();
      return this.#system;
    },
    inputs: () => this.#others.inputs(),
    alerts: () => this.#alertsPart(),
    credentials: () => this.#others.credentials(),
  };

  #gatewayPart(): GatewayStatus {
    const { ready, fault, alerts } = this.#gateway;
    if (!ready) this.#readyMs = null;
    else this.#readyMs ??= Date.now();
    const wrong = alerts.length > 0 || this.#alertsPart().some(({ severity }) => severity === "error");
    const state = ready ? (wrong ? "degraded" : "ready") : fault === null ? "starting" : "faulty";
    return {
      site: this.#others.site,
      name: this.#config.site.name,
      version: this.#others.version,
      system: this.#others.running(),
      state,
      fault: fault?.slice(0, 1_000) ?? null,
      simulated: this.#config.lines.some((line) => line.interface === "sim"),
      startedMs: this.#startedMs,
      readyMs: this.#readyMs,
    };
  }

  #linesPart(): readonly LineStatusPayload[] {
    const { calls, lines } = this.#gateway;
    this.#know();
    const onLine = new Map(calls.calls.flatMap((call) => (call.line === null ? [] : [[call.line, call] as const])));
    return this.#config.lines.map(({ name, type, group }) => {
      const line = lines.services.get(name);
      const call = onLine.get(name);
      const state = line?.status ?? "starting";
      const digits = call === undefined ? "" : call.direction === "from-pax" ? call.digits : call.keyed;
      return {
        line: name,
        type,
        group,
        state,
        sinceMs: this.#since.get(name)?.sinceMs ?? this.#startedMs,
        blocked: calls.blocked.has(name),
        call: call?.id ?? null,
        digits: digits.slice(0, 64),
        dial: dialPart(line?.health),
        callsToday: this.#calls.callsToday(name),
      };
    });
  }

  /** What became of the calls since their last report: a call may have gone to another line. */
  #know(): void {
    for (const call of this.#gateway.calls.calls) {
      const { id, line } = call;
      if (call.direction === "from-pax") this.#calls.know({ call: id, line, number: call.digits });
      else this.#calls.know({ call: id, line, number: call.number, via: call.from.name });
    }
  }

  #callsPart(): CallsStatus {
    const { calls } = this.#gateway;
    this.#calls.keepOnly(
      calls.calls.map(({ id }) => id),
      Date.now(),
    );
    this.#know();
    return this.#calls.status();
  }

  #trunksPart(): readonly TrunkStatus[] {
    const { calls, trunks } = this.#gateway;
    return this.#config.trunks.map((trunk) => {
      const busy = calls.calls.filter((call) => call.leg !== null && trunkOf(call) === trunk.name).length;
      return this.#trunks.status(trunk, trunks.registered(trunk.name), busy, Date.now());
    });
  }

  async #guardPart(): Promise<GuardStatus> {
    const { guard } = this.#gateway;
    return guard === null ? unguarded : this.#guard.status(await guard.view(), systemClock.now());
  }

  #natPart(): NatStatus {
    const view = this.#gateway.nat?.view();
    return view === undefined ? unknownNat(this.#config.nat.mode) : natPart(view, Date.now());
  }

  #alertsPart(): readonly RaisedAlert[] {
    const { fault, configFault, alerts } = this.#gateway;
    return alertsOf({
      nowMs: Date.now(),
      fault,
      configFault,
      guard: alerts,
      lines: this.#linesPart().map(({ line, state, dial }) => ({ name: line, status: state, warn: dial.warn })),
      trunks: this.#trunksPart(),
      inputs: this.#others.inputs(),
      system: this.#system,
      broker: this.#others.broker(),
      others: this.#others.concerns(),
    });
  }

  #digit(
    sink: StatusSink,
    line: string,
    digit: number | null,
    reason: string | null,
    health: { readonly ips: number; readonly breakPercent: number } | null,
  ): void {
    const { ips, breakPercent } = dialPart(
      health === null ? undefined : { ...health, digits: 0, errors: 0, falseBreaks: 0, warn: false },
    );
    sink.event(`lines/${line}/digit`, { atMs: Date.now(), digit, reason, ips, breakPercent });
    sink.changed("lines");
    sink.changed("calls");
  }
}
