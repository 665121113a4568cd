import { systemClock } from "../base/clock.ts";
import { describeError, GatewayError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import { type Service, ServiceGroup } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { compileNumberPlan } from "../calls/number-plan.ts";
import { CallService } from "../calls/service.ts";
import { AmiConnection } from "../drivers/ami.ts";
import { AriConnection } from "../drivers/ari.ts";
import { AsteriskCalls } from "../drivers/asterisk-calls.ts";
import { AsteriskFiles } from "../drivers/asterisk-files.ts";
import { InstanceLock } from "../drivers/instance-lock.ts";
import type { GuardService } from "../firewall/service.ts";
import { resolveProfile } from "../line/profiles.ts";
import { LineService } from "../line/service.ts";
import { APPLICATION, LEASE_S, placeOf } from "../sip/model.ts";
import { AsteriskService } from "../sip/service.ts";
import { TrunkWatch } from "../sip/trunk-watch.ts";
import { asteriskProcess, watchedFiles } from "./asterisk-parts.ts";
import { type Guard, makeGuard, removeOldRules } from "./guard.ts";
import { linePort } from "./line-ports.ts";
import { LineWatch } from "./line-progress.ts";
import { Lines } from "./lines.ts";
import { makeNat, type Nat } from "./nat.ts";
import { OwnNames } from "./own-names.ts";
import type { Prepared } from "./prepare.ts";
import type { Progress, Watched } from "./progress.ts";
import { type FrontView, StatusServer } from "./status-server.ts";
import { untilDone } from "./until-done.ts";

/** The firewall or Asterisk is tried, or Asterisk checked, at least this often, ms: the longest takes two minutes. */
const KEEPING_LIMIT_MS = 240_000;

/** How the gateway is run. */
export interface GatewayOptions {
  /** Asterisk is a unit of the service manager's, whose processes this file lists; null: it is our child. */
  readonly asteriskUnit?: string | null;
  /** Told of what goes on. */
  readonly progress?: Progress;
}

/** The whole gateway: lines, calls, Asterisk. It decides nothing; it joins the rooms. */
export class Gateway implements Service {
  readonly name = "gateway";
  /** Two gateways would fight over the lines and over one Asterisk. */
  readonly #lock: InstanceLock;
  readonly #services: ServiceGroup;
  readonly #asterisk: ServiceGroup;
  readonly #guard: Guard | null;
  readonly #makeNat: () => Promise<Nat>;
  readonly #ownNames: OwnNames;
  #guardFault: string | null = null;
  #natFault: string | null = null;
  readonly #ari: AriConnection;
  readonly #subscriptions: Dispose[] = [];
  readonly #log: Log;
  readonly #life = new AbortController();
  #keeping: Promise<void> | undefined;
  readonly #progress: Progress | null;
  readonly #lineWatch: LineWatch;
  #watch: Watched | null = null;
  /** What is wrong with the configuration as it stands, when another one is in use; for whoever looks. */
  configFault: string | null = null;
  /** How the page and the broker stand. */
  front: () => FrontView = () => ({ page: null, broker: null });
  readonly lines: Lines;
  readonly calls: CallService;
  readonly asterisk: AsteriskService;
  readonly sip: AsteriskCalls;
  readonly trunks: TrunkWatch;
  /** Port forwarding or routing; null before the start. */
  nat: Nat | null = null;

  constructor(
    prepared: Prepared,
    user: { readonly uid: number; readonly gid: number } | null,
    log: Log,
    options: GatewayOptions = {},
  ) {
    const { config } = prepared.loaded;
    const { model } = prepared;
    const plan = compileNumberPlan(config);
    if (!plan.ok) throw new GatewayError("config-invalid", plan.error.map((fault) => fault.message).join("\n"));
    const profile = resolveProfile(config.pax.profile, config.pax.overrides);
    const { asteriskUnit: unit = null, progress = null } = options;
    this.#progress = progress;
    this.#lineWatch = new LineWatch(progress, systemClock);

    this.lines = new Lines(
      config.lines.map((line) => {
        const lineLog = log.child("line");
        const port = this.#lineWatch.over(linePort(line, config.paths.runtime, lineLog));
        const { type, gainToPaxDb, gainFromPaxDb } = line;
        return new LineService({ type, profile, port, gainToPaxDb, gainFromPaxDb, clock: systemClock, log: lineLog });
      }),
    );

    const sipLog = log.child("sip");
    const { directories } = model;
    const process = asteriskProcess(prepared, { unit, user }, () => this.#ownNames.files, sipLog);
    const holder = (port: number) => process.holderOf(port);
    const ami = new AmiConnection({ ...model.manager, holder }, sipLog);
    const files = watchedFiles(new AsteriskFiles(directories, user), () => this.#watch);
    this.asterisk = new AsteriskService(model, { commands: ami, process, files }, sipLog);
    const lookAgain = async () => {
      if (this.asterisk.up) await ami.command("dnsmgr refresh");
    };
    this.#ownNames = new OwnNames(config.paths.runtime, unit !== null, lookAgain, sipLog);
    this.#guard = makeGuard(prepared, user, this.asterisk, { commands: ami, holder }, log.child("firewall"));
    this.#makeNat = () => {
      const moved = (place: Parameters<AsteriskService["setExternal"]>[0]) => {
        void this.asterisk.setExternal(place).catch((error: unknown) => {
          sipLog.error("the external address did not come into force", { error: describeError(error) });
        });
      };
      return makeNat(config, this.guard, moved, log.child("nat"));
    };
    this.trunks = new TrunkWatch(model, ami, this.asterisk, systemClock, sipLog);
    const { http } = model;
    const ari = new AriConnection(
      { port: http.port, username: http.username, password: http.secret, application: APPLICATION, holder },
      sipLog,
    );
    this.sip = new AsteriskCalls(
      ari,
      {
        placeOf,
        leaseS: LEASE_S,
        renewLease: (channel, seconds) => ami.endAfter(channel, seconds),
        attachMedia: (line, media) => this.lines.attachMedia(line, media),
      },
      sipLog,
    );
    this.calls = new CallService(
      this.lines,
      this.sip,
      systemClock,
      {
        plan: plan.value,
        lines: config.lines,
        trunks: config.trunks,
        accounts: config.accounts,
        limits: config.limits,
        glareRetryMs: profile.glareRetryMs,
        noAnswerMs: profile.noAnswerMs,
        intrudeOnBusy: profile.intrudeOnBusy,
      },
      log.child("calls"),
    );
    const status = new StatusServer(config, this);
    this.#lock = new InstanceLock([config.paths.runtime, config.paths.state]);
    // Calls listen before anything can happen.
    this.#services = new ServiceGroup(
      "gateway",
      [status, this.calls, this.sip, this.trunks, this.lines],
      log.child("app"),
    );
    this.#ari = ari;
    const calls: Service = { name: "ari", start: async () => undefined, stop: () => ari.stop() };
    this.#asterisk = new ServiceGroup("asterisk", [this.asterisk, calls], log.child("app"));
    this.#log = log.child("app");
  }

  /** The guard; null where the configuration wants no firewall. */
  get guard(): GuardService | null {
    return this.#guard?.service ?? null;
  }

  /** Lines whose interface cannot be used; known only where progress is watched. */
  get lineFaults(): LineWatch["faults"] {
    return this.#lineWatch.faults;
  }

  /** Calls can be made in both directions. */
  get ready(): boolean {
    return this.asterisk.up && this.sip.up;
  }

  /** Called whenever calls can be made (again); at once if they can be. */
  onReady(listener: () => void): Dispose {
    const look = () => {
      if (this.ready) listener();
    };
    look();
    const disposers = [
      this.asterisk.on("up", look),
      this.sip.onEvent((event) => {
        if (event.type === "up") look();
      }),
    ];
    return () => {
      for (const dispose of disposers) dispose();
    };
  }

  /** What keeps the gateway from calls; null when nothing does. */
  get fault(): string | null {
    const unreached = this.asterisk.up && !this.#ari.up ? this.#ari.fault : null;
    return this.#guardFault ?? this.asterisk.fault ?? unreached ?? this.configFault;
  }

  /** What people should know of the firewall and of port forwarding, though calls go on; in words. */
  get alerts(): readonly string[] {
    const firewall = this.#guard === null ? [] : [...this.#guard.service.faults, ...this.#guard.damage];
    const told = this.#guardFault;
    const port = this.#natFault === null ? (this.nat?.view().faults ?? []) : [this.#natFault];
    return [...firewall.filter((text) => told?.includes(text) !== true), ...port];
  }

  /**
   * Resolves when the lines are served. Asterisk comes up behind: without it callers hear congestion.
   * @throws GatewayError `already-running`: another gateway uses the same directories
   */
  async start(signal: AbortSignal): Promise<void> {
    await this.#lock.start();
    this.#subscriptions.push(
      // An Asterisk takes calls only once its profile is known to be in force.
      this.asterisk.on("up", () => {
        this.guard?.serve(true);
        void this.#ari.start();
      }),
      // When it is the manager's connection alone that is lost, the calls go on.
      this.asterisk.on("down", () => {
        this.guard?.serve(false);
        this.#ari.pause();
      }),
    );
    await this.#services.start(signal);
    this.#watch = this.#progress?.watch("the firewall and Asterisk", KEEPING_LIMIT_MS) ?? null;
    this.#keeping = this.#keep(AbortSignal.any([signal, this.#life.signal]));
  }

  /** `next`: another gateway takes over at once, so that the firewall stays as it is. */
  async stop(next: "none" | "follows" = "none"): Promise<void> {
    this.#life.abort();
    // The lines first: whatever Asterisk is doing, none may be left held.
    await this.#services.stop();
    this.#lineWatch.end();
    this.#watch?.end();
    await this.#keeping;
    await this.#asterisk.stop();
    await this.nat?.stop().catch((error: unknown) => this.#complain("ending port forwarding", error));
    this.#ownNames.stop();
    await this.#stopGuard(next);
    for (const dispose of this.#subscriptions.splice(0)) dispose();
    await this.#lock.stop();
  }

  /** Nothing listens to the network before the firewall is in force. */
  async #keep(life: AbortSignal): Promise<void> {
    await this.#untilDone("the firewall", life, () => this.#startGuard(life));
    // Calls within the network need no router.
    const forwarding = this.#untilDone("port forwarding", life, () => this.#startNat(life));
    await this.#ownNames.start(this.guard);
    await this.#untilDone("Asterisk", life, () => this.#asterisk.start(life));
    await forwarding;
  }

  #untilDone(what: string, life: AbortSignal, start: () => Promise<void>): Promise<void> {
    return untilDone(what, life, start, () => this.#watch?.beat(), this.#log);
  }

  async #startGuard(life: AbortSignal): Promise<void> {
    if (this.#guard === null) return removeOldRules(this.#log);
    const { service, events } = this.#guard;
    try {
      await service.start(life);
      await events.start(life);
      this.#guardFault = null;
    } catch (error) {
      this.#guardFault = `the firewall is not in force: ${describeError(error)}`;
      throw error;
    }
  }

  async #startNat(life: AbortSignal): Promise<void> {
    try {
      this.nat ??= await this.#makeNat();
      await this.nat.start(life);
      this.#natFault = null;
    } catch (error) {
      this.#natFault = `port forwarding does not come up: ${describeError(error)}`;
      throw error;
    }
  }

  async #stopGuard(next: "none" | "follows"): Promise<void> {
    if (this.#guard === null) return;
    const { service, events } = this.#guard;
    await events.stop();
    const stopped = next === "follows" ? service.handOver() : service.stop();
    await stopped.catch((error: unknown) => this.#complain("closing the firewall", error));
  }

  #complain(what: string, error: unknown): void {
    this.#log.error(`${what} failed`, { error: describeError(error) });
  }
}
