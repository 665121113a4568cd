import { setTimeout as delay } from "node:timers/promises";
import { describeError, GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { withAccounts } from "./accounts.ts";
import { concernsAccounts, forgetOldPeers, requireTaken } from "./accounts-service.ts";
import { AsteriskHealth } from "./asterisk-health.ts";
import { connectWhenReady, isClosed } from "./connect-service.ts";
import { type Finding, isSerious, planForFiles, planRepair } from "./drift.ts";
import { Executor, notInForce } from "./executor-service.ts";
import { type SipPlace, withPlace } from "./external.ts";
import { ExternalAddress } from "./external-service.ts";
import { boundLogs } from "./logs-service.ts";
import type { AccountCredentials, SipModel } from "./model.ts";
import type { AsteriskPorts } from "./port.ts";
import { renderProfile } from "./render.ts";
import { every, Turns, untilNone } from "./timing-service.ts";

export interface AsteriskEvents {
  /** Asterisk runs with the profile in force. */
  up: [];
  /** Asterisk is gone; every call with it. */
  down: [reason: string];
  /** Differences were found, and whether they could be repaired. */
  drift: [findings: readonly Finding[], repaired: boolean];
}

const CHECK_MS = 30_000;

/** Keeps our Asterisk running with exactly the rendered profile in force. */
export class AsteriskService implements Service {
  readonly name = "asterisk";
  /** With the accounts as they are now; without the external place. */
  #configured: SipModel;
  readonly #ports: AsteriskPorts;
  readonly #log: Log;
  readonly #executor: Executor;
  readonly #emitter = new TypedEmitter<AsteriskEvents>();
  readonly #disposers: Dispose[] = [];
  #life = new AbortController();
  readonly #external = new ExternalAddress((signal) => this.#move(signal));
  /** Checks and changes of the files take turns: a check that began earlier would write the older ones. */
  readonly #turns = new Turns();
  #up = false;
  readonly #health = new AsteriskHealth();
  #bringingUp: Promise<void> | undefined;
  #checking: Promise<readonly Finding[]> | undefined;

  constructor(model: SipModel, ports: AsteriskPorts, log: Log) {
    this.#configured = model;
    this.#ports = ports;
    this.#log = log;
    this.#executor = new Executor(ports, log);
  }

  get up(): boolean {
    return this.#up;
  }

  /** The accounts with the credentials that they have now. */
  get accounts(): SipModel["accounts"] {
    return this.#configured.accounts;
  }

  /** What is wrong with it, for whoever looks; null when nothing is. */
  get fault(): string | null {
    return this.#health.fault(performance.now());
  }

  on<K extends keyof AsteriskEvents>(event: K, listener: (...args: AsteriskEvents[K]) => void): Dispose {
    return this.#emitter.on(event, listener);
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#life = new AbortController();
    this.#external.start();
    const life = AbortSignal.any([signal, this.#life.signal]);
    const { commands, process } = this.#ports;
    this.#disposers.push(
      process.onExit((how) => this.#lost(`Asterisk ended: ${how}`)),
      commands.onLost(() => this.#lost("the connection to Asterisk was lost")),
      every(CHECK_MS, () => {
        if (this.#up) void this.check().catch((error: unknown) => this.#complain("the profile's check", error));
      }),
      boundLogs(this.#ports, () => this.#up, this.#log),
    );
    await this.#bringUp(life);
  }

  async stop(): Promise<void> {
    this.#life.abort();
    for (const dispose of this.#disposers.splice(0)) dispose();
    await this.#bringingUp?.catch(() => undefined);
    await this.#external.stop();
    this.#up = false;
    await this.#executor.end();
  }

  /**
   * Tells Asterisk how the world reaches us; null: as configured. Calls that are up go on as they are, the next one
   * carries the new place. Resolves when it is in force, or noted for the next start.
   * @throws GatewayError `sip-value`: no such address or port; nothing has changed then
   */
  async setExternal(place: SipPlace | null): Promise<void> {
    renderProfile(withPlace(this.#configured, place));
    await this.#external.set(place);
  }

  /** Ends Asterisk, and every call with it; it comes back by itself. Errors: `asterisk-down`. */
  async restart(): Promise<void> {
    await this.#turns.next(async () => {
      if (!this.#up) throw new GatewayError("asterisk-down", "Asterisk is not up: it is being started already");
      this.#log.warn("restarting Asterisk, as somebody asked for");
      await this.#executor.end();
    });
  }

  /**
   * Gives the accounts other credentials. Calls that are up go on. Resolves when the old ones are refused, their
   * registrations are gone and the new ones can register, or, when no Asterisk runs, noted for the next start.
   * @throws GatewayError `sip-secret-missing`, `sip-value`: nothing has changed then; `sip-accounts`, `ami-closed`:
   *   they are noted, and not in force yet; call it again
   */
  async setAccounts(accounts: ReadonlyMap<string, AccountCredentials>): Promise<void> {
    const model = withAccounts(this.#configured, accounts);
    renderProfile(withPlace(model, this.#external.place));
    this.#configured = model;
    requireTaken(await this.#apply(this.#life.signal, concernsAccounts), this.#ports.process.running);
  }

  /** Compares Asterisk with the profile and repairs what differs; the findings of the first look. */
  check(): Promise<readonly Finding[]> {
    this.#checking ??= this.#turns
      .next(() => this.#check())
      .catch((error: unknown) => {
        // A connection that ended before anybody listened for its end is noticed here at the latest.
        if (isClosed(error)) this.#lost("the connection to Asterisk was lost");
        throw error;
      })
      .finally(() => {
        this.#checking = undefined;
      });
    return this.#checking;
  }

  get #model(): SipModel {
    return withPlace(this.#configured, this.#external.place);
  }

  /** Whatever does not come into force here is found by the next check. */
  async #move(signal: AbortSignal): Promise<void> {
    try {
      const left = await this.#apply(signal, () => true);
      if (left === null) return;
      if (left.length > 0) this.#log.warn("the external address is not in force yet", { findings: left });
      else this.#log.info("Asterisk has another external address", { address: this.#model.externalAddress });
    } catch (error) {
      this.#complain("changing the external address", error);
    }
  }

  /** Brings the model into force; what of it that `concerns` the change is not, or null when Asterisk is not up. */
  async #apply(
    signal: AbortSignal,
    concerns: (finding: Finding, model: SipModel) => boolean,
  ): Promise<readonly Finding[] | null> {
    // A start under way may have written the files already, and not yet listen to commands.
    await this.#bringingUp?.catch(() => undefined);
    return this.#turns.next(async () => {
      if (!this.#up || signal.aborted) return null;
      const { commands, files } = this.#ports;
      const model = this.#model;
      const look = async () => (await this.#executor.verify(model)).filter((finding) => concerns(finding, model));
      const changed = await files.write(renderProfile(model));
      // Nothing changed: the reload that should have followed an earlier change may be what is missing.
      const steps = changed.length > 0 ? planForFiles(changed) : planRepair(await look(), false);
      for (const step of steps) await this.#executor.perform(step);
      const left = await untilNone(look, () => this.#up);
      await forgetOldPeers(commands, model);
      return left;
    });
  }

  #bringUp(signal: AbortSignal): Promise<void> {
    this.#bringingUp ??= this.#bringUpOnce(signal)
      .catch((error: unknown) => {
        if (!signal.aborted) this.#health.failed(describeError(error));
        throw error;
      })
      .finally(() => {
        this.#bringingUp = undefined;
      });
    return this.#bringingUp;
  }

  async #bringUpOnce(signal: AbortSignal): Promise<void> {
    const { commands, files, process } = this.#ports;
    // What changes from now on comes after this start (`#apply`).
    const model = this.#model;
    const changed = await files.write(renderProfile(model));
    const wasRunning = process.running;
    const how = await process.start();
    if (how === "attached" && !wasRunning) await this.#adopt(changed, model, signal);
    else await this.#executor.connect(how === "attached" ? changed : [], signal);
    let left = await this.#executor.verify(model);
    if (how === "attached" && isSerious(left)) {
      this.#log.warn("the running Asterisk is not as rendered", { findings: left });
      for (const step of planRepair(left, false)) if (step.kind !== "restart") await this.#executor.perform(step);
      // A restart would end the calls that it has.
      left = await this.#executor.settled(model, () => process.running);
      if (isSerious(left)) left = await this.#beginAnew(model, signal);
    }
    if (isSerious(left)) throw notInForce(left);
    await forgetOldPeers(commands, model);
    signal.throwIfAborted();
    this.#up = true;
    this.#health.wentUp(left, performance.now());
    this.#log.info("Asterisk runs with its profile in force");
    this.#emitter.emit("up");
  }

  /** Takes over an Asterisk that an earlier supervisor left, if it takes our files and our password. */
  async #adopt(changed: readonly string[], model: SipModel, signal: AbortSignal): Promise<void> {
    if (!planForFiles(changed).some((step) => step.kind === "restart")) {
      try {
        await this.#executor.connect(changed, signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        this.#complain("taking over the running Asterisk", error);
      }
    }
    await this.#beginAnew(model, signal);
  }

  async #beginAnew(model: SipModel, signal: AbortSignal): Promise<readonly Finding[]> {
    await this.#executor.end();
    await this.#ports.process.start();
    await connectWhenReady(this.#ports, signal);
    return this.#executor.verify(model);
  }

  async #check(): Promise<readonly Finding[]> {
    const profile = renderProfile(this.#model);
    const edited = await this.#ports.files.differing(profile);
    const files = edited.map(
      (name): Finding => ({ kind: "file", subject: name, wanted: "as rendered", found: "edited" }),
    );
    const findings = [...files, ...(await this.#executor.verify(this.#model))];
    if (findings.length === 0) {
      this.#health.checked([]);
      return findings;
    }
    this.#log.warn("Asterisk is not as rendered", { findings });
    await this.#ports.files.write(profile);
    for (const step of planRepair(findings, false)) await this.#executor.perform(step);
    const left = this.#up ? await this.#executor.settled(this.#model, () => this.#up) : [];
    if (this.#up) this.#health.checked(left);
    if (this.#up) for (const step of planRepair(left, true)) await this.#executor.perform(step);
    this.#emitter.emit("drift", findings, left.length === 0);
    return findings;
  }

  #lost(reason: string): void {
    if (this.#life.signal.aborted) return;
    if (this.#up) {
      this.#up = false;
      this.#health.wentDown(reason, performance.now());
      this.#log.error("Asterisk is down", { reason });
      this.#emitter.emit("down", reason);
      void this.#recover();
    }
  }

  async #recover(): Promise<void> {
    const life = this.#life.signal;
    while (!life.aborted && !this.#up) {
      try {
        await delay(this.#health.nextWaitMs(), undefined, { signal: life });
        await this.#bringUp(life);
      } catch (error) {
        if (life.aborted) return;
        this.#complain("starting Asterisk again", error);
        // It may hang rather than be gone: begin from nothing.
        await this.#executor.end().catch((cause: unknown) => this.#complain("ending Asterisk", cause));
      }
    }
  }

  #complain(what: string, error: unknown): void {
    this.#log.warn(`${what} failed`, { error: describeError(error) });
  }
}
