import type { AriConnection } from "./ari.ts";

/**
 * Every channel lives on a lease: Asterisk hangs it up when the supervisor has not renewed it. So a supervisor that
 * was killed leaves no call behind, and nobody has to be there to clean up. Measured on 16.28: the absolute time-out
 * holds for SIP and audio channels alike, in Stasis, in a bridge and in the dialplan.
 */
const RENEW_MS = 5_000;

/** The channel variable that is the lease, for channels made by a request. */
export function leaseVariables(leaseS: number): Record<string, string> {
  return { "TIMEOUT(absolute)": String(leaseS) };
}

/** Renews the leases of the channels that `ids` names, for as long as there are any. */
export class LeaseKeeper {
  readonly #ari: AriConnection;
  readonly #leaseS: number;
  readonly #ids: () => ReadonlySet<string>;
  #timer: NodeJS.Timeout | undefined;

  constructor(ari: AriConnection, leaseS: number, ids: () => ReadonlySet<string>) {
    this.#ari = ari;
    this.#leaseS = leaseS;
    this.#ids = ids;
  }

  /** To be called when a channel came: the first renewal is due within the lease. */
  keep(): void {
    this.#timer ??= setInterval(() => this.#renew(), RENEW_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #renew(): void {
    const ids = this.#ids();
    if (ids.size === 0) this.stop();
    for (const id of ids) {
      const query = { variable: "TIMEOUT(absolute)", value: String(this.#leaseS) };
      // A channel that has just gone answers 404: nothing to renew.
      this.#ari.request("POST", `/channels/${encodeURIComponent(id)}/variable`, query).catch(() => undefined);
    }
  }
}
