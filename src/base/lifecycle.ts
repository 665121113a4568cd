import { describeError, GatewayError } from "./errors.ts";
import type { Log } from "./log.ts";

/**
 * A part of the gateway that runs. Constructors do nothing; `start` may be aborted by its signal; `stop` is
 * idempotent and may be called at any time, also after a failed start.
 */
export interface Service {
  readonly name: string;
  start(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

/** Time that one service may take to stop before the next one is stopped regardless. */
export const STOP_LIMIT_MS = 3_000;

/** Starts services in order and stops them in reverse order; a failed start stops what had started. */
export class ServiceGroup implements Service {
  readonly name: string;
  readonly #log: Log;
  readonly #services: readonly Service[];
  #started: Service[] = [];

  constructor(name: string, services: readonly Service[], log: Log) {
    this.name = name;
    this.#services = services;
    this.#log = log;
  }

  async start(signal: AbortSignal): Promise<void> {
    try {
      for (const service of this.#services) {
        signal.throwIfAborted();
        this.#started.push(service);
        await service.start(signal);
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const started = this.#started.reverse();
    this.#started = [];
    for (const service of started) {
      try {
        await within(STOP_LIMIT_MS, service.stop(), `${service.name} did not stop`);
      } catch (error) {
        this.#log.error("a service did not stop cleanly", { service: service.name, error: describeError(error) });
      }
    }
  }
}

/** The promise's outcome, or a `timeout` error after `ms` milliseconds. */
export async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new GatewayError("timeout", `${what} within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
