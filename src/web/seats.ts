import { MAX_CONNECTIONS, MAX_PER_ADDRESS, MAX_SILENT, MAX_STRANGERS, SILENT_MS } from "./limits.ts";

/** A connection, as far as its right to stay is concerned. */
export interface Seat {
  /** Canonical. */
  readonly address: string;
  /** What is counted as one where a host has many addresses (see sources.ts). */
  readonly neighbourhood: string;
  /** When it came, monotonic ms. */
  readonly sinceMs: number;
  /** Whether a whole head of a request has come on it. */
  readonly heard: boolean;
}

/** The newcomer may stay (in whose place?), or may not. */
export type Seating<S extends Seat> =
  | { readonly stays: false }
  | { readonly stays: true; readonly insteadOf: S | null };

/**
 * Who stays when there is one more. A stranger who opens as many connections as he can takes none from those who are
 * known, and none from another stranger either: when all seats of strangers are taken, one of whoever has most of them
 * is given to the newcomer, or of those that have said nothing for a second. `seats`: the oldest first.
 */
export function seat<S extends Seat>(
  seats: readonly S[],
  { address, neighbourhood }: Pick<Seat, "address" | "neighbourhood">,
  isKnown: (address: string) => boolean,
  nowMs: number,
): Seating<S> {
  const own = seats.filter((one) => one.address === address);
  if (own.length >= MAX_PER_ADDRESS) return { stays: false };
  if (isKnown(address)) {
    if (seats.length < MAX_CONNECTIONS) return { stays: true, insteadOf: null };
    return instead(seats.find((one) => !isKnown(one.address)));
  }
  // Browsers open some connections at once, but after the first request only.
  if (own.length >= MAX_SILENT && !own.some(({ heard }) => heard)) return { stays: false };
  const strangers = seats.filter((one) => !isKnown(one.address));
  if (strangers.length < MAX_STRANGERS && seats.length < MAX_CONNECTIONS) return { stays: true, insteadOf: null };
  return instead(fromCrowd(strangers, neighbourhood) ?? silent(strangers, nowMs));
}

function instead<S extends Seat>(victim: S | undefined): Seating<S> {
  return victim === undefined ? { stays: false } : { stays: true, insteadOf: victim };
}

/** One of the neighbourhood that has most, if it has more than the newcomer's even then. */
function fromCrowd<S extends Seat>(seats: readonly S[], newcomers: string): S | undefined {
  const crowds = new Map<string, S[]>();
  for (const one of seats) {
    const crowd = crowds.get(one.neighbourhood);
    if (crowd === undefined) crowds.set(one.neighbourhood, [one]);
    else crowd.push(one);
  }
  let largest: readonly S[] = [];
  for (const crowd of crowds.values()) if (crowd.length > largest.length) largest = crowd;
  if (largest.length < (crowds.get(newcomers)?.length ?? 0) + 2) return undefined;
  return largest.find(({ heard }) => !heard) ?? largest[0];
}

/** No browser opens a connection long before it asks; that bounds how many are exchanged in a second, too. */
function silent<S extends Seat>(seats: readonly S[], nowMs: number): S | undefined {
  return seats.find(({ heard, sinceMs }) => !heard && nowMs - sinceMs >= SILENT_MS);
}
