import { formatNetwork, type IpNetwork, overlaps, parseNetwork } from "../base/ip.ts";

/**
 * Who did it. Found out by experiment with Asterisk 16.28 and the rendered profile (`test/integration/guard-events`
 * repeats the main ones):
 *
 * | request                                           | answer        | events                                  |
 * | ------------------------------------------------- | ------------- | --------------------------------------- |
 * | REGISTER, INVITE (any spelling) without digest    | 401           | ChallengeSent                           |
 * | - with a digest to a made-up or an empty nonce    | 401           | ChallengeSent                           |
 * | - with a wrong digest to our nonce                | 401, 403      | ChallengeSent, InvalidPassword          |
 * | REGISTER, known user, another user in the digest  | 401, 403      | ChallengeSent, ChallengeResponseFailed  |
 * | - the same to a made-up nonce, second of a call   | 401, 401      | ChallengeSent, ChallengeResponseFailed  |
 * | REGISTER, known user from a wrong network         | 401, then 403 | FailedACL for each                      |
 * | REGISTER, name of 250 characters and more         | none          | InvalidPassword, all challenges empty   |
 * | REGISTER with the right password                  | 401, 200      | ChallengeSent, SuccessfulAuth           |
 * | INVITE with it, not from where it is registered   | 401, 403      | ChallengeSent, InvalidPassword          |
 * | OPTIONS, without or with a digest                 | 401, 403      | none: guesses that nobody hears of      |
 * | SUBSCRIBE, MESSAGE, PUBLISH                       | 403, 415, 489 | none                                    |
 *
 * Unknown users have the same as known ones but where it says "known". What follows:
 *
 * 1. A sender who sees none of our answers (a forged UDP source) can cause ChallengeSent, FailedACL,
 *    ChallengeResponseFailed and InvalidPassword without challenges. InvalidPassword with a `ReceivedChallenge` that is
 *    the `Challenge` it cannot cause: the nonce is 31 random bits, and every miss makes a new one. That is a proven
 *    failure, and the only one.
 * 2. It proves that the sender reads what we send to it, and **not** that it is at `RemoteAddress`: over UDP and TCP,
 *    chan_sip puts there whatever stands behind `maddr=` in the sender's Via, and the port of the Via, while the answers
 *    go to the real source (force_rport). On that alone anybody could have anybody banned, or hide behind somebody who is trusted.
 * 3. With `pedantic=yes` (ours is `no`) a From can complete the event it stands in with an address of its own, and
 *    nothing about the text is out of form.
 *
 * Hence events only say that somebody failed. Who it was is what the kernel saw: to whom it let a `SIP/2.0 403` out,
 * which goes to the packet's source. No REGISTER or INVITE was found that has one sent to a blind sender's victim
 * (Require, Replaces, Join, bodies, Contacts, timers, other digests were tried), and strangers' SUBSCRIBE and OPTIONS,
 * which have, do not reach Asterisk.
 */

/** Prefix that an IPv6 source is judged by: one customer, one household, has at least that much (RFC 6177 section 2). */
const V6_PREFIX = 64;

/** Canonical text of the source that an address belongs to: the address (IPv4) or its /64; null for anything else. */
export function sourceOf(text: string): string | null {
  const network = parseNetwork(text);
  if (network === null) return null;
  if (network.family === 4) return network.prefix === 32 ? formatNetwork(network) : null;
  if (network.prefix < V6_PREFIX) return null;
  const host = BigInt(128 - V6_PREFIX);
  return formatNetwork({ family: 6, first: (network.first >> host) << host, prefix: V6_PREFIX });
}

/** Whether a source has an address in common with any of these networks. */
export function liesIn(source: string, networks: readonly IpNetwork[]): boolean {
  const network = parseNetwork(source);
  return network !== null && networks.some((each) => overlaps(each, network));
}

/** How many refusals went to each source so far, as the kernel counts them. */
export type Refusals = ReadonlyMap<string, number>;

/** The same by source: addresses of one /64 together, what is no address left out. */
export function bySource(refusals: Refusals): Refusals {
  const sums = new Map<string, number>();
  for (const [address, count] of refusals) {
    const source = sourceOf(address);
    if (source !== null && Number.isFinite(count)) sums.set(source, (sums.get(source) ?? 0) + Math.max(0, count));
  }
  return sums;
}

/** How many more refusals each source had than at an earlier look. */
export function risesSince(before: Refusals, now: Refusals): Refusals {
  const rises = new Map<string, number>();
  for (const [source, count] of now) {
    const earlier = before.get(source) ?? 0;
    // Fewer than before: the kernel had forgotten it in between.
    const rise = count >= earlier ? count - earlier : count;
    if (rise > 0) rises.set(source, rise);
  }
  return rises;
}

export interface Attributed {
  /** Failures by source: no more than there were events, and each source was sent as many refusals by the kernel. */
  readonly failures: ReadonlyMap<string, number>;
  /** Events for which the kernel saw nobody (yet), by the source that Asterisk named. */
  readonly left: ReadonlyMap<string, number>;
  /** Refusals for which there was no event (yet). */
  readonly unused: Refusals;
}

/**
 * Gives as many failures as there were events to those whom the kernel saw refused meanwhile: first to a stranger whom
 * Asterisk names, then to other strangers, most refused first, and last to a trusted source that is named: naming one
 * that is sent refusals for other reasons must not hide anybody. A trusted source answers only for what names it.
 */
export function attribute(
  named: ReadonlyMap<string, number>,
  rises: Refusals,
  trusted: (source: string) => boolean,
): Attributed {
  const failures = new Map<string, number>();
  const unused = new Map(rises);
  const left = new Map(named);
  const give = (source: string, name: string, most: number) => {
    const count = Math.min(most, unused.get(source) ?? 0, left.get(name) ?? 0);
    if (count < 1) return;
    failures.set(source, (failures.get(source) ?? 0) + count);
    unused.set(source, (unused.get(source) ?? 0) - count);
    left.set(name, (left.get(name) ?? 0) - count);
  };
  for (const [name, count] of named) if (!trusted(name)) give(name, name, count);
  const others = [...unused].filter(([source]) => !trusted(source)).sort((a, b) => b[1] - a[1]);
  for (const [source, rise] of others) {
    for (const [name, count] of left) if (count > 0) give(source, name, rise);
  }
  for (const [name, count] of left) if (trusted(name)) give(name, name, count);
  const some = (counts: ReadonlyMap<string, number>) => new Map([...counts].filter(([, count]) => count > 0));
  return { failures, left: some(left), unused: some(unused) };
}
