import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { Log } from "../base/log.ts";
import { STRANGER_MARK } from "./layout.ts";
import type { ScannerPort } from "./port.ts";
import { scannerRules } from "./scanner.ts";
import type { FirewallPolicy } from "./types.ts";

const RETRY_MS = 60_000;
/** How often it is looked whether somebody has taken the rules away. */
const CHECK_MS = 300_000;

/** Keeps the scanner filter in the kernel. Less noise is no reason to keep calls away: its failure is only told. */
export class ScannerService {
  readonly #port: ScannerPort;
  readonly #clock: Clock;
  readonly #log: Log;
  #fault: string | null = null;
  #again: Dispose | undefined;
  #policy: FirewallPolicy | null = null;

  constructor(port: ScannerPort, clock: Clock, log: Log) {
    this.#port = port;
    this.#clock = clock;
    this.#log = log;
  }

  /** What is wrong; null when the filter is as it is wanted. */
  get fault(): string | null {
    return this.#fault;
  }

  /** By token; empty when they cannot be read. */
  counters(): Promise<ReadonlyMap<string, number>> {
    return this.#port.counters().catch(() => new Map<string, number>());
  }

  /** Puts the policy's filter in force, and keeps it there until `leave`. Never rejects. */
  async apply(policy: FirewallPolicy): Promise<void> {
    this.#policy = policy;
    this.#again?.();
    const fault = await this.#port.apply(scannerRules(policy, STRANGER_MARK)).then(
      () => null,
      (error: unknown) => `the scanner filter is not in force: ${describeError(error)}`,
    );
    if (fault !== null && fault !== this.#fault) this.#log.error(fault);
    this.#fault = fault;
    // Another policy came meanwhile, or the end.
    if (this.#policy !== policy) return;
    this.#again?.();
    const atMs = this.#clock.now() + (fault === null ? CHECK_MS : RETRY_MS);
    this.#again = this.#clock.at(atMs, () => void this.apply(policy));
  }

  /** Looks after it no more; the filter stays as it is. */
  leave(): void {
    this.#policy = null;
    this.#again?.();
  }

  /** Takes it away. Never rejects. */
  async remove(): Promise<void> {
    this.leave();
    await this.#port.apply(null).catch((error: unknown) => {
      this.#log.error("the scanner filter could not be taken away", { error: describeError(error) });
    });
  }
}
