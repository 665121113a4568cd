import { lookup, Resolver } from "node:dns/promises";
import { GatewayError } from "../base/errors.ts";
import { within } from "../base/lifecycle.ts";
import type { NameAnswer, NamesPort } from "../firewall/port.ts";

/** A server that does not answer is asked twice. */
const SERVER_LIMIT_MS = 2_000;
const LIMIT_MS = 8_000;
/** The system's own resolver tells no time to live. */
const SYSTEM_TTL_S = 300;
const MAX_ANSWERS = 64;

/** No such name or no address of this family: an answer, if an empty one (RFC 8020, RFC 2308 section 2.2). */
const EMPTY = new Set(["ENOTFOUND", "ENODATA"]);

/**
 * DNS by the machine's name servers; names that they don't know (`/etc/hosts`, mDNS) by the system's resolver, which
 * Asterisk uses too.
 */
export class DnsNames implements NamesPort {
  readonly #servers: readonly string[] | undefined;

  /** `servers`: addresses, with a port if need be; without them, those of the machine. */
  constructor(servers?: readonly string[]) {
    this.#servers = servers;
  }

  /** @throws GatewayError `name-unknown`, `name-failed` */
  async lookUp(name: string): Promise<NameAnswer> {
    // A resolver of its own: it reads /etc/resolv.conf when it is made, and the network changes.
    const resolver = new Resolver({ timeout: SERVER_LIMIT_MS, tries: 2 });
    if (this.#servers !== undefined) resolver.setServers(this.#servers);
    try {
      const asked = Promise.allSettled([
        resolver.resolve4(name, { ttl: true }),
        resolver.resolve6(name, { ttl: true }),
      ]);
      const families = await within(LIMIT_MS, asked, "the name servers did not answer");
      const found = families.flatMap((family) => (family.status === "fulfilled" ? family.value : []));
      const failed = families.find((family) => family.status === "rejected" && !EMPTY.has(codeOf(family.reason)));
      if (found.length > 0) {
        return {
          addresses: found.slice(0, MAX_ANSWERS).map((record) => record.address),
          ttlS: Math.min(...found.map((record) => record.ttl)),
          ...(failed === undefined ? {} : { partial: true }),
        };
      }
      return await this.#askSystem(name, failed?.status === "rejected" ? failed.reason : null);
    } catch (cause) {
      if (cause instanceof GatewayError && cause.code.startsWith("name-")) throw cause;
      throw new GatewayError("name-failed", "the look-up failed", { cause, details: { name } });
    } finally {
      resolver.cancel();
    }
  }

  async #askSystem(name: string, failure: unknown): Promise<NameAnswer> {
    if (this.#servers === undefined) {
      const found = await within(LIMIT_MS, lookup(name, { all: true }), "the system did not answer").catch(() => []);
      if (found.length > 0) {
        return {
          addresses: found.slice(0, MAX_ANSWERS).map((record) => record.address),
          ttlS: SYSTEM_TTL_S,
          ...(failure === null ? {} : { partial: true }),
        };
      }
    }
    if (failure === null) throw new GatewayError("name-unknown", "the name has no address", { details: { name } });
    throw new GatewayError("name-failed", "the look-up failed", { cause: failure, details: { name } });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
