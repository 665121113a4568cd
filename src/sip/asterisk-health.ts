import type { Finding } from "./drift.ts";

/** Waits before a restart after a crash, ms; the first is at once. */
const BACKOFF_MS = [0, 500, 1_000, 2_000, 5_000, 10_000] as const;
/** After this long in good health the waits begin anew, ms, and what was before is forgotten. */
const HEALTHY_MS = 60_000;

/** How our Asterisk has fared: how long to wait before it is started again, and what to tell whoever looks. */
export class AsteriskHealth {
  #upSinceMs: number | null = null;
  #attempts = 0;
  #crashes = 0;
  #reason: string | null = null;
  #left: readonly Finding[] = [];

  /** It runs with the profile in force, apart from differences that are no reason not to run. */
  wentUp(left: readonly Finding[], atMs: number): void {
    this.#upSinceMs = atMs;
    this.#left = left;
  }

  /** It, or the connection to it, is gone. */
  wentDown(reason: string, atMs: number): void {
    if (this.#isProven(atMs)) {
      this.#attempts = 0;
      this.#crashes = 0;
    }
    this.#upSinceMs = null;
    this.#crashes++;
    this.#reason = reason;
  }

  /** It could not be started. */
  failed(reason: string): void {
    this.#reason = reason;
  }

  /** What is left of the differences after a check and its repairs. */
  checked(left: readonly Finding[]): void {
    this.#left = left;
  }

  /** Time until it may be started again, ms; one more attempt with every call. */
  nextWaitMs(): number {
    return BACKOFF_MS[Math.min(this.#attempts++, BACKOFF_MS.length - 1)] ?? 0;
  }

  /** What is wrong at `atMs`, in words; null when nothing is. */
  fault(atMs: number): string | null {
    if (this.#upSinceMs === null) return this.#reason;
    if (this.#crashes > 1 && !this.#isProven(atMs)) {
      return `Asterisk went down ${this.#crashes} times in short order, the last time: ${this.#reason}`;
    }
    const first = this.#left[0];
    return first === undefined ? null : `Asterisk is not as rendered: ${describeFinding(first)}`;
  }

  #isProven(atMs: number): boolean {
    return this.#upSinceMs !== null && atMs - this.#upSinceMs > HEALTHY_MS;
  }
}

/** One difference as an administrator is told of it. */
export function describeFinding({ kind, subject, wanted, found }: Finding): string {
  switch (kind) {
    case "socket":
      return `${subject} could not be opened; does another program have it?`;
    case "peer-missing":
      return `${subject} is missing; can its server's name be looked up?`;
    case "file":
    case "setting":
    case "peer":
    case "peer-unknown":
    case "module":
    case "dialplan":
      return `${subject} is ${found}, not ${wanted}`;
  }
}
