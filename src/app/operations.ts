import { z } from "zod";
import { assertNever } from "../base/assert-never.ts";
import { systemClock } from "../base/clock.ts";
import { describeError, GatewayError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { GuardControl } from "../firewall/control.ts";
import { noGuard } from "../firewall/no-guard.ts";
import { type GuardMethod, guardRequest } from "../firewall/requests.ts";
import type { Operations } from "../status/port.ts";
import type { OperationName } from "../status/types.ts";
import { checked, type LineParts, lineOf, setBlocked } from "./line-operations.ts";
import { testCall } from "./test-call.ts";

/** What is asked for is done with these; a `Gateway` has all of them. */
export interface OperationParts extends LineParts {
  readonly guard: GuardControl | null;
  readonly asterisk: { restart(): Promise<void> };
}

/** What the publisher does with Home Assistant; null where there is no broker to do it on. */
export interface HomeAssistantOperations {
  announce(): Promise<unknown>;
  remove(): Promise<unknown>;
}

const nothing = z.strictObject({});
// `null` has to be said: nobody is to release everybody by leaving a name out.
const releaseParams = z.strictObject({ address: z.string().max(64).nullable() });
const refreshParams = z.strictObject({ list: z.string().max(64).nullable().optional() });
const restartParams = z.strictObject({ force: z.boolean().optional() });

/** Does what people ask for, from the page and over MQTT alike. Whoever asks has been let in by then. */
export class GatewayOperations implements Operations {
  readonly #parts: () => OperationParts;
  readonly #homeAssistant: () => HomeAssistantOperations | null;
  readonly #log: Log;
  readonly #life = new AbortController();

  constructor(parts: () => OperationParts, homeAssistant: () => HomeAssistantOperations | null, log: Log) {
    this.#parts = parts;
    this.#homeAssistant = homeAssistant;
    this.#log = log;
  }

  /**
   * @throws GatewayError for people: `bad-request`, `unknown-line`, `line-busy`, `line-seized`, `calls-up`,
   *   `asterisk-down`, `no-broker`, and those of `GuardControl`
   */
  async perform(name: OperationName, params: unknown, by: string): Promise<unknown> {
    const who = by.slice(0, 80);
    try {
      const answer = await this.#perform(name, params);
      this.#log.info("operation done", { operation: name, by: who });
      return answer;
    } catch (error) {
      this.#log.warn("operation not done", { operation: name, by: who, error: describeError(error) });
      throw error;
    }
  }

  /** Ends what may take its time. */
  stop(): void {
    this.#life.abort();
  }

  async #perform(name: OperationName, params: unknown): Promise<unknown> {
    const parts = this.#parts();
    switch (name) {
      case "line/block":
        return setBlocked(parts, params, true);
      case "line/unblock":
        return setBlocked(parts, params, false);
      case "call/test":
        return testCall(lineOf(parts, params), parts.calls, systemClock);
      case "guard/release":
        return this.#guard("firewall.release", checked(releaseParams, params));
      case "guard/refresh":
        return this.#guard("firewall.refresh", checked(refreshParams, params));
      case "guard/confirm":
        return this.#guard("firewall.confirm", checked(nothing, params));
      case "asterisk/restart":
        return this.#restart(checked(restartParams, params).force ?? false);
      case "homeassistant/announce":
        checked(nothing, params);
        return this.#withHomeAssistant((homeAssistant) => homeAssistant.announce());
      case "homeassistant/remove":
        checked(nothing, params);
        return this.#withHomeAssistant((homeAssistant) => homeAssistant.remove());
      default:
        return assertNever(name);
    }
  }

  #guard(method: GuardMethod, params: object): Promise<unknown> {
    return guardRequest(this.#parts().guard ?? noGuard(Date.now), method, params, this.#life.signal);
  }

  /** Every call ends with Asterisk, so that it has to be meant. It comes back by itself. */
  async #restart(force: boolean): Promise<{ readonly ended: number }> {
    const { calls, asterisk } = this.#parts();
    // A PAX caller who has yet to clear is no call any more.
    const up = calls.calls.filter((call) => call.direction === "to-pax" || call.phase !== "over").length;
    if (up > 0 && !force) {
      const words = `${up} ${up === 1 ? "call" : "calls"} would end: wait, or say "force": true`;
      throw new GatewayError("calls-up", words, { details: { calls: up } });
    }
    await asterisk.restart();
    return { ended: up };
  }

  #withHomeAssistant(use: (homeAssistant: HomeAssistantOperations) => Promise<unknown>): Promise<unknown> {
    const homeAssistant = this.#homeAssistant();
    if (homeAssistant !== null) return use(homeAssistant);
    throw new GatewayError(
      "no-broker",
      "there is no MQTT broker, or Home Assistant is not wanted (status.homeAssistant)",
    );
  }
}
