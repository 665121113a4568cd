import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { SipModel } from "./model.ts";
import type { CommandPort } from "./port.ts";
import {
  parseRegistry,
  type Registration,
  registrationStates,
  registrationStep,
  unregistered,
} from "./registration.ts";
import type { AsteriskService } from "./service.ts";

/** How often the registrations are looked at, ms: when all hold, and when one does not. */
const LOOK_MS = { settled: 30_000, unsettled: 1_000 } as const;

/** Knows which trunks are registered at their servers, and logs what changes. */
export class TrunkWatch implements Service {
  readonly name = "trunks";
  readonly #model: SipModel;
  readonly #commands: Pick<CommandPort, "command">;
  readonly #asterisk: Pick<AsteriskService, "up" | "on">;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #disposers: Dispose[] = [];
  #registrations = new Map<string, Registration>();
  #next: Dispose = () => undefined;
  /** Looks planned so far: one that has been overtaken plans no other. */
  #planned = 0;

  constructor(
    model: SipModel,
    commands: Pick<CommandPort, "command">,
    asterisk: Pick<AsteriskService, "up" | "on">,
    clock: Clock,
    log: Log,
  ) {
    this.#model = model;
    this.#commands = commands;
    this.#asterisk = asterisk;
    this.#clock = clock;
    this.#log = log;
  }

  /** Whether the trunk is registered at its server; null when it does not register. */
  registered(trunk: string): boolean | null {
    const known = this.#model.trunks.find(({ name }) => name === trunk);
    if (known?.register !== true) return null;
    return this.#asterisk.up && (this.#registrations.get(trunk)?.registered ?? false);
  }

  async start(): Promise<void> {
    this.#disposers.push(
      this.#asterisk.on("up", () => this.#lookIn(0)),
      this.#asterisk.on("down", () => this.#forget()),
    );
    if (this.#asterisk.up) this.#lookIn(0);
  }

  async stop(): Promise<void> {
    for (const dispose of this.#disposers.splice(0)) dispose();
    this.#stopLooking();
  }

  /** With Asterisk every registration is gone, which is no news of the trunks. */
  #forget(): void {
    this.#stopLooking();
    for (const [trunk, { reported }] of this.#registrations) {
      this.#registrations.set(trunk, { ...unregistered, reported });
    }
  }

  #stopLooking(): void {
    this.#planned++;
    this.#next();
  }

  #lookIn(ms: number): void {
    this.#stopLooking();
    if (this.#model.trunks.every(({ register }) => !register)) return;
    const planned = this.#planned;
    const again = (settled: boolean) => {
      if (this.#planned === planned) this.#lookIn(settled ? LOOK_MS.settled : LOOK_MS.unsettled);
    };
    this.#next = this.#clock.at(this.#clock.now() + ms, () => {
      this.#look().then(again, (error: unknown) => {
        this.#log.debug("registrations could not be read", { error: describeError(error) });
        again(false);
      });
    });
  }

  /** Whether every registration holds. */
  async #look(): Promise<boolean> {
    const entries = parseRegistry(await this.#commands.command("sip show registry"));
    const next = new Map<string, Registration>();
    for (const [trunk, state] of registrationStates(this.#model.trunks, entries)) {
      const before = this.#registrations.get(trunk) ?? unregistered;
      const step = registrationStep(before, state, this.#clock.now());
      next.set(trunk, step.next);
      if (!step.report) continue;
      if (step.next.registered) this.#log.info("trunk is registered", { trunk });
      else this.#log.warn("trunk is not registered", { trunk, state });
    }
    this.#registrations = next;
    return [...next.values()].every(({ registered, awaySinceMs }) => registered && awaySinceMs === null);
  }
}
