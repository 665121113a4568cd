import { createHash, timingSafeEqual } from "node:crypto";

/** viewer: reads the status. operator: may send requests too. */
export type BrokerRole = "viewer" | "operator";

export interface BrokerUser {
  readonly username: string;
  readonly secret: string;
  readonly role: BrokerRole;
}

export interface AccessRules {
  /** `<base>/<site>`, without a slash at the end. */
  readonly root: string;
  /** Further topics that an operator may publish on, such as Home Assistant's birth message. */
  readonly alsoPublish: readonly string[];
}

/** Longest topic filter, characters; no topic of ours is as long. */
const LONGEST_FILTER = 256;

/** Only requests may come from outside: the status is the gateway's own to tell. */
export function mayPublish(role: BrokerRole, topic: string, rules: AccessRules): boolean {
  if (role !== "operator") return false;
  return topic.startsWith(`${rules.root}/request/`) || rules.alsoPublish.includes(topic);
}

/** `$` begins the broker's own topics, which tell of other clients, and shared subscriptions. */
export function maySubscribe(filter: string): boolean {
  return filter.length > 0 && filter.length <= LONGEST_FILTER && !filter.startsWith("$");
}

/** Who this is, or null. All users are compared whole, so that time tells neither names nor how much was right. */
export function roleOf(
  users: readonly BrokerUser[],
  username: string | undefined,
  password: Uint8Array | undefined,
): BrokerRole | null {
  if (username === undefined || password === undefined || password.length === 0) return null;
  let role: BrokerRole | null = null;
  for (const user of users) {
    const [sameName, sameSecret] = [same(user.username, username), same(user.secret, password)];
    if (sameName && sameSecret && user.secret !== "") role = user.role;
  }
  return role;
}

function same(ours: string, theirs: string | Uint8Array): boolean {
  const digest = (value: string | Uint8Array) => createHash("sha256").update(value).digest();
  return timingSafeEqual(digest(ours), digest(theirs));
}

/** Wrong passwords of an address in `WINDOW_MS` that are told of. */
const MANY_WRONG = 5;
const WINDOW_MS = 60_000;
/** Addresses that are remembered. */
const MOST_ADDRESSES = 1_000;

/**
 * Counts wrong passwords by address, so that guessing is told of once a minute and not each time. Nobody is shut out by
 * it: the secrets are made by the gateway (139 bits), so that guessing comes to nothing, whereas a neighbour behind the
 * same address, or another program of the same machine, would shut out those who know theirs.
 */
export class WrongPasswords {
  /** The latest last. */
  readonly #tries = new Map<string, { readonly count: number; readonly fromMs: number }>();

  /** The password was wrong; true when that is to be told. `nowMs`: monotonic. */
  count(address: string, nowMs: number): boolean {
    const key = hostOf(address);
    const before = this.#tries.get(key);
    const tries = before === undefined || nowMs - before.fromMs >= WINDOW_MS ? { count: 0, fromMs: nowMs } : before;
    this.#tries.delete(key);
    this.#tries.set(key, { ...tries, count: tries.count + 1 });
    for (const oldest of this.#tries.keys()) {
      if (this.#tries.size <= MOST_ADDRESSES) break;
      this.#tries.delete(oldest);
    }
    return tries.count + 1 === MANY_WRONG;
  }
}

/** A host has as many IPv6 addresses in its /64 as it likes (RFC 4291 section 2.5.1): they count as one. */
export function hostOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail = ""] = address.split("%")[0]?.split("::") ?? [];
  const before = head.split(":").filter(Boolean);
  const after = tail.split(":").filter(Boolean);
  const zeros = address.includes("::") ? Array<string>(Math.max(0, 8 - before.length - after.length)).fill("0") : [];
  return [...before, ...zeros, ...after].slice(0, 4).join(":");
}
