import { describeError, GatewayError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { describeFinding } from "./asterisk-health.ts";
import { connectWhenReady } from "./connect-service.ts";
import { desiredState } from "./desired.ts";
import { type Finding, findDrift, planForFiles, type Step } from "./drift.ts";
import type { SipModel } from "./model.ts";
import { observe } from "./observe.ts";
import type { AsteriskPorts } from "./port.ts";
import { untilNone } from "./timing-service.ts";

/** Restarts against drift end calls, so they are rare. */
const DRIFT_RESTART_GAP_MS = 600_000;

/** Looks at Asterisk and performs the steps that were planned for it. */
export class Executor {
  readonly #ports: AsteriskPorts;
  readonly #log: Log;
  #lastDriftRestart = Number.NEGATIVE_INFINITY;

  constructor(ports: AsteriskPorts, log: Log) {
    this.#ports = ports;
    this.#log = log;
  }

  /** How Asterisk differs from the model. */
  async verify(model: SipModel): Promise<readonly Finding[]> {
    return findDrift(desiredState(model), await observe(this.#ports.commands, this.#ports.process));
  }

  /** How it still differs once a repair has had its time to show. */
  settled(model: SipModel, goOn: () => boolean): Promise<readonly Finding[]> {
    return untilNone(() => this.verify(model), goOn);
  }

  /** Connects to an Asterisk that runs, and makes it read what was changed under it. */
  async connect(changed: readonly string[], signal: AbortSignal): Promise<void> {
    await connectWhenReady(this.#ports, signal);
    for (const step of planForFiles(changed)) if (step.kind !== "restart") await this.perform(step);
  }

  /** A step that fails is logged: what it was for is found by the next look. */
  async perform(step: Step): Promise<void> {
    const { commands } = this.#ports;
    if (step.kind !== "restart") {
      const done = step.kind === "command" ? commands.command(step.command) : commands.module(step.what, step.file);
      await done.catch((error: unknown) =>
        this.#log.warn("a repair of Asterisk failed", { error: describeError(error) }),
      );
      return;
    }
    const now = performance.now();
    if (now - this.#lastDriftRestart < DRIFT_RESTART_GAP_MS) {
      this.#log.error("Asterisk would have to be restarted again, which is put off");
      return;
    }
    this.#lastDriftRestart = now;
    this.#log.warn("restarting Asterisk");
    await this.end();
  }

  /** Ends Asterisk; what follows from its exit starts it again, unless somebody is stopping. */
  async end(): Promise<void> {
    this.#ports.commands.close();
    await this.#ports.process.stop();
  }
}

/** Why an Asterisk with these findings is not taken for ours. */
export function notInForce(findings: readonly Finding[]): GatewayError {
  const first = findings[0];
  const what = first === undefined ? "" : `: ${describeFinding(first)}`;
  return new GatewayError("sip-profile", `Asterisk does not run with the hardened profile${what}`, {
    details: { findings },
  });
}
