import { describeError, GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { IpNetwork } from "../base/ip.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { BanService } from "./ban-service.ts";
import { BlockListService } from "./block-list-service.ts";
import type { Explanation, GuardControl, GuardView, RefreshOutcome } from "./control.ts";
import { sourceOf } from "./evidence.ts";
import { explain } from "./explain.ts";
import type { GuardEvents, GuardOptions, GuardPorts } from "./guard-parts.ts";
import { faultsOf, guardView, outcomesOf, youngestFirst } from "./guard-view.ts";
import { literals, type RulesState } from "./model.ts";
import { NamesService } from "./names-service.ts";
import { RegisteredService } from "./registered-service.ts";
import { RulesService } from "./rules-service.ts";
import { ScannerService } from "./scanner-service.ts";
import { onTrial, withOwn } from "./trial-policy.ts";
import { TrialService } from "./trial-service.ts";
import { TrustedSources } from "./trusted-sources.ts";
import type { Ban, Counters, FirewallPolicy, LimitedSource, OrderedReason } from "./types.ts";
import { Watch, watched } from "./watch-service.ts";

/** The guard as a whole: joins rules, bans, lists, names, registered phones and confirm-or-revert. */
export class GuardService implements Service, GuardControl {
  readonly name = "guard";
  readonly #options: GuardOptions;
  readonly #ports: GuardPorts;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<GuardEvents>();
  readonly #trial: TrialService;
  readonly #names: NamesService;
  readonly #lists: BlockListService;
  readonly #rules: RulesService;
  readonly #bans: BanService;
  readonly #registered: RegisteredService;
  readonly #scanner: ScannerService;
  readonly #watch: Watch;
  readonly #disposers: Dispose[] = [];
  #policy: FirewallPolicy;
  #trusted: readonly IpNetwork[] = [];
  readonly #trustedSources = new TrustedSources();
  #running = false;
  #serving = false;

  constructor(options: GuardOptions, ports: GuardPorts, log: Log) {
    this.#options = options;
    this.#ports = ports;
    this.#log = log;
    this.#policy = options.policy;
    const { nft, clock, unixMs, events, peers, state } = ports;
    this.#trial = new TrialService({ state: state.trial, operators: ports.operators, clock, unixMs }, log);
    const namePorts = { names: ports.names, state: state.names };
    this.#names = new NamesService(options.policy, namePorts, log, unixMs, options.moreNames);
    const listPorts = { fetch: ports.fetch, files: ports.files, state: state.lists };
    this.#lists = new BlockListService(options.blockLists, listPorts, log, unixMs);
    this.#rules = new RulesService(this.#wanted(), { nft, clock }, log);
    this.#bans = new BanService(
      {
        limits: options.policy.limits,
        trusted: (source) => this.#isTrusted(source),
        events,
        state: state.bans,
        kernel: this.#rules,
        clock,
        wallNow: unixMs,
      },
      log,
    );
    this.#registered = new RegisteredService({ peers, events, clock }, log);
    this.#scanner = new ScannerService(ports.scanner, clock, log);
    this.#watch = new Watch(watched(ports, this.#registered), clock, () => this.#emitter.emit("change"));
  }

  on<K extends keyof GuardEvents>(event: K, listener: (...args: GuardEvents[K]) => void): Dispose {
    return this.#emitter.on(event, listener);
  }

  /** What is wrong, in words. */
  get faults(): readonly string[] {
    const own = [this.#rules.fault, this.#trial.alert, this.#scanner.fault];
    return faultsOf([...own, ...this.#watch.faults, ...this.#bans.faults], this.#names.view(), this.#lists.view());
  }

  /**
   * Resolves when the rules are in the kernel, with everything that was stored.
   * @throws GatewayError those of `NftPort`: then nothing may be let in, and the kernel has what it had
   */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      await this.#startParts(signal);
    } catch (error) {
      await this.#stopParts();
      throw error;
    }
  }

  async #startParts(signal: AbortSignal): Promise<void> {
    const { policy, confirmSeconds } = this.#options;
    // A trial may end while the rest still starts.
    this.#disposers.push(this.#trial.onEnforce((next) => this.#enforce(next)));
    await this.#trial.configure(onTrial(policy), confirmSeconds);
    this.#names.setPolicy(this.#policy);
    await this.#names.start(signal);
    this.#trustFrom();
    await this.#lists.start(signal);
    await this.#rules.update({ ...this.#wanted(), gateways: await this.#ports.gateways.gateways() });
    // Stored bans are noted first, so that they go into the kernel with the rules.
    await this.#bans.start(signal);
    await this.#rules.start(signal);
    await this.#registered.start();
    this.#disposers.push(
      this.#trial.onAlert(() => this.#emitter.emit("change")),
      this.#trial.onEnded((how) => this.#emitter.emit("trial", how)),
      this.#names.on("changed", () => this.#relist()),
      this.#lists.on("changed", () => this.#update({ blocked: this.#lists.blocked })),
      this.#registered.onChanged((addresses) => {
        this.#update({ registered: literals([...addresses]) });
        this.#bans.reconsider();
      }),
      this.#bans.on("banned", (ban) => this.#emitter.emit("banned", ban)),
      this.#bans.on("released", (ban) => this.#emitter.emit("released", ban)),
      this.#rules.on("applied", () => this.#emitter.emit("applied")),
      this.#rules.on("fault", () => this.#emitter.emit("change")),
      this.#ports.gateways.onChange((gateways) => this.#update({ gateways })),
    );
    this.#watch.start();
    await this.#scanner.apply(this.#policy);
  }

  /** The rules are closed behind it, or gone: see `RulesService.stop`. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    await this.#stopParts();
    await this.#scanner.remove();
    await this.#rules.stop();
  }

  /** Ends, and leaves everything in the kernel to whoever comes next, without a gap. */
  async handOver(): Promise<void> {
    if (this.#running) await this.#stopParts().then(() => this.#rules.leave());
  }

  async #stopParts(): Promise<void> {
    this.#running = false;
    this.#scanner.leave();
    this.#watch.stop();
    for (const dispose of this.#disposers.splice(0)) dispose();
    await Promise.all([this.#registered.stop(), this.#bans.stop(), this.#lists.stop(), this.#names.stop()]);
    await this.#trial.stop();
  }

  /** Every DNS name of the configuration with its addresses, as they are known now. */
  get names(): ReadonlyMap<string, readonly string[]> {
    return new Map(this.#names.view().map(({ name, addresses }) => [name, addresses]));
  }

  /** Addresses of phones that are registered now. */
  get registered(): ReadonlySet<string> {
    return this.#registered.addresses;
  }

  /** Asks one program after the other: five starts in a row hold a slow processor up for a quarter of a second. */
  async view(): Promise<GuardView> {
    const { clock, unixMs } = this.#ports;
    const atMs = unixMs();
    // A kernel that cannot be asked must not keep people from seeing why.
    let unread: readonly string[] = [];
    const counters = await this.#rules.counters().catch((error: unknown) => {
      unread = [`the kernel's counters cannot be read: ${describeError(error)}`];
      return new Map() as Counters;
    });
    const since = this.#rules.inForceSinceMs;
    return guardView({
      atMs,
      state: this.#rules.state,
      // A table that somebody took away is put back at the next check; until then it is not there.
      inForce: since !== null && this.#rules.fault === null && (counters.size > 0 || unread.length > 0),
      rulesSinceMs: since === null ? null : Math.round(atMs - (clock.now() - since)),
      repairs: this.#rules.repairs,
      faults: this.#rules.fault === null ? [...this.faults, ...unread] : this.faults,
      trial: this.#trial.view,
      lists: this.#lists.view(),
      names: this.#names.view(),
      bans: this.#bans.bans,
      events: { refused: this.#ports.events.refused, unattributed: this.#bans.unattributed },
      limited: await this.#limited(),
      counters,
      dropped: await this.#scanner.counters(),
    });
  }

  confirm(): Promise<{ readonly changes: readonly string[] }> {
    return this.#trial.confirm();
  }

  async bans(): Promise<readonly Ban[]> {
    return youngestFirst(this.#bans.bans);
  }

  async ban(address: string, minutes: number | null, reason?: OrderedReason): Promise<Ban> {
    const source = sourceOf(address);
    if (source === null) throw new GatewayError("bad-address", "neither an IP address nor an IPv6 /64");
    if (this.#isTrusted(source)) {
      throw new GatewayError("trusted-source", `${source} is a trunk, an operator or a registered phone: never banned`);
    }
    this.#bans.ban(source, minutes ?? undefined, reason);
    const made = this.#bans.bans.find((ban) => ban.source === source);
    if (made !== undefined) return made;
    throw new GatewayError("not-banned", `${source} could not be banned`);
  }

  async release(address: string | null): Promise<number> {
    const held = [...this.#bans.bans, ...(await this.#limited())].map(({ source }) => sourceOf(source) ?? source);
    const asked = address === null ? null : (sourceOf(address) ?? address);
    const released = new Set(held.filter((source) => asked === null || source === asked));
    for (const source of released) this.#bans.release(source);
    // What the kernel holds against it by itself goes too.
    await this.#rules.release(asked);
    return released.size;
  }

  async refresh(list: string | null, signal: AbortSignal): Promise<readonly RefreshOutcome[]> {
    signal.throwIfAborted();
    await this.#lists.refresh(list ?? undefined);
    return outcomesOf(this.#lists.view(), list);
  }

  async explain(address: string): Promise<Explanation> {
    return explain(address, {
      state: this.#rules.state,
      registered: this.#registered.addresses,
      bans: this.#bans.bans,
      limited: await this.#limited(),
      addressesOf: (text) => this.#names.addressesOf(text),
    });
  }

  /** Asked for thousands of sources at once: nothing is read anew. */
  #isTrusted(source: string): boolean {
    return this.#trustedSources.has(source, this.#trusted, this.#rules.state.registered);
  }

  /** Asterisk is up, or no longer: strangers are let through to it, or are not. */
  serve(serving: boolean): void {
    if (this.#serving === serving) return;
    this.#serving = serving;
    if (this.#running) this.#update({ serving });
  }

  /** Tells everybody who is trusted and allowed now. */
  #trustFrom(): RulesState["lists"] {
    const lists = this.#names.resolve(this.#policy);
    this.#trusted = [...lists.trunks, ...lists.operators];
    this.#lists.setProtected({ trusted: this.#trusted, allowed: lists.allowed });
    return lists;
  }

  #wanted(): RulesState {
    return {
      policy: this.#policy,
      lists: this.#names.resolve(this.#policy),
      blocked: this.#lists.blocked,
      registered: literals([...(this.#registered?.addresses ?? [])]),
      gateways: [],
      serving: this.#serving,
      localUids: this.#options.localUids,
    };
  }

  #relist(): void {
    this.#update({ lists: this.#trustFrom(), blocked: this.#lists.blocked });
    this.#bans.reconsider();
    this.#emitter.emit("names");
  }

  #enforce(tried: FirewallPolicy): void {
    this.#policy = withOwn(tried, this.#options.policy);
    this.#names.setPolicy(this.#policy);
    this.#update({ policy: this.#policy, lists: this.#trustFrom(), blocked: this.#lists.blocked });
    this.#bans.reconsider();
    // At the start it comes last: without rules there is nothing that it could look at.
    if (this.#rules.inForceSinceMs !== null) void this.#scanner.apply(this.#policy);
    this.#emitter.emit("change");
  }

  /** A failure is the rules' fault, which the view shows; it is tried again by itself. */
  #update(change: Partial<RulesState>): void {
    const words = "a change of the rules failed";
    this.#rules.update(change).catch((error: unknown) => this.#log.error(words, { error: describeError(error) }));
  }

  /** None when the kernel has no such set, or cannot be asked. */
  #limited(): Promise<readonly LimitedSource[]> {
    return this.#rules.limited().catch(() => []);
  }
}
