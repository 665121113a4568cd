import { setTimeout as delay } from "node:timers/promises";
import { describeError, GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { AsteriskHealth, describeFinding } from "./asterisk-health.ts";
import { connectWhenReady, isClosed } from "./connect-service.ts";
import { desiredState } from "./desired.ts";
import { type Finding, findDrift, isSerious, planForFiles, planRepair, type Step } from "./drift.ts";
import { type SipPlace, withPlace } from "./external.ts";
import { ExternalAddress } from "./external-service.ts";
import type { SipModel } from "./model.ts";
import { observe } from "./observe.ts";
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
const LOG_CHECK_MS = 2_000;
/** Each of the two logs, and its predecessor, is at most about this large: bytes. */
const LOG_LIMIT_BYTES = 1_000_000;
/** Restarts against drift end calls, so they are rare. */
const DRIFT_RESTART_GAP_MS = 600_000;

/** Keeps our Asterisk running with exactly the rendered profile in force. */
export class AsteriskService implements Service {
  readonly name = "asterisk";
  readonly #configured: SipModel;
  readonly #ports: AsteriskPorts;
  readonly #log: Log;
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
  #lastDriftRestart = Number.NEGATIVE_INFINITY;

  constructor(model: SipModel, ports: AsteriskPorts, log: Log) {
    this.#configured = model;
    this.#ports = ports;
    this.#log = log;
  }

  get up(): boolean {
    return this.#up;
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
      every(LOG_CHECK_MS, () => {
        void this.#boundLogs().catch((error: unknown) => this.#complain("bounding the logs", error));
      }),
    );
    await this.#bringUp(life);
  }

  async stop(): Promise<void> {
    this.#life.abort();
    for (const dispose of this.#disposers.splice(0)) dispose();
    await this.#bringingUp?.catch(() => undefined);
    await this.#external.stop();
    this.#up = false;
    await this.#end();
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
    // A start under way may have written the files already, and not yet listen to commands.
    await this.#bringingUp?.catch(() => undefined);
    const done = this.#turns.next(async () => {
      if (!this.#up || signal.aborted) return;
      const model = this.#model;
      const steps = planForFiles(await this.#ports.files.write(renderProfile(model)));
      for (const step of steps) await this.#perform(step);
      const left = await untilNone(
        () => this.#verify(model),
        () => this.#up,
      );
      if (left.length > 0) this.#log.warn("the external address is not in force yet", { findings: left });
      else this.#log.info("Asterisk has another external address", { address: model.externalAddress });
    });
    await done.catch((error: unknown) => this.#complain("changing the external address", error));
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
    const { files, process } = this.#ports;
    const changed = await files.write(renderProfile(this.#model));
    const wasRunning = process.running;
    const how = await process.start();
    if (how === "attached" && !wasRunning) await this.#adopt(changed, signal);
    else await connectWhenReady(this.#ports, signal);
    let left = await this.#verify();
    if (how === "attached" && isSerious(left)) {
      this.#log.warn("the running Asterisk is not as rendered", { findings: left });
      for (const step of planRepair(left, false)) if (step.kind !== "restart") await this.#perform(step);
      left = await this.#verify();
      if (isSerious(left)) left = await this.#beginAnew(signal);
    }
    if (isSerious(left)) {
      const first = left[0];
      const what = first === undefined ? "" : `: ${describeFinding(first)}`;
      throw new GatewayError("sip-profile", `Asterisk does not run with the hardened profile${what}`, {
        details: { findings: left },
      });
    }
    signal.throwIfAborted();
    this.#up = true;
    this.#health.wentUp(left, performance.now());
    this.#log.info("Asterisk runs with its profile in force");
    this.#emitter.emit("up");
  }

  /** Takes over an Asterisk that an earlier supervisor left, if it takes our files and our password. */
  async #adopt(changed: readonly string[], signal: AbortSignal): Promise<void> {
    const steps = planForFiles(changed);
    if (!steps.some((step) => step.kind === "restart")) {
      try {
        await connectWhenReady(this.#ports, signal);
        for (const step of steps) await this.#perform(step);
        return;
      } catch (error) {
        signal.throwIfAborted();
        this.#complain("taking over the running Asterisk", error);
      }
    }
    await this.#beginAnew(signal);
  }

  async #beginAnew(signal: AbortSignal): Promise<readonly Finding[]> {
    await this.#end();
    await this.#ports.process.start();
    await connectWhenReady(this.#ports, signal);
    return this.#verify();
  }

  async #check(): Promise<readonly Finding[]> {
    const profile = renderProfile(this.#model);
    const edited = await this.#ports.files.differing(profile);
    const files = edited.map(
      (name): Finding => ({ kind: "file", subject: name, wanted: "as rendered", found: "edited" }),
    );
    const findings = [
      ...files,
      ...findDrift(desiredState(this.#model), await observe(this.#ports.commands, this.#ports.process)),
    ];
    if (findings.length === 0) {
      this.#health.checked([]);
      return findings;
    }
    this.#log.warn("Asterisk is not as rendered", { findings });
    await this.#ports.files.write(profile);
    for (const step of planRepair(findings, false)) await this.#perform(step);
    const left = this.#up
      ? await untilNone(
          () => this.#verify(),
          () => this.#up,
        )
      : [];
    if (this.#up) this.#health.checked(left);
    if (this.#up) for (const step of planRepair(left, true)) await this.#perform(step);
    this.#emitter.emit("drift", findings, left.length === 0);
    return findings;
  }

  async #verify(model = this.#model): Promise<readonly Finding[]> {
    return findDrift(desiredState(model), await observe(this.#ports.commands, this.#ports.process));
  }

  async #perform(step: Step): Promise<void> {
    const { commands } = this.#ports;
    if (step.kind !== "restart") {
      const done = step.kind === "command" ? commands.command(step.command) : commands.module(step.what, step.file);
      await done.catch((error: unknown) => this.#complain("a repair of Asterisk", error));
      return;
    }
    const now = performance.now();
    if (now - this.#lastDriftRestart < DRIFT_RESTART_GAP_MS) {
      this.#log.error("Asterisk would have to be restarted again, which is put off");
      return;
    }
    this.#lastDriftRestart = now;
    this.#log.warn("restarting Asterisk");
    await this.#end();
  }

  /** Ends Asterisk; what follows from its exit (`#lost`) starts it again, unless we are stopping. */
  async #end(): Promise<void> {
    this.#ports.commands.close();
    await this.#ports.process.stop();
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
        await this.#end().catch((cause: unknown) => this.#complain("ending Asterisk", cause));
      }
    }
  }

  async #boundLogs(): Promise<void> {
    if (await this.#ports.files.boundLogs(LOG_LIMIT_BYTES)) {
      if (this.#up) await this.#ports.commands.command("logger reload");
    }
  }

  #complain(what: string, error: unknown): void {
    this.#log.warn(`${what} failed`, { error: describeError(error) });
  }
}
