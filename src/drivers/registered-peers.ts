import { formatNetwork, parseAddress } from "../base/ip.ts";
import type { RegisteredPeersPort } from "../firewall/port.ts";
import type { CommandPort } from "../sip/port.ts";

/** An account's name, and its peer's name in Asterisk. */
export interface KnownAccount {
  readonly name: string;
  readonly username: string;
}

/**
 * Where our accounts are registered, by Asterisk's command line. `sip show peers` would be one question for all, but
 * it cuts names and addresses short: so each account is asked for by itself.
 */
export class RegisteredPeers implements RegisteredPeersPort {
  readonly #commands: Pick<CommandPort, "command">;
  readonly #accounts: () => readonly KnownAccount[];

  /** `accounts`: as they are now; a reset gives them other usernames. */
  constructor(commands: Pick<CommandPort, "command">, accounts: () => readonly KnownAccount[]) {
    this.#commands = commands;
    this.#accounts = accounts;
  }

  /** Account name → address. Errors as of `CommandPort.command`. */
  async registered(): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const { name, username } of this.#accounts()) {
      const address = readAddress(await this.#commands.command(`sip show peer ${username}`), username);
      if (address !== null) found.set(name, address);
    }
    return found;
  }
}

/**
 * The registered address in `sip show peer NAME`; null when it is not registered, and for any text that is not exactly
 * what Asterisk says of this one peer. The Contact and User-Agent that stand there too are the phone's own words.
 */
export function readAddress(lines: readonly string[], username: string): string | null {
  const names = lines.filter((line) => /^ {2}\* Name +:/.test(line));
  const places = lines.filter((line) => /^ {2}Addr->IP +:/.test(line));
  if (names.length !== 1 || places.length !== 1) return null;
  if (/^ {2}\* Name +: (\S+)\s*$/.exec(names[0] ?? "")?.[1] !== username) return null;
  // IPv6 stands in brackets, with its interface when it is of a link.
  const place = /^ {2}Addr->IP +: (?:([0-9.]+)|\[([0-9A-Fa-f:.]+)(?:%[\w.-]+)?\]):\d{1,5}\s*$/.exec(places[0] ?? "");
  const address = parseAddress(place?.[1] ?? place?.[2] ?? "");
  return address === null || address.first === 0n ? null : formatNetwork(address);
}
