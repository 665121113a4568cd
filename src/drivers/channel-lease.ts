/**
 * Every channel lives on a lease: Asterisk hangs it up when the supervisor has not renewed it. So a supervisor that
 * was killed leaves no call behind, and nobody has to be there to clean up. Measured on 16.28: the absolute time-out
 * holds for SIP and audio channels alike, in Stasis, in a bridge and in the dialplan. ARI sets it for channels in
 * Stasis only, and a call that we make is in the dialplan: renewals go through AMI.
 */
const RENEW_MS = 5_000;

/** The channel variable that is the lease, for channels made by a request. */
export function leaseVariables(leaseS: number): Record<string, string> {
  return { "TIMEOUT(absolute)": String(leaseS) };
}

/** Lets the channel with this id live for so many seconds from now, wherever it is. */
export type RenewLease = (channelId: string, seconds: number) => Promise<void>;

/** Renews the leases of the channels that `ids` names, for as long as there are any. */
export class LeaseKeeper {
  readonly #renewOne: RenewLease;
  readonly #leaseS: number;
  readonly #ids: () => ReadonlySet<string>;
  #timer: NodeJS.Timeout | undefined;

  constructor(renew: RenewLease, leaseS: number, ids: () => ReadonlySet<string>) {
    this.#renewOne = renew;
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
    // A channel that has just gone has no lease to renew. Without a connection the next renewal is in time again.
    for (const id of ids) this.#renewOne(id, this.#leaseS).catch(() => undefined);
  }
}
