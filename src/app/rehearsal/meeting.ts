import { systemClock } from "../../base/clock.ts";

/** Where several calls wait for one another, so that what they then do happens at the same time. */
export class Meeting {
  #missing: number;
  readonly #waiting = new Set<(met: boolean) => void>();

  /** `parties`: how many have to come. */
  constructor(parties: number) {
    this.#missing = parties;
  }

  /** Waits until everybody has come; false when somebody will not, or has not within `withinMs` ms. */
  come(withinMs: number): Promise<boolean> {
    this.#missing--;
    if (this.#missing < 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const finish = (met: boolean) => {
        cancel();
        this.#waiting.delete(finish);
        resolve(met);
      };
      const cancel = systemClock.at(systemClock.now() + withinMs, () => this.giveUp());
      this.#waiting.add(finish);
      if (this.#missing === 0) this.#end(true);
    });
  }

  /** Somebody will not come: nobody need wait for him. Does nothing after everybody has met. */
  giveUp(): void {
    this.#missing = Number.NEGATIVE_INFINITY;
    this.#end(false);
  }

  #end(met: boolean): void {
    for (const finish of [...this.#waiting]) finish(met);
  }
}
