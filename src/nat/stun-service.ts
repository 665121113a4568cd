import type { Clock } from "../base/clock.ts";
import type { DefaultRoute, StunPort } from "./port.ts";

/** Time between two questions once an answer came, ms, and while none does. */
const EVERY_MS = 30_000;
const RETRY_MS = 5_000;
/** Until the way out is known, ms. */
const NO_ROUTE_MS = 500;

/** Asks the STUN servers for our address from time to time, until its signal ends it. */
export class StunWatch {
  readonly #servers: readonly string[];
  readonly #stun: StunPort;
  readonly #clock: Clock;
  readonly #changed: () => void;
  #answers: readonly (string | null)[] = [];

  constructor(servers: readonly string[], stun: StunPort, clock: Clock, changed: () => void) {
    this.#servers = servers;
    this.#stun = stun;
    this.#clock = clock;
    this.#changed = changed;
  }

  /** What each server said at the last question; null for one that gave no answer. */
  get answers(): readonly (string | null)[] {
    return this.#answers;
  }

  async run(route: () => DefaultRoute | null | undefined, life: AbortSignal): Promise<void> {
    if (this.#servers.length === 0) return;
    while (!life.aborted) {
      const way = route();
      if (way !== null && way !== undefined) {
        const answers = await this.#ask(way, life);
        if (life.aborted) return;
        this.#answers = answers;
        this.#changed();
      }
      const known = this.#answers.some((address) => address !== null);
      const retryMs = way === null || way === undefined ? NO_ROUTE_MS : RETRY_MS;
      await this.#pause(known ? EVERY_MS : retryMs, life);
    }
  }

  async #ask(way: DefaultRoute, life: AbortSignal): Promise<readonly (string | null)[]> {
    // A controller for each question: signals derived from one that lives as long as the gateway would pile up.
    const asking = new AbortController();
    const abort = () => asking.abort();
    life.addEventListener("abort", abort, { once: true });
    const answers = await Promise.all(
      this.#servers.map((server) => this.#stun.ask(server, way.address, asking.signal)),
    );
    life.removeEventListener("abort", abort);
    return answers;
  }

  async #pause(ms: number, life: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.at(this.#clock.now() + ms, end);
      function end() {
        cancel();
        life.removeEventListener("abort", end);
        resolve();
      }
      life.addEventListener("abort", end, { once: true });
      if (life.aborted) end();
    });
  }
}
