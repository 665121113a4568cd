import type { FirewallPolicy } from "./types.ts";

/** How much may come from whom: rates, numbers and times of the rules for SIP. */

/** Of them, and of keep-alives, from one source. Three retransmitting calls stay far below. */
export const FOLLOW_RATE = "limit rate 20/second burst 40 packets";
/**
 * What the trusted may send over UDP besides new calls, since anybody can send in their name: requests, each of which
 * Asterisk remembers for 32 s in 15 kB (measured), and packets that go on with something.
 */
export const TRUSTED_REQUESTS = "timeout 10m limit rate 30/second burst 400 packets";
export const TRUSTED_FOLLOWS = "timeout 10m limit rate 500/second burst 1000 packets";
/**
 * What a registered phone may send over TCP: as much as over UDP, where a request has 300 bytes at least. A registration
 * takes less than 2 kB, so that a hundred phones behind one address can come back at once after a power cut.
 */
export const REGISTERED_BYTES = "timeout 10m limit rate 8192 bytes/second burst 262144 bytes";
/** REGISTER of registered phones: whoever has one account could guess at the others. A hundred behind one address come back in 35 s. */
export const REGISTERED_REQUESTS = "timeout 10m limit rate 4/second burst 60 packets";
/**
 * Requests of all strangers together. Each leaves a dialogue of 15 kB in Asterisk for half a minute: without it 50,000
 * forged packets a second made it grow by 454 MB, with it by 4 MB (measured).
 */
export const ALL_REQUESTS = "limit rate over 20/second burst 100 packets";
/** Who is limited stays so while it sends more than a telephone that tries again and again (EJ). */
export const PERSISTENT = "timeout 10m limit rate over 1/second burst 30 packets";
/** How long after its last refusal an address is forgotten, s: whose failed login it was is asked within 2 s. */
export const REFUSALS_KEPT_S = 10;
/** How long the packets of a dialogue pass after our own last word to that source: longer than most calls, s. */
export const KNOWN_S = 7_200;

/**
 * Bytes over TCP for each request of the budget, with all headers. Requests in one segment can't be counted, their bytes
 * can: a REGISTER with credentials takes about 700 to us, its answer 500 from us.
 */
export const RECEIVED_PER_REQUEST = 750;
export const ANSWERED_PER_REQUEST = 500;

/**
 * Connections of one stranger at a time, and of all together. chan_sip's own limit does not hold: a connection on which a
 * REGISTER was challenged counts as authenticated for ever, and takes a thread and 57 kB (measured).
 */
export const CONNECTIONS_EACH = 4;
export const CONNECTIONS_ALL = 100;

export interface Budgets {
  readonly requests: string;
  readonly received: string;
  readonly answered: string;
  readonly limitedS: number;
}

export function budgetsOf({ limits }: FirewallPolicy): Budgets {
  const { requestBurst: burst, requestsPerHour: perHour } = limits;
  // A meter that has been silent for so long is full again: forgetting it gives nothing away.
  const refilled = Math.ceil((burst * 3600) / perHour) + 60;
  const bytes = (each: number) =>
    `timeout ${refilled}s limit rate ${Math.max(1, Math.floor((perHour * each) / 3600))} bytes/second burst ${burst * each} bytes`;
  return {
    requests: `timeout ${refilled}s limit rate ${perHour}/hour burst ${burst} packets`,
    received: bytes(RECEIVED_PER_REQUEST),
    answered: bytes(ANSWERED_PER_REQUEST),
    limitedS: limits.limitedMinutes * 60,
  };
}
