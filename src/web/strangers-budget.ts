import { Budget } from "./budget.ts";
import {
  ALL_QUIET_BURST,
  ALL_QUIET_PER_S,
  QUIET_BURST,
  QUIET_PER_S,
  STRANGERS_BURST,
  STRANGERS_PER_S,
} from "./limits.ts";
import { neighbourhoodOf } from "./sources.ts";

/**
 * What all strangers together may ask. Half of it is for those who ask little, so that some busy ones leave to a
 * newcomer what he needs to log in.
 */
export class StrangersBudget {
  readonly #quiet = new Budget(QUIET_BURST, QUIET_PER_S);
  readonly #allQuiet = new Budget(ALL_QUIET_BURST, ALL_QUIET_PER_S);
  readonly #all = new Budget(STRANGERS_BURST, STRANGERS_PER_S);

  /** Takes one; false when there is none left. `nowMs`: monotonic. */
  take(address: string, nowMs: number): boolean {
    if (this.#quiet.take(neighbourhoodOf(address), nowMs) && this.#allQuiet.take("all", nowMs)) return true;
    return this.#all.take("all", nowMs);
  }
}
