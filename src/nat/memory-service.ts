import { randomBytes } from "node:crypto";
import { describeError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type Memory, readMemory } from "./memory.ts";
import type { NatStatePort } from "./port.ts";

/** The memory of the router, written when it changes. A state that cannot be kept costs no mapping: it is a warning. */
export class RouterMemory {
  readonly #port: NatStatePort;
  readonly #log: Log;
  #memory: Memory | null = null;

  constructor(port: NatStatePort, log: Log) {
    this.#port = port;
    this.#log = log;
  }

  /** Reads it, or makes a new one. */
  async recall(): Promise<Memory> {
    const kept = await this.#port.read().catch((error: unknown) => {
      this.#log.warn("what was known of the router is lost", { error: describeError(error) });
      return null;
    });
    this.#memory = readMemory(kept);
    if (this.#memory !== null) return this.#memory;
    const fresh: Memory = { version: 1, seed: randomBytes(32).toString("hex"), router: null, ports: {} };
    await this.#keep(fresh);
    return fresh;
  }

  get current(): Memory | null {
    return this.#memory;
  }

  /** SIP has been mapped: this router is known from now on, and so is where its ports lead to us. */
  async worked(router: Memory["router"], ports: Memory["ports"]): Promise<void> {
    const before = this.#memory;
    if (before === null) return;
    const after = { ...before, router: router ?? before.router, ports };
    if (JSON.stringify(after) !== JSON.stringify(before)) await this.#keep(after);
  }

  async #keep(memory: Memory): Promise<void> {
    this.#memory = memory;
    await this.#port.write(memory).catch((error: unknown) => {
      this.#log.warn("what is known of the router could not be kept", { error: describeError(error) });
    });
  }
}
