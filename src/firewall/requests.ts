import { GatewayError } from "../base/errors.ts";
import { formatNetwork, isSingle, parseAddress, parseNetwork } from "../base/ip.ts";
import { type Explanation, type GuardControl, type GuardView, MOST_ON_PAGE, MOST_SHOWN } from "./control.ts";
import { isUnusable } from "./special-networks.ts";
import type { Ban } from "./types.ts";

/** Requests about the firewall on the gateway's local socket: `firewall.` and what is to be done. */
export const GUARD_METHODS = ["status", "confirm", "bans", "ban", "release", "refresh", "explain"] as const;
export type GuardMethod = `firewall.${(typeof GUARD_METHODS)[number]}`;

/** One page of the bans in force. */
export interface BansPage {
  readonly bans: readonly Ban[];
  readonly total: number;
  /** Where the next page begins; null when this is the last. */
  readonly next: number | null;
}

/** Longest ban by hand, minutes: a year. */
const LONGEST_BAN = 525_600;
/** A text of more characters is cut: all of an answer must fit into a line, whatever goes wrong at once. */
const LONGEST_TEXT = 160;
const MOST_FAULTS = 10;
const MOST_NAMES = 25;
/** Of each name. */
const MOST_ADDRESSES = 4;

export function isGuardMethod(method: string): method is GuardMethod {
  return GUARD_METHODS.some((name) => method === `firewall.${name}`);
}

/**
 * Performs one request. Whoever may open the socket may ask for anything, but may have it wrong: parameters are
 * checked here, and answers are kept to a length that a line of the socket can have.
 * @throws GatewayError `bad-request`, `bad-address`, and those of `GuardControl`
 */
export async function guardRequest(
  control: GuardControl,
  method: GuardMethod,
  params: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const given: Record<string, unknown> = typeof params === "object" && params !== null ? { ...params } : {};
  switch (method) {
    case "firewall.status":
      return boundedView(await control.view());
    case "firewall.confirm":
      return { changes: (await control.confirm()).changes.slice(0, MOST_SHOWN) };
    case "firewall.bans":
      return pageOf(await control.bans(), optional(given["from"], isWhole(Number.MAX_SAFE_INTEGER), "from") ?? 0);
    case "firewall.ban": {
      const minutes = optional(given["minutes"], isWhole(LONGEST_BAN), "minutes");
      if (minutes === 0) throw new GatewayError("bad-request", "minutes: at least 1");
      const source = sourceOf(given["address"], "a network goes into a block list (firewall.blockLists)");
      if ([parseNetwork(source)].some((network) => network !== null && isUnusable(network))) {
        throw new GatewayError("bad-address", `${source} is no address that anybody sends from`);
      }
      return control.ban(source, minutes);
    }
    case "firewall.release": {
      const { address } = given;
      const of = address === null ? null : sourceOf(address, "networks are not banned, only addresses");
      const released = await control.release(of);
      return { released };
    }
    case "firewall.refresh": {
      const outcomes = await control.refresh(optional(given["list"], isText, "list"), signal);
      return outcomes.slice(0, MOST_SHOWN).map((one) => ({ ...one, fault: cut(one.fault) }));
    }
    case "firewall.explain":
      return boundedExplanation(await control.explain(addressOf(given["address"])));
  }
}

/** An address, canonical. */
function addressOf(given: unknown): string {
  const address = typeof given === "string" ? parseAddress(given) : null;
  if (address === null) {
    const network = typeof given === "string" && parseNetwork(given) !== null;
    const told = network
      ? "this is a network: give one of its addresses"
      : 'no IP address: names are not looked up here; "paxgate firewall" shows the addresses of those in the configuration';
    throw new GatewayError("bad-address", told);
  }
  return formatNetwork(address);
}

/**
 * What can be banned, canonical: an address, or an IPv6 /64 as it stands in the list of bans. `ofNetwork`: what to say
 * of any other network.
 */
function sourceOf(given: unknown, ofNetwork: string): string {
  const network = typeof given === "string" ? parseNetwork(given) : null;
  if (network === null) throw new GatewayError("bad-address", "neither an IP address nor an IPv6 /64");
  if (!(isSingle(network) || (network.family === 6 && network.prefix === 64))) {
    throw new GatewayError("bad-address", ofNetwork);
  }
  return formatNetwork(network);
}

function optional<T>(given: unknown, is: (value: unknown) => value is T, name: string): T | null {
  if (given === undefined || given === null) return null;
  if (is(given)) return given;
  throw new GatewayError("bad-request", `${name} is not as it should be`);
}

const isWhole =
  (max: number) =>
  (value: unknown): value is number =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) <= max;

const isText = (value: unknown): value is string => typeof value === "string" && /^[a-z][a-z0-9-]{0,23}$/.test(value);

function pageOf(bans: readonly Ban[], from: number): BansPage {
  const end = from + MOST_ON_PAGE;
  return { bans: bans.slice(from, end), total: bans.length, next: end < bans.length ? end : null };
}

/** Of what there is too much of, what has a fault comes first. */
function boundedView(view: GuardView): GuardView {
  const faultsFirst = <T extends { readonly fault: string | null }>(all: readonly T[], most: number) =>
    [...all]
      .sort((one, other) => Number(one.fault === null) - Number(other.fault === null))
      .slice(0, most)
      .map((one) => ({ ...one, fault: cut(one.fault) }));
  return {
    ...view,
    faults: view.faults.slice(0, MOST_FAULTS).map((text) => cut(text)),
    lists: faultsFirst(view.lists, MOST_SHOWN),
    names: faultsFirst(view.names, MOST_NAMES).map((one) => ({
      ...one,
      addresses: one.addresses.slice(0, MOST_ADDRESSES),
    })),
    bans: { ...view.bans, latest: view.bans.latest.slice(0, MOST_SHOWN) },
    limited: { ...view.limited, some: view.limited.some.slice(0, MOST_SHOWN) },
    counters: view.counters.slice(0, MOST_SHOWN),
    scanner: [...view.scanner].sort((one, other) => other.packets - one.packets).slice(0, MOST_SHOWN),
  };
}

function boundedExplanation(explanation: Explanation): Explanation {
  return { ...explanation, reasons: explanation.reasons.slice(0, MOST_SHOWN) };
}

function cut<T extends string | null>(text: T): T | string {
  return text !== null && text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 1)}…` : text;
}
