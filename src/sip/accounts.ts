import { GatewayError } from "../base/errors.ts";
import type { AccountCredentials, SipModel } from "./model.ts";

/**
 * New credentials for the accounts at run time. Invariants: a model has an account's new credentials or its old ones,
 * never a mixture; what Asterisk remembers of accounts that are gone is taken away, so that no registration of theirs
 * comes back.
 */

/**
 * The model with other credentials for its accounts. Those of accounts that it does not have are left aside.
 * @throws GatewayError `sip-secret-missing`: one of its accounts has none
 */
export function withAccounts(model: SipModel, accounts: ReadonlyMap<string, AccountCredentials>): SipModel {
  const changed = model.accounts.map((account) => {
    const given = accounts.get(account.name);
    if (given === undefined) {
      const message = `account ${account.name} has no secret`;
      throw new GatewayError("sip-secret-missing", message, { details: { account: account.name } });
    }
    return { ...account, username: given.username, secret: given.secret };
  });
  return { ...model, accounts: changed };
}

/** Families of AstDB in which chan_sip keeps what a peer registered, and what it can do. */
export const REGISTRY_FAMILIES = ["SIP/Registry", "SIP/PeerMethods"] as const;

/**
 * Peers that AstDB still remembers although the profile has none of that name: lines of `database show FAMILY`, which
 * are `/SIP/Registry/desk-a2b3c4   : 192.168.1.9:5060:...`. A name that no account of ours could have is left alone.
 */
export function forgottenPeers(lines: readonly string[], family: string, model: SipModel): string[] {
  const known = new Set([...model.accounts.map(({ username }) => username), ...model.trunks.map(({ peer }) => peer)]);
  return lines.flatMap((line) => {
    const name = new RegExp(`^/${family}/([A-Za-z0-9][A-Za-z0-9._-]{0,63})\\s*:`).exec(line)?.[1];
    return name === undefined || known.has(name) ? [] : [name];
  });
}
