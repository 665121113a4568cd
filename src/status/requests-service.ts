import type { Clock } from "../base/clock.ts";
import { describeError, GatewayError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { BrokerLink, IncomingMessage, Operations } from "./port.ts";
import { admit, freshRate, type ParsedRequest, parseRequest } from "./requests.ts";
import type { Answer } from "./wire/schema.ts";

export interface RequestsOptions {
  /** `<base>/<site>`, without a slash at the end. */
  readonly root: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Requests that may be under way at once. */
const MOST_AT_ONCE = 8;
/** How long an answer is remembered for the same transaction, ms, and how many are. */
const REMEMBERED_MS = 60_000;
const MOST_REMEMBERED = 200;
/** Longest answer, characters. */
const LONGEST_ANSWER = 32_768;
/** How often requests that are not answered are spoken of in the log, ms. */
const LOG_EVERY_MS = 60_000;

interface Remembered {
  readonly untilMs: number;
  /** Null while it is under way. */
  answer: Answer | null;
}

/** Takes requests from the broker, has them performed and answers. Exists only where `status.requests` is on. */
export class Requests implements Service {
  readonly name = "requests";
  readonly #link: BrokerLink;
  readonly #operations: Operations;
  readonly #options: RequestsOptions;
  readonly #log: Log;
  /** By name and transaction, the oldest first. */
  readonly #remembered = new Map<string, Remembered>();
  #rate = freshRate;
  #atOnce = 0;
  #loggedMs = Number.NEGATIVE_INFINITY;
  #dispose: Dispose | null = null;

  constructor(link: BrokerLink, operations: Operations, options: RequestsOptions) {
    this.#link = link;
    this.#operations = operations;
    this.#options = options;
    this.#log = options.log.child("requests");
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#dispose ??= this.#link.onMessage((message) => this.#received(message));
    this.#link.subscribe(`${this.#options.root}/request/#`);
  }

  async stop(): Promise<void> {
    this.#dispose?.();
    this.#dispose = null;
  }

  #received(message: IncomingMessage): void {
    const prefix = `${this.#options.root}/request/`;
    if (!message.topic.startsWith(prefix) || message.payload.length === 0) return;
    if (message.retained) {
      // Somebody's wish of long ago, which every connect would bring again.
      this.#logSeldom("a retained request is not performed; it is deleted");
      this.#link.publish(message.topic, "", { retain: true, qos: 1 });
      return;
    }
    const nowMs = this.#options.clock.now();
    const { state, admitted } = admit(this.#rate, nowMs);
    this.#rate = state;
    if (!admitted) {
      this.#logSeldom("too many requests: some are not performed");
      return;
    }
    const parsed = parseRequest(message.topic.slice(prefix.length), message.payload);
    if (parsed !== null) void this.#serve(parsed, nowMs);
  }

  async #serve({ answerTo, transaction, request }: ParsedRequest, nowMs: number): Promise<void> {
    const failed = (code: string, text: string): Answer => {
      return { status: "error", error: { code, message: text }, transaction, data: null };
    };
    if (!request.ok) {
      this.#answer(answerTo, failed(request.fault.code, request.fault.message));
      return;
    }
    const key = transaction === null ? null : `${request.name} ${transaction}`;
    const known = key === null ? undefined : this.#known(key, nowMs);
    if (known !== undefined) {
      // Delivered again (MQTT 3.1.1 section 4.3.2), or asked again: the answer is the same, when there is one.
      if (known.answer !== null) this.#answer(answerTo, known.answer);
      return;
    }
    if (this.#atOnce >= MOST_AT_ONCE) {
      this.#answer(answerTo, failed("busy", "too many requests are under way"));
      return;
    }
    const memory: Remembered = { untilMs: nowMs + REMEMBERED_MS, answer: null };
    if (key !== null) this.#remember(key, memory);
    this.#atOnce += 1;
    try {
      const data = (await this.#operations.perform(request.name, request.params, "mqtt")) ?? null;
      memory.answer = { status: "ok", error: null, transaction, data };
      if (JSON.stringify(memory.answer).length > LONGEST_ANSWER) {
        memory.answer = failed("too-long", "it was done, but the answer is too long");
      }
    } catch (error) {
      memory.answer = this.#failure(request.name, error, failed);
    } finally {
      this.#atOnce -= 1;
    }
    this.#answer(answerTo, memory.answer);
  }

  #failure(name: string, error: unknown, failed: (code: string, text: string) => Answer): Answer {
    if (error instanceof GatewayError) return failed(error.code, error.message.slice(0, 1_000));
    // Texts of other errors are not made for people far away.
    this.#log.error("a request failed", { name, error: describeError(error) });
    return failed("failed", "it could not be done");
  }

  #known(key: string, nowMs: number): Remembered | undefined {
    for (const [one, memory] of this.#remembered) {
      if (memory.untilMs > nowMs) break;
      this.#remembered.delete(one);
    }
    return this.#remembered.get(key);
  }

  #remember(key: string, memory: Remembered): void {
    this.#remembered.set(key, memory);
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= MOST_REMEMBERED) break;
      this.#remembered.delete(oldest);
    }
  }

  #answer(to: string, answer: Answer): void {
    this.#link.publish(`${this.#options.root}/response/${to}`, JSON.stringify(answer), { retain: false, qos: 1 });
  }

  #logSeldom(words: string): void {
    const nowMs = this.#options.clock.now();
    if (nowMs - this.#loggedMs < LOG_EVERY_MS) return;
    this.#loggedMs = nowMs;
    this.#log.warn(words);
  }
}
