import { setTimeout as delay } from "node:timers/promises";
import { type SipPlace, samePlace } from "./external.ts";

/** Changes that come this close together are one, ms: every reload makes chan_sip register with all trunks anew. */
const SETTLE_MS = 250;

/** The place that was found at run time, and the way of each change to Asterisk, however fast they come. */
export class ExternalAddress {
  readonly #apply: (signal: AbortSignal) => Promise<void>;
  #place: SipPlace | null = null;
  #moving: Promise<void> | undefined;
  #life = new AbortController();

  /** `apply` brings what `place` is then into force; its failure is the caller's to see, here it is passed on. */
  constructor(apply: (signal: AbortSignal) => Promise<void>) {
    this.#apply = apply;
  }

  get place(): SipPlace | null {
    return this.#place;
  }

  /** Resolves when it is applied, or another one that came later. Nothing happens when it is what it was. */
  async set(place: SipPlace | null): Promise<void> {
    if (!samePlace(place, this.#place)) {
      this.#place = place;
      this.#moving ??= this.#move().finally(() => {
        this.#moving = undefined;
      });
    }
    await this.#moving;
  }

  start(): void {
    this.#life = new AbortController();
  }

  async stop(): Promise<void> {
    this.#life.abort();
    await this.#moving?.catch(() => undefined);
  }

  async #move(): Promise<void> {
    const { signal } = this.#life;
    let done: SipPlace | null;
    do {
      // The first of a burst waits for the others; an aborted wait ends it, the next start has the new place.
      const waited = await delay(SETTLE_MS, true, { signal }).catch(() => false);
      if (!waited) return;
      done = this.#place;
      await this.#apply(signal);
    } while (!samePlace(done, this.#place));
  }
}
