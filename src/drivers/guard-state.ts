import { join } from "node:path";
import { GatewayError } from "../base/errors.ts";
import type { StatePort } from "../firewall/port.ts";
import { StateFileAdapter, type StateFileAlert } from "./state-file.ts";

/** The parts of the guard that remember something, each in a file of its own: losing one loses no other. */
export const guardParts = ["bans", "lists", "names", "trial", "nat"] as const;
export type GuardPart = (typeof guardParts)[number];

/** What people should know of a state file. `lost`: neither it nor the generation before can be read. */
export type GuardStateAlert = StateFileAlert | { readonly type: "lost"; readonly path: string };

/**
 * The state of one part of the guard, in `<directory>/<part>.json`, safe against a loss of power. What is lost is gone
 * with an alert, and is begun anew: a gateway without its bans is better than no gateway.
 */
export class GuardState implements StatePort {
  readonly #path: string;
  readonly #file: StateFileAdapter;
  readonly #alert: (alert: GuardStateAlert) => void;

  constructor(directory: string, part: GuardPart, alert: (alert: GuardStateAlert) => void) {
    this.#path = join(directory, `${part}.json`);
    this.#file = new StateFileAdapter(this.#path, alert);
    this.#alert = alert;
  }

  async read(): Promise<unknown> {
    try {
      return await this.#file.read();
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== "state-lost") throw error;
      this.#alert({ type: "lost", path: this.#path });
      // Told once: what cannot be read is put aside by the next write, which may be long in coming.
      await this.#file.write(null).catch(() => undefined);
      return null;
    }
  }

  write(state: unknown): Promise<void> {
    return this.#file.write(state);
  }
}
