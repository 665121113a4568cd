import { describeError, GatewayError } from "../base/errors.ts";
import { within } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { OperationName } from "../status/types.ts";
import type { Answer } from "../status/wire/schema.ts";
import { type Asked, bodyOf } from "./asked.ts";
import { MAX_OPERATIONS, OPERATION_MS } from "./limits.ts";
import type { WebOperations } from "./port.ts";
import { Refusal } from "./refusal.ts";
import { json, type Reply } from "./reply.ts";

/** The compiler refuses a name that is missing here. */
const names: Readonly<Record<OperationName, true>> = {
  "line/block": true,
  "line/unblock": true,
  "call/test": true,
  "guard/release": true,
  "guard/refresh": true,
  "guard/confirm": true,
  "asterisk/restart": true,
  "homeassistant/announce": true,
  "homeassistant/remove": true,
};

/** What the page asks of the gateway. */
export class OperationDesk {
  readonly #operations: WebOperations;
  readonly #log: Log;
  #underWay = 0;

  constructor(operations: WebOperations, log: Log) {
    this.#operations = operations;
    this.#log = log;
  }

  async perform(asked: Asked): Promise<Reply> {
    const { name, params, transaction } = await bodyOf(asked.request);
    if (!isOperation(name)) throw new Refusal("bad-request", "There is no operation of that name.");
    if (transaction !== undefined && (typeof transaction !== "string" || transaction.length > 64)) {
      throw new Refusal("bad-request", "transaction is a text of at most 64 characters.");
    }
    if (this.#underWay >= MAX_OPERATIONS) throw new Refusal("busy", "Too much is under way already.");
    return json(200, await this.#answer(name, params, transaction ?? null, asked.address));
  }

  async #answer(name: OperationName, params: unknown, transaction: string | null, address: string): Promise<Answer> {
    this.#underWay++;
    const done = this.#operations.perform(name, params, `web:${address}`).finally(() => {
      this.#underWay--;
    });
    try {
      const data = await within(OPERATION_MS, done, "it is still under way: it was not done");
      return { status: "ok", error: null, transaction, data: data ?? null };
    } catch (error) {
      if (error instanceof GatewayError) {
        const { code, message } = error;
        return { status: "error", error: { code, message: message.slice(0, 1_000) }, transaction, data: null };
      }
      this.#log.error("an operation failed", { operation: name, error: describeError(error) });
      const message = "It could not be done; the gateway's log says why.";
      return { status: "error", error: { code: "internal", message }, transaction, data: null };
    }
  }
}

function isOperation(name: unknown): name is OperationName {
  return typeof name === "string" && Object.hasOwn(names, name);
}
